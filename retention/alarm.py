"""Wait for the next deadline, and for nothing else: there is no beat between a deadline and its sweep.

Whoever waits sleeps until the earliest deadline that the database knows, and is woken before by its NOTIFY when something ends early. What was
recorded meanwhile with a deadline earlier than all is noticed within `LOOK_AGAIN`. Where NOTIFY does not come through (a pooler of
connections), that alone is the grain.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import connection

from retention import queries
from retention.models import Change

CHANNEL = "retention"
LOOK_AGAIN = 0.2
"""Seconds."""


def listen() -> None:
    """Let this connection hear what ends; it has to be said anew on each new connection."""
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")


def wait(*, clock: Callable[[], datetime]) -> bool:
    """Sleep until the next deadline, a word, or the time to look again; say whether there may be work.

    A word that came while nobody listened is not missed: what it was about stands in a row.
    """
    if Change.objects.exists():
        return True
    now = clock()
    deadline = queries.next_deadline(now=now)
    left = (deadline - now).total_seconds() if deadline else 2 * LOOK_AGAIN
    if left <= 0:
        return True
    connection.ensure_connection()
    told = list(connection.connection.notifies(timeout=min(left, LOOK_AGAIN), stop_after=1))
    return bool(told) or left <= LOOK_AGAIN
