"""Learn what a host does on its days, and notice where a day breaks with those before: how many calls, at which hours, by which commands.

In the caller's transaction, under the host's lock.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final

from guard.baseline import Day, break_of
from guard.models import Alert, BaselineDay, Host
from guard.notice import notice
from guard.shapes import shape_of
from guard.store import clean

LOOK_BACK: Final = timedelta(days=28)
MOST_SHAPES: Final = 200
LONGEST_SHAPE: Final = 300


def learn(  # noqa: PLR0913
    *, host: Host, day: date, calls: int, hours: Collection[int], commands: Collection[str], now: datetime
) -> list[Alert]:
    """Add calls to a day of the host's calendar, and raise what breaks with the days before; each kind of break once a day."""
    row, _ = BaselineDay.objects.get_or_create(host=host, date=day)
    row.calls += calls
    row.hours = sorted({*row.hours, *hours})
    seen = {clean(shape_of(command))[:LONGEST_SHAPE] for command in commands}
    row.shapes = [*row.shapes, *sorted(seen - set(row.shapes))][:MOST_SHAPES]
    before = BaselineDay.objects.filter(host=host, date__lt=day, date__gte=day - LOOK_BACK).order_by("date")
    reasons = break_of([_value(each) for each in before], _value(row))
    new = [reason for reason in reasons if reason not in row.broken]
    row.broken = [*row.broken, *new]
    row.save()
    return [
        alert
        for reason in new
        for alert in notice(host=host, action="baseline.break", at=now, now=now, consonant={"reason": reason})
    ]


def _value(row: BaselineDay) -> Day:
    return Day(row.date, row.calls, frozenset(row.hours), frozenset(row.shapes))
