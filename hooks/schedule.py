"""When a delivery that failed is tried again. Pure."""

from datetime import timedelta

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


def delay_after(tries: int) -> timedelta | None:
    """Return how long to wait after so many failed tries, or None when there is no further try."""
    return DELAYS[tries] if tries < len(DELAYS) else None
