"""What has outlived its time in a folder, found and unlinked.

Never followed: a link, neither to a folder nor to a file. Never unlinked: what does not match the folder's patterns, what is no plain file,
what a process holds open, and what changed between the look and the deed. Each folder is opened once and its files are named beneath it, so
that nobody can slip another folder under the guard's hand. Age counts from the last change of the inode, which an app cannot set back, so a
copy of an old recording is as new as the copy. A crash leaves the rest for the next sweep.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consonant.guard.profiles import Watched

_PROC: Final = Path("/proc")


@dataclass(frozen=True)
class Found:
    """A file in a watched folder. `changed`: seconds since 1970 at which it came or was last changed."""

    path: str
    changed: float
    inode: tuple[int, int]


@dataclass(frozen=True)
class Swept:
    """What a sweep did: removed files, and those that should have gone and could not."""

    removed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def files_in(folder: Watched) -> Iterator[Found]:
    """Yield the plain files of a folder that match, without following a link."""
    for root, names, descriptor in _walk(folder):
        for name in names:
            if (found := _found(root, name, descriptor)) is not None:
                yield found


def sweep(folder: Watched, *, now: float, grace: float = 60.0) -> Swept:
    """Unlink what has outlived the folder's time. What is open stays; `grace` seconds after its time it is reported as left."""
    if folder.ttl is None:
        return Swept()
    due = [each for each in files_in(folder) if each.changed + folder.ttl <= now]
    if not due:
        return Swept()
    held = open_files()
    wanted = {each.path: each for each in due}
    removed, left = [], []
    for root, names, descriptor in _walk(folder):
        for name in names:
            path = os.path.join(root, name)  # noqa: PTH118 - beside a descriptor, by name
            seen = wanted.get(path)
            if seen is None:
                continue
            if seen.inode not in held and _found(root, name, descriptor) == seen and _unlinked(name, root, descriptor):
                removed.append(path)
            elif os.path.lexists(path) and seen.changed + folder.ttl + grace <= now:
                left.append(path)
    return Swept(tuple(removed), tuple(left))


def open_files() -> frozenset[tuple[int, int]]:
    """Return device and inode of the files that processes hold open, as far as this account may see; elsewhere the system refuses to unlink them."""
    found: set[tuple[int, int]] = set()
    if not _PROC.is_dir():
        return frozenset()
    for process in _PROC.iterdir():
        if not process.name.isdigit():
            continue
        try:
            with os.scandir(process / "fd") as descriptors:
                for each in descriptors:
                    try:
                        about = each.stat()
                    except OSError:
                        continue
                    if stat.S_ISREG(about.st_mode):
                        found.add((about.st_dev, about.st_ino))
        except OSError:
            continue
    return frozenset(found)


def _walk(folder: Watched) -> Iterator[tuple[str, list[str], int | None]]:
    top = str(folder.path)
    if folder.path.is_symlink() or not folder.path.is_dir():
        return
    walk: Iterator[tuple[str, list[str], list[str], int | None]] = (
        os.fwalk(top, follow_symlinks=False) if hasattr(os, "fwalk") else ((*each, None) for each in os.walk(top))
    )
    for root, below, names, descriptor in walk:
        below[:] = [each for each in below if each not in folder.skips] if folder.is_deep else []
        matching = [
            each for each in names if any(fnmatch.fnmatch(each.lower(), pattern) for pattern in folder.patterns)
        ]
        yield root, matching, descriptor


def _found(root: str, name: str, descriptor: int | None) -> Found | None:
    path = os.path.join(root, name)  # noqa: PTH118 - the same
    try:
        about = os.stat(path if descriptor is None else name, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    changed = about.st_ctime if os.name == "posix" else max(about.st_mtime, about.st_ctime)
    return Found(path, changed, (about.st_dev, about.st_ino))


def _unlinked(name: str, root: str, descriptor: int | None) -> bool:
    try:
        os.unlink(os.path.join(root, name) if descriptor is None else name, dir_fd=descriptor)  # noqa: PTH118
    except OSError:
        return False
    return True
