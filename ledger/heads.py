"""The last signed head of each log, kept outside PostgreSQL: one file a log, written before anyone else can see the head.

Whoever signs a head must remember it even when the database does not: a restored backup would sign another history. The file holds the
signed note. It is replaced whole, and synced; a crash leaves the one before, whose successor nobody has seen. It is not served: what is
published is `checkpoint`, which may need cosignatures first.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from keyring.secretfile import sync_folder
from ledger import checkpoint, note
from ledger.files import read
from ledger.models import Log

_RECOVERING = "recovering"


def write_head(origin: str, signed: str) -> None:
    """Remember the signed head of the log, durable on return."""
    target = _folder(origin) / "head"
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
        kept = (_path(log.origin) / "head").read_bytes()
    except FileNotFoundError:
        return published
    signed = checkpoint.open(kept, [note.Verifier.from_vkey(log.vkey)])
    return signed if published is None or signed.size > published.size else published


@contextmanager
def held(origin: str) -> Iterator[None]:
    """Keep every other publisher of this machine from the log: a lock of the database ends with its connection, this one with the process."""
    descriptor = os.open(_folder(origin) / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def origins() -> set[str]:
    """Return the logs of which a head was signed, whether or not the database knows them."""
    root = Path(settings.HEADS)
    return {head.parent.relative_to(root).as_posix() for head in root.rglob("head")} if root.is_dir() else set()


def recovery_is_unfinished() -> bool:
    """Say whether a recovery has begun and not ended."""
    return (Path(settings.HEADS) / _RECOVERING).exists()


def begin_recovery() -> None:
    """Note, durably, that a recovery has begun: until it has ended, the barrier stays."""
    root = Path(settings.HEADS)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / _RECOVERING).touch(mode=0o600)
    sync_folder(root)


def end_recovery() -> None:
    """Note, durably, that the recovery is through."""
    (Path(settings.HEADS) / _RECOVERING).unlink(missing_ok=True)
    sync_folder(Path(settings.HEADS))


def _path(origin: str) -> Path:
    return Path(settings.HEADS, *origin.split("/"))


def _folder(origin: str) -> Path:
    """Return the log's folder, made where there is none, its name and those above it durable."""
    folder = _path(origin)
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)
    return folder
