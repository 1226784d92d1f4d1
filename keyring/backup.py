"""Backups of the local key store: copies in one folder, each for seven days.

A certificate of erasure says by when a destroyed key is in no backup either; so a copy that is older is overwritten and deleted with
every call, even when the new copy fails. A copy holds wrapped keys, and not the key that wraps them. A crash leaves an unfinished
copy, `.new-...`, which the next call deletes.
"""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keyring.errors import KeyStoreBroken
from keyring.local import LocalStore
from keyring.secretfile import sync_folder

BACKUPS_LIVE = timedelta(days=7)
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"keys-(\d{8}T\d{6}Z)\.sqlite3")


def back_up(*, store: LocalStore, folder: Path, now: datetime) -> tuple[Path, list[Path]]:
    """Copy the store into the folder; return the copy and what was deleted."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o022:
        raise KeyStoreBroken(f"others may write in {folder}: copies of keys do not go there")
    deleted = _delete_old(folder, now=now)
    path = folder / f"keys-{now.astimezone(UTC).strftime(_STAMP)}.sqlite3"
    aside = folder / f".new-{path.name}"
    store.copy_to(aside)
    aside.replace(path)
    sync_folder(folder)
    return path, deleted


def _delete_old(folder: Path, *, now: datetime) -> list[Path]:
    old = []
    for path in sorted(folder.iterdir()):
        stamp = _NAME.fullmatch(path.name)
        if path.name.startswith(".new-keys-"):
            _destroy(path)
        elif stamp and now - datetime.strptime(stamp[1], _STAMP).replace(tzinfo=UTC) >= BACKUPS_LIVE:
            _destroy(path)
            old.append(path)
    sync_folder(folder)
    return old


def _destroy(path: Path) -> None:
    """Overwrite, sync, unlink; of a link, only unlink."""
    if path.is_symlink():
        path.unlink()
        return
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "r+b") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(bytes(min(left, 1 << 20)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
