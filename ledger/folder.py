"""A store of published files in a folder.

A file appears whole: written aside, synced, linked into place. A tile, a bundle or evidence never changes once written: a second write of
the same bytes changes nothing, and one of others is refused. Only `checkpoint` is replaced, by a rename, after the names of all before it
are durable. A crash leaves whole files, and at most one beside them whose name begins with `.new-`, which nothing reads and a later write
deletes.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

from keyring.secretfile import sync_folder
from ledger.errors import FileDiffers

ASIDE = ".new-"
STALE_SECONDS = 600.0
_CHECKPOINT = "checkpoint"


def folder_of(origin: str) -> Path:
    """Return the folder of the log."""
    return Path(settings.LOG_FOLDER, *origin.split("/"))


class Folder:
    """The files under one folder, by their paths in it. New files get the mode `mode`."""

    def __init__(self, root: Path, *, mode: int = 0o644) -> None:
        self._root, self._mode = root, mode

    @property
    def root(self) -> Path:
        """The folder."""
        return self._root

    def read(self, path: str) -> bytes:
        """Return one file.

        Raises:
            FileNotFoundError: There is none.
        """
        return (self._root / path).read_bytes()

    def write(self, files: Iterable[tuple[str, bytes]]) -> list[str]:
        """Write files in the order given, durable on return; return their paths.

        Raises:
            FileDiffers: One of them is there with other bytes. Those before it are written.
        """
        paths: list[str] = []
        unsynced: set[Path] = set()
        self._make_root()
        self._drop_stale()
        try:
            for path, data in files:
                target = self._root / path
                target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                if path == _CHECKPOINT:
                    self._sync(unsynced)
                    with self._aside(data) as aside:
                        aside.replace(target)
                else:
                    self._write_once(target, data)
                unsynced.add(target.parent)
                paths.append(path)
        finally:
            self._sync(unsynced)
        return paths

    def find(self, prefix: str = "") -> list[str]:
        """Return the paths of all files whose paths begin so, sorted."""
        above, _, begins = prefix.rpartition("/")
        tops = [each for each in (self._root / above).glob("*") if each.name.startswith(begins)]
        return sorted(
            path.relative_to(self._root).as_posix()
            for top in tops
            for path in (top.rglob("*") if top.is_dir() else [top])
            if path.is_file() and not path.name.startswith(ASIDE)
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files, if they are there; the deletion is durable on return."""
        parents = set()
        for path in paths:
            (self._root / path).unlink(missing_ok=True)
            parents.add((self._root / path).parent)
        for parent in parents:
            if parent.is_dir():
                sync_folder(parent)

    def drop_partials(self, paths: Iterable[str]) -> None:
        """Delete the partial forms of those of the tiles and bundles that are full, as C2SP tlog-tiles allows once they are."""
        for path in paths:
            if ".p/" not in path:
                shutil.rmtree(self._root / f"{path}.p", ignore_errors=True)

    def _write_once(self, target: Path, data: bytes) -> None:
        if not _holds(target, data):
            with self._aside(data) as aside:
                try:
                    target.hardlink_to(aside)
                except FileExistsError:  # another process was first
                    _holds(target, data)

    @contextlib.contextmanager
    def _aside(self, data: bytes) -> Iterator[Path]:
        descriptor, name = tempfile.mkstemp(dir=self._root, prefix=ASIDE)
        aside = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), self._mode)
                file.flush()
                os.fsync(file.fileno())
            yield aside
        finally:
            aside.unlink(missing_ok=True)

    def _sync(self, folders: set[Path]) -> None:
        """Make the names in the folders durable, and their own names up to the root."""
        within = {parent for each in folders for parent in (each, *each.parents) if parent.is_relative_to(self._root)}
        for folder in sorted(within):
            sync_folder(folder)
        folders.clear()

    def _drop_stale(self) -> None:
        """Delete what a writer that was killed left beside the files."""
        for stale in self._root.glob(f"{ASIDE}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - stale.stat().st_mtime > STALE_SECONDS:
                    stale.unlink()

    def _make_root(self) -> None:
        """Make the root where there is none, its name and those of the folders above it durable."""
        missing = [folder for folder in (self._root, *self._root.parents) if not folder.exists()]
        self._root.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)


def _holds(target: Path, data: bytes) -> bool:
    """Say whether the file is there with these bytes.

    Raises:
        FileDiffers: It is there with others.
    """
    try:
        held = target.read_bytes()
    except FileNotFoundError:
        return False
    if held != data:
        raise FileDiffers(target.name)
    return True
