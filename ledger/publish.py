"""Sign the head and publish the log.

Order, under the head row's lock: write hash tiles and entry bundles; check that the head extends the published one; insert the
checkpoint row (one per log and size); last, replace the `checkpoint` file. Tiles, bundles and an Ed25519 signature are functions of the
entries, so a crash anywhere is resumed by the next call, which starts from what the file says; a second publisher waits. What was
published lies outside PostgreSQL: a database that is behind it (a restored backup) may not go on, for it would sign another history.
"""

from datetime import datetime

from django.db import transaction

from ledger import checkpoint, note
from ledger.errors import Behind
from ledger.folder import drop_partials, read, write
from ledger.merkle import frontier_root, prove_consistency, read_root, verify_consistency
from ledger.models import Checkpoint, Entry, Log
from ledger.queries import last_checkpoint, logs
from ledger.signing import signer_of
from ledger.tiles import TileReader, new_files


@transaction.atomic
def publish(*, origin: str, now: datetime) -> int:
    """Bring the published log to the log's head; return the published size.

    Raises:
        Behind: The published log is longer than the database's.
        InvalidProof: The head does not extend the last signed head.
    """
    log = Log.objects.select_for_update().get(origin=origin)
    published = published_checkpoint(log)
    published_size = published.size if published else 0
    if published_size > log.size:
        raise Behind(origin)
    signed = last_checkpoint(origin=origin)
    if signed and signed.size == published_size == log.size:
        return published_size
    files = new_files(
        old_size=published_size,
        new_size=log.size,
        read_entries=lambda first, last: _entries(origin, first, last),
        read_tile=lambda path: read(origin, path),
    )
    written = write(origin, files)
    root = frontier_root([bytes(node) for node in log.frontier])
    reader = TileReader(lambda path: read(origin, path), log.size)
    if read_root(size=log.size, reader=reader) != root:
        raise RuntimeError("the tiles and the frontier disagree")
    if published:
        verify_consistency(
            first=published.size,
            second=log.size,
            proof=prove_consistency(first=published.size, second=log.size, reader=reader),
            first_root=published.root,
            second_root=root,
        )
    if signed is None or signed.size < log.size:
        text = checkpoint.format(checkpoint.Checkpoint(origin, log.size, root))
        signed = Checkpoint.objects.create(
            log=log, size=log.size, root=root, note=note.sign(text, [signer_of(origin)]), signed_at=now
        )
    write(origin, [("checkpoint", signed.note.encode())])
    drop_partials(origin, written)
    return log.size


def published_checkpoint(log: Log) -> checkpoint.Checkpoint | None:
    """Return the published head, verified, or None before the first.

    Raises:
        ledger.errors.LedgerError: The file is not this log's checkpoint.
    """
    try:
        signed = read(log.origin, "checkpoint")
    except FileNotFoundError:
        return None
    return checkpoint.open(signed, [note.Verifier.from_vkey(log.vkey)])


def refuse_if_behind(log: Log) -> None:
    """Refuse to go on with a database that does not hold what was published: a restored backup, even one that has grown since.

    The last published leaf is enough: its `prev` names the one before, and so on to the first.

    Raises:
        Behind: The database's log does not extend the published one.
    """
    published = published_checkpoint(log)
    if published is None or published.size == 0:
        return
    last = published.size - 1
    [leaf_hash] = TileReader(lambda path: read(log.origin, path), published.size).read_nodes([(0, last)])
    entry = Entry.objects.filter(log=log, index=last).first()
    if entry is None or bytes(entry.leaf_hash) != leaf_hash:
        raise Behind(log.origin)


def refuse_if_any_is_behind() -> None:
    """Refuse to go on when any log is behind.

    Raises:
        Behind: See `refuse_if_behind`.
    """
    for log in logs():
        refuse_if_behind(log)


def _entries(origin: str, first: int, last: int) -> list[bytes]:
    rows = Entry.objects.filter(log=origin, index__gte=first, index__lt=last).order_by("index")
    return [bytes(leaf) for leaf in rows.values_list("leaf", flat=True)]
