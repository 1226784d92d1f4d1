"""Keep a place ready for the entries to come: `ledger_entry` is partitioned by index, and a piece is made before it is needed.

The service may create nothing; `ledger_make_room` in the database does it as the owner, one piece a call. A crash leaves a piece or none.
Where a lock was held too long the next call tries again, long before there is no room. An entry without a place is refused by
PostgreSQL, and stays pending.
"""

from django.db import connection

AHEAD = 1 << 20
"""How many entries before the end the next piece is made: a minute at full load."""

_room: dict[str, int] = {}
"""Where the last piece ends, by the database's name, as far as this process knows."""


def ensure(size: int) -> None:
    """See to it that a log of `size` entries can grow. Call it before the transaction that appends; it costs a look-up.

    Args:
        size: How many entries the log has, or will have after the next batch.
    """
    database = str(connection.settings_dict["NAME"])
    while (known := _room.get(database, 0)) < size + AHEAD:
        with connection.cursor() as cursor:
            cursor.execute("SELECT ledger_make_room(%s)", [size + AHEAD])
            (_room[database],) = cursor.fetchone()
        if _room[database] == known:
            return
