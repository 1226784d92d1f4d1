"""Give pending entries their place: one transaction a batch.

Claim by deletion, in identity order, never by a watermark (identity order is not commit order); chain; COPY; move the head. A crash
before the commit leaves the batch pending, after it sequenced: nothing is lost and nothing doubled. The head row's lock makes a second
sequencer wait; the primary key (log, index) makes it fail loudly if ever it did not.
"""

from collections.abc import Iterable
from struct import Struct

import psycopg
from django.db import connection, transaction

from ledger import partitions
from ledger.leaf import chain
from ledger.merkle import frontier_extend
from ledger.models import Log

BATCH = 1024

# Said as a range, so that the one index in this order serves it: for equality the planner may walk the ids of all logs instead, the dead
# ones too, whenever its statistics are of another hour. The head's lock makes claims of one log take turns, so the rows need none.
# The text of `at` and `ref` is what stands in the leaf; the raw form of `ref` is what goes into the table.
_CLAIM = """
DELETE FROM ledger_pending WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ledger_pending WHERE log_id BETWEEN %(log)s AND %(log)s ORDER BY log_id, id LIMIT %(batch)s
)) RETURNING id, uuid_send(ref), to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), kind, ref::text, mark, actor, subject, payload
"""
_COPY = "COPY ledger_entry (log_id, index, ref, leaf, leaf_hash) FROM STDIN (FORMAT BINARY)"
# PostgreSQL's binary form of COPY: the signature, no flags; each row its number of columns, each column after its length; -1 at the end.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_INDEX_TO_LEAF = Struct(">iqi16si").pack
_HASH_LENGTH = Struct(">i").pack(32)
_END = b"\xff\xff"


def sequence(*, origin: str, batch: int = BATCH) -> int:
    """Sequence up to `batch` pending entries of one log; return how many there were.

    Raises:
        InvalidLeaf: One of them cannot be written as a leaf; nothing is done.
    """
    partitions.ensure(Log.objects.values_list("size", flat=True).get(origin=origin) + batch)
    with transaction.atomic():
        log = Log.objects.select_for_update().get(origin=origin)
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(_CLAIM, {"log": origin, "batch": batch}, binary=True)
            claimed = sorted(cursor.fetchall())
            if not claimed:
                return 0
            made = chain(log=origin, index=log.size, prev=bytes(log.head), entries=(row[2:] for row in claimed))
            with cursor.copy(_COPY) as copy:
                copy.write(_rows(origin, log.size, (row[1] for row in claimed), made))
        size, frontier = log.size + len(made), [bytes(node) for node in log.frontier]
        moved = Log.objects.filter(origin=origin, size=log.size).update(
            size=size,
            head=made[-1][1],
            frontier=frontier_extend(frontier, log.size, (leaf_hash for _, leaf_hash in made)),
        )
        if moved != 1:
            raise RuntimeError("the head moved under its lock")
        return len(made)


def _rows(origin: str, first: int, refs: Iterable[bytes], made: list[tuple[bytes, bytes]]) -> bytes:
    name = origin.encode()
    start = Struct(">hi").pack(5, len(name)) + name
    parts = [_HEADER]
    for index, (ref, (leaf, leaf_hash)) in enumerate(zip(refs, made, strict=True), first):
        parts += (start, _INDEX_TO_LEAF(8, index, 16, ref, len(leaf)), leaf, _HASH_LENGTH, leaf_hash)
    parts.append(_END)
    return b"".join(parts)
