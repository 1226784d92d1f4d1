"""Let go of what hosts reported, after its day (`CONSONANT_TELEMETRY_KEEP`); of the days of a host, what no comparison looks back to.

In pieces, each a statement of its own: a crash leaves the rest to the next round.
"""

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection

from guard.learn import LOOK_BACK
from guard.models import BaselineDay, Batch, Event, Malformed, Match, Sighting

PIECE: Final = 20_000
_TABLES: Final = (Event, Malformed, Match, Batch, Sighting)


def forget(*, now: datetime) -> int:
    """Delete what is older; return how many rows."""
    before = now - settings.TELEMETRY_KEEP
    gone = sum(_forget(model._meta.db_table, before) for model in _TABLES)  # noqa: SLF001
    return gone + BaselineDay.objects.filter(date__lt=(now - 2 * LOOK_BACK).date()).delete()[0]


def _forget(table: str, before: datetime) -> int:
    gone = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - a table of ours
                f"SELECT ctid FROM {table} WHERE received_at < %s LIMIT {PIECE}))",
                [before],
            )
            deleted: int = cursor.rowcount
            gone += deleted
            if deleted < PIECE:
                return gone
