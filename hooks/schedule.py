"""When a delivery that failed is tried again, and for how long its target is left alone. Pure."""

from datetime import timedelta
from typing import Final

DELAYS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Before each try. After the last the delivery is dead until an officer replays it."""


GIVEN_UP_AFTER: Final = sum(DELAYS, timedelta(0))
SHORTEST_REST: Final = timedelta(seconds=5)
LONGEST_REST: Final = timedelta(minutes=5)
LONGEST_WISH: Final = timedelta(hours=1)


def rest_after(failures: int, *, wished: timedelta | None = None) -> timedelta:
    """Return for how long a target is left alone that was not reached so often in a row: twice as long each time, or as long as it wished."""
    doubled: int = 2 ** min(failures - 1, 10)
    rest = min(SHORTEST_REST * doubled, LONGEST_REST)
    return max(rest, min(wished, LONGEST_WISH)) if wished else rest


def delay_after(tries: int) -> timedelta | None:
    """Return how long to wait after so many failed tries, or None when there is no further try."""
    return DELAYS[tries] if tries < len(DELAYS) else None
