"""What is usual on a host, and what breaks it: calls a day, the patterns of commands, the hours of activity. Pure.

Nothing is said before a week was seen. A number breaks the usual where it is far beyond what the days before spread: more than six of
their deviations (the median's, which one odd day does not move), more than double, and more than 20 calls. An hour is new where nothing
ever happened in it nor in the hours beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Final

LEARNING: Final = 7
"""Days."""
KEPT: Final = 28
"""Days that are looked at: what changed for good is usual after four weeks."""
_LEAST: Final = 20
_DEVIATIONS: Final = 6 * 1.4826
"""Six standard deviations, by the median's deviation (of a normal distribution)."""


@dataclass(frozen=True, slots=True)
class Day:
    """What a host did on one of its own days."""

    date: date
    calls: int
    hours: frozenset[int]
    """0 to 23, by the host's own clock."""
    shapes: frozenset[str]
    """Of `guard.shapes`."""


def break_of(days: Sequence[Day], today: Day) -> list[str]:
    """Return how `today` breaks what was usual: of `calls`, `shape`, `hour`. It may be asked while the day still runs."""
    before = sorted((day for day in days if day.date < today.date), key=lambda day: day.date)[-KEPT:]
    if len(before) < LEARNING:
        return []
    reasons = []
    if today.calls > _usual([day.calls for day in before]):
        reasons.append("calls")
    if today.shapes - frozenset().union(*(day.shapes for day in before)):
        reasons.append("shape")
    known = frozenset().union(*(day.hours for day in before))
    if today.hours - {(hour + beside) % 24 for hour in known for beside in (-1, 0, 1)}:
        reasons.append("hour")
    return reasons


def _usual(calls: list[int]) -> float:
    """Return the number beyond which it is not."""
    middle = median(calls)
    spread = median(abs(each - middle) for each in calls)
    return middle + max(_DEVIATIONS * spread, middle, _LEAST)
