"""Feed what apps record to the rules that count: a web page that speaks begins no process, and the rate at night holds for it too.

One transaction a host, under its lock: the syntheses of its app since the last look, up to a moment ago, so that one whose transaction is
still open is not passed over. An app with several hosts is followed on the first: a record does not say on which host it was made.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from guard.calls import SYNTHESIS, add_context
from guard.correlate import correlate
from guard.learn import learn
from guard.models import Host
from guard.own_event import own_event
from guard.queries import rules_in_force, setting_of
from guard.raise_alert import raise_alerts
from guard.store import Happened, row_of, store_evidence
from retention.queries import syntheses_of

LAG: Final = timedelta(seconds=2)
"""Within this a record's transaction has ended."""
A_ROUND: Final = 1_000


def follow_records(*, now: datetime) -> int:
    """Look at what was recorded; return how many records were counted."""
    first: dict[object, Host] = {}
    for host in Host.objects.filter(removed_at=None).order_by("registered_at", "id"):
        first.setdefault(host.app_id, host)
    return sum(_follow(host, now) for host in first.values())


def _follow(host: Host, now: datetime) -> int:
    upto = now - LAG
    since = host.followed_at or host.registered_at
    if not syntheses_of(app_id=host.app_id, since=since, upto=upto, most=1):
        return 0
    with transaction.atomic():
        found = Host.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "app")
        locked = found.filter(id=host.id, removed_at=None).first()
        if locked is None or locked.followed_at != host.followed_at:
            return 0  # somebody else has followed
        times = syntheses_of(app_id=host.app_id, since=since, upto=upto, most=A_ROUND)
        locked.followed_at = times[-1]
        locked.save(update_fields=["followed_at"])
        _count(locked, times, now)
    return len(times)


def _count(host: Host, times: Iterable[datetime], now: datetime) -> None:
    setting, rules = setting_of(host), rules_in_force()
    matches, by_day = [], defaultdict[date, list[int]](list)
    for at in times:
        event = own_event(SYNTHESIS, at=at, host_id=host.id)
        add_context(event, at=at, setting=setting)
        here = at.astimezone(setting.zone)
        by_day[here.date()].append(here.hour)
        if counted := [rule for rule in rules.judge(event) if rule.is_base_only]:
            [event_id] = store_evidence(rows=[row_of(host, Happened(at, event), now)])
            matches += [(rule, Happened(at, event), event_id) for rule in counted]
    raise_alerts(host=host, breaches=correlate(host=host, matches=matches, now=now), now=now)
    for day, hours in sorted(by_day.items()):
        learn(host=host, day=day, calls=len(hours), hours=set(hours), commands=(), now=now)
