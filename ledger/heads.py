"""The last signed head of each log, kept outside PostgreSQL: one file a log, written before anyone else can see the head.

Whoever signs a head must remember it even when the database does not: a restored backup would sign another history. The file holds the
signed note. It is replaced whole, and synced; a crash leaves the one before, whose successor nobody has seen. It is not served: what is
published is `checkpoint`, which may need cosignatures first.
"""

import os
import tempfile
from pathlib import Path

from django.conf import settings

from keyring.secretfile import sync_folder
from ledger import checkpoint, note
from ledger.files import read
from ledger.models import Log


def write_head(origin: str, signed: str) -> None:
    """Remember the signed head of the log, durable on return."""
    target = _file(origin)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(signed)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


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


def signed_checkpoint(log: Log) -> checkpoint.Checkpoint | None:
    """Return the last head that was signed: what was published, or one that was signed since and waits for cosignatures.

    Raises:
        ledger.errors.LedgerError: A file is not this log's checkpoint.
    """
    published = published_checkpoint(log)
    try:
        kept = _file(log.origin).read_bytes()
    except FileNotFoundError:
        return published
    signed = checkpoint.open(kept, [note.Verifier.from_vkey(log.vkey)])
    return signed if published is None or signed.size > published.size else published


def _file(origin: str) -> Path:
    return Path(settings.HEADS, *origin.split("/")) / "head"
