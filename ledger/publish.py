"""Sign the head and publish the log.

Order, under the log's publishing lock: write hash tiles and entry bundles; check that the head extends the last signed one; sign; keep the
signed head outside PostgreSQL; insert the checkpoint row (one for each log and size); ask the witnesses; last, with their quorum, replace
the `checkpoint` file. Tiles, bundles and an Ed25519 signature are functions of the entries, so a crash anywhere is resumed by the next
call, which starts from what the files say; a second publisher waits. Without a quorum the last cosigned checkpoint stays published.

A database that is behind what was signed (a restored backup) may not go on, for it would sign another history.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from ledger import checkpoint, note
from ledger.alarms import end_alarm, raise_alarm
from ledger.barrier import refuse_if_behind
from ledger.cosign import Answer, collect
from ledger.errors import Behind, Diverged, FileDiffers
from ledger.files import drop_partials, read, remove, write
from ledger.heads import held, published_checkpoint, signed_checkpoint, write_head
from ledger.merkle import frontier_root, prove_consistency, read_root, verify_consistency
from ledger.models import Checkpoint, Log, Witnessing
from ledger.policy import Policy, parse
from ledger.queries import leaves
from ledger.signing import signer_of
from ledger.tiles import TileReader, new_files, outgrown

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('ledger.publish:' || %s, 0))"
WITNESS_SECONDS = 5.0
_looked_back: set[str] = set()
OUTGROWN_HEADS = 256
"""How many earlier heads are looked at for partial tiles that can go."""


def publish(*, origin: str, now: datetime) -> int:
    """Bring the published log to the log's head; return the published size, which is smaller while there is no quorum.

    Raises:
        Behind: The database does not hold what was signed.
        InvalidProof: The head does not extend the last signed head.
    """
    with held(origin), transaction.atomic():
        return _publish(origin, now=now)


def _publish(origin: str, *, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [origin])
    log = Log.objects.get(origin=origin)
    published, signed = published_checkpoint(log), signed_checkpoint(log)
    refuse_if_behind(log)
    if published and published.size == log.size and Checkpoint.objects.filter(log=log, size=log.size).exists():
        return published.size
    reader = TileReader(lambda path: read(origin, path), log.size)
    root = frontier_root([bytes(node) for node in log.frontier])
    _write_files(log, signed_size=signed.size if signed else 0)
    if read_root(size=log.size, reader=reader) != root:
        raise RuntimeError("the tiles and the frontier disagree")
    if signed:
        verify_consistency(
            first=signed.size,
            second=log.size,
            proof=prove_consistency(first=signed.size, second=log.size, reader=reader),
            first_root=signed.root,
            second_root=root,
        )
    text = checkpoint.format(checkpoint.Checkpoint(origin, log.size, root))
    head = note.sign(text, [signer_of(origin)])
    if signed is None or signed.size < log.size:
        write_head(origin, head)
    row, _ = Checkpoint.objects.get_or_create(
        log=log, size=log.size, defaults={"root": root, "note": head, "signed_at": now}
    )
    if bytes(row.root) != root:
        raise Diverged(f"{origin}, size {log.size}")
    cosigned = _cosigned(log, head, reader, now=now)
    if cosigned is None:
        return published.size if published else 0
    newest = published_checkpoint(log)
    if newest and newest.size > log.size:
        raise Behind(origin)  # somebody on another machine was faster: what is published never shrinks
    write(origin, [("checkpoint", cosigned.encode())])
    drop_partials(origin, _outgrown(log, since=published.size if published else 0))
    return log.size


def _write_files(log: Log, *, signed_size: int) -> None:
    """Write every tile and bundle that the log has beyond what was signed."""

    def files() -> Iterator[tuple[str, bytes]]:
        return new_files(
            old_size=signed_size,
            new_size=log.size,
            read_entries=lambda first, last: leaves(log.origin, first, last),
            read_tile=lambda path: read(log.origin, path),
        )

    try:
        write(log.origin, files())
    except FileDiffers:
        # Left by entries that a restored database does not know, and that no head ever spoke of: they never were.
        remove(log.origin, [path for path, _ in files()])
        write(log.origin, files())


def _outgrown(log: Log, *, since: int) -> set[str]:
    """Return the full tiles whose partial forms earlier heads left.

    Those since the last published one; and the first time in a process a good many before, which a crash may have kept from going.
    """
    sizes = Checkpoint.objects.filter(log=log, size__lt=log.size).order_by("-size").values_list("size", flat=True)
    if log.origin in _looked_back:
        sizes = sizes.filter(size__gte=since)
    _looked_back.add(log.origin)
    return {path for size in sizes[:OUTGROWN_HEADS] for path in outgrown(old_size=size, new_size=log.size)}


def witness_policy() -> Policy | None:
    """Return whose cosignatures a checkpoint needs before it is published, or None where nobody's."""
    return parse(Path(settings.WITNESS_POLICY).read_bytes()) if settings.WITNESS_POLICY else None


def _cosigned(log: Log, head: str, reader: TileReader, *, now: datetime) -> str | None:
    """Return the head with its cosignatures, or None without a quorum."""
    policy = witness_policy()
    if policy is None:
        for what in ("witness.quorum", "witness.disagrees"):
            end_alarm(origin=log.origin, what=what, now=now)
        return head
    rows = list(Witnessing.objects.filter(log=log))
    known = {row.witness: row.size for row in rows}
    collected = collect(
        signed=head,
        policy=policy,
        old_sizes={witness: min(size, log.size) for witness, size in known.items()},
        prove=lambda old: prove_consistency(first=old, second=log.size, reader=reader),
        timeout=WITNESS_SECONDS,
        troubled={row.witness for row in rows if row.trouble},
    )
    for answer in collected.answers:
        _remember(log, answer, now=now)
    if not collected.satisfied:
        raise_alarm(origin=log.origin, what="witness.quorum", now=now)
        return None
    end_alarm(origin=log.origin, what="witness.quorum", now=now)
    return collected.note


def _remember(log: Log, answer: Answer, *, now: datetime) -> None:
    seen, _ = Witnessing.objects.get_or_create(log=log, witness=answer.witness)
    seen.size = max(seen.size, answer.size) if answer.ok else answer.size
    seen.trouble = answer.trouble[:200]
    if answer.ok:
        seen.cosigned_at, seen.since = now, None
    else:
        seen.since = seen.since or now
    seen.save()
    if answer.disagrees:
        raise_alarm(origin=log.origin, what="witness.disagrees", detail=answer.witness, now=now)
    elif answer.ok:
        end_alarm(origin=log.origin, what="witness.disagrees", detail=answer.witness, now=now)
