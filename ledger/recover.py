"""Bring a database that is behind its signed head back to it, from the published bundles.

One transaction for each log, under its head row: check that what the database holds is the beginning of what was signed;
read the missing entries from the bundles; replay the chain and the tree; only when that ends in the signed root write the entries, the
head, and a mark for each opening that is lost. Entries that the restored database still has waiting and that are in the log already are
taken out of the queue. A crash leaves the database as it was, and the command is called again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import connection, transaction

from keyring.errors import KeyGone
from keyring.keys import store
from ledger import partitions
from ledger.barrier import refuse_if_behind
from ledger.errors import Behind, Diverged, InvalidTile
from ledger.files import read, write
from ledger.heads import origins, published_checkpoint, signed_checkpoint
from ledger.leaf import decode
from ledger.merkle import frontier_append, frontier_root, leaf_hash
from ledger.models import Entry, Log
from ledger.queries import leaves, logs
from ledger.signing import open_log
from ledger.tiles import WIDTH, TileReader, bundle_path, decode_bundle, new_files

LOST = "lost"
"""The holder of an opening that is in no database any more."""

_NO_LONGER_WAIT = """
DELETE FROM ledger_pending WHERE log_id = %(log)s
AND ref IN (SELECT ref FROM ledger_entry WHERE log_id = %(log)s AND index >= %(before)s)
"""
_MARK_LOST = """
INSERT INTO ledger_opening (ref, log_id, holder, at, kind, sealed)
SELECT ref, log_id, %(lost)s, (said ->> 'at')::timestamptz, said ->> 'kind', ''
FROM (
    SELECT ref, log_id, convert_from(leaf, 'UTF8')::json AS said FROM ledger_entry
    WHERE log_id = %(log)s AND index >= %(before)s
) AS brought_back
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Recovered:
    """What was brought back to one log: entries, openings marked lost, and entries that no longer wait."""

    origin: str
    entries: int
    lost: int
    withdrawn: int


def recover(*, now: datetime) -> list[Recovered]:
    """Bring every log that is behind back; return what was done to those that were.

    Raises:
        Diverged: A log of the database is no beginning of what was signed; nothing was done to it.
    """
    _bring_logs_back(now=now)
    found = []
    for log in logs():
        signed = signed_checkpoint(log)
        if signed:
            partitions.ensure(signed.size)
            found.append(_recover(log.origin, now=now))
    return [done for done in found if done]


def write_files_anew() -> list[str]:
    """Write every published file of each log anew from the database, as far as it holds what was signed; return those logs.

    What is there with the same bytes stays. For a folder that lost files, or is older than the heads.

    Raises:
        Diverged: The database's entries do not lead to the signed root; nothing of that log was written.
    """
    done = []
    for log in logs():
        signed = signed_checkpoint(log)
        if signed is None or signed.size == 0 or signed.size > log.size:
            continue
        rows = Entry.objects.filter(log=log, index__lt=signed.size).order_by("index")
        frontier: list[bytes] = []
        for size, hashed in enumerate(rows.values_list("leaf_hash", flat=True).iterator(chunk_size=4096)):
            frontier = frontier_append(frontier, size, bytes(hashed))
        if frontier_root(frontier) != signed.root:
            raise Diverged(log.origin)
        write(
            log.origin,
            new_files(
                old_size=0,
                new_size=signed.size,
                read_entries=partial(leaves, log.origin),
                read_tile=partial(read, log.origin),
            ),
        )
        done.append(log.origin)
    return done


def _bring_logs_back(*, now: datetime) -> None:
    """Make the rows of logs that the database does not know: they were made after the backup, and their keys live."""
    for origin in sorted(origins() - {log.origin for log in logs()}):
        if not store().has(f"log:{origin}"):
            raise KeyGone("log")
        open_log(origin=origin, now=now)


@transaction.atomic
def _recover(origin: str, *, now: datetime) -> Recovered | None:
    log = Log.objects.select_for_update().get(origin=origin)
    try:
        refuse_if_behind(log)
    except Behind:
        pass
    else:
        return None
    signed = signed_checkpoint(log)
    if signed is None:
        return None
    if signed.size <= log.size:
        raise Diverged(origin)
    reader = TileReader(lambda path: read(origin, path), signed.size)
    if log.size and reader.read_nodes([(0, log.size - 1)]) != [bytes(log.head)]:
        raise Diverged(origin)
    head, frontier, size = bytes(log.head), [bytes(node) for node in log.frontier], log.size
    before = size
    with connection.cursor() as cursor:
        for entries in _bundles(origin, first=before, size=signed.size):
            with (
                connection.wrap_database_errors,
                cursor.copy("COPY ledger_entry (log_id, index, ref, leaf, leaf_hash) FROM STDIN") as copy,
            ):
                for data in entries:
                    leaf = decode(data)
                    if (leaf.log, leaf.index, leaf.prev) != (origin, size, head):
                        raise Diverged(f"{origin}, entry {size}")
                    head = leaf_hash(data)
                    frontier = frontier_append(frontier, size, head)
                    copy.write_row((origin, size, leaf.ref, data, head))
                    size += 1
        if frontier_root(frontier) != signed.root:
            raise Diverged(origin)
        cursor.execute(_NO_LONGER_WAIT, {"log": origin, "before": before})
        withdrawn = cursor.rowcount
        cursor.execute(_MARK_LOST, {"log": origin, "before": before, "lost": LOST})
        lost = cursor.rowcount
    # As if its head had been entered in the platform's log: that may be among the entries, and the next one covers it.
    published = published_checkpoint(log)
    entered = published.size if published else 0
    Log.objects.filter(origin=origin).update(
        size=size, head=head, frontier=frontier, entered_size=entered, entered_at=now
    )
    return Recovered(origin, size - before, lost, withdrawn)


def _bundles(origin: str, *, first: int, size: int) -> Iterator[list[bytes]]:
    """Yield the entries [first, size) from the published bundles, a bundle at a time."""
    for start in range(first - first % WIDTH, size, WIDTH):
        width = min(WIDTH, size - start)
        try:
            data = read(origin, bundle_path(start // WIDTH, width))
        except FileNotFoundError:
            data = read(origin, bundle_path(start // WIDTH))  # full by now
        entries = decode_bundle(data)[:width]
        if len(entries) < width:
            raise InvalidTile(f"bundle {start // WIDTH} holds {len(entries)} entries")
        yield entries[max(first - start, 0) :]
