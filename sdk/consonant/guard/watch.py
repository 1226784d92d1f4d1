"""What happens in the watched folders, as it happens: a file was closed after writing, or is gone.

Where the system tells nothing of closing, and where a file appears by another name (a hard link, a move from elsewhere), it counts as closed when
it has not changed for a second.
"""

from __future__ import annotations

import fnmatch
import os
import queue
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from consonant.guard.profiles import PASSING, Watched

_SETTLED: Final = 1.0


@dataclass(frozen=True)
class Seen:
    """A file in a reported folder came, or went."""

    path: str
    folder: str
    is_gone: bool = False


class Watch(FileSystemEventHandler):
    """Collects what the system tells, from its threads."""

    def __init__(self, profile: str) -> None:
        self._observer = Observer()
        self._folders: dict[str, Watched] = {}
        self._watches: dict[str, tuple[int, ObservedWatch]] = {}
        self._lost: set[str] = set()
        self._told: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._settling: dict[str, float] = {}
        self._passing = PASSING.get(profile, ())

    def start(self) -> None:
        """Begin."""
        self._observer.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._observer.stop()
        self._observer.join(timeout=5)

    def follow(self, folders: Iterable[Watched]) -> bool:
        """Watch what is reported and there by now, anew where it was removed and made again; say whether any is new."""
        is_new = False
        for each in folders:
            key = str(each.path)
            if not each.is_reported or each.path.is_symlink() or not each.path.is_dir():
                continue
            try:
                is_new |= self._follow(key, each)
            except FileNotFoundError:  # it went meanwhile
                continue
        return is_new

    def _follow(self, key: str, folder: Watched) -> bool:
        inode, known = folder.path.stat().st_ino, self._watches.get(key)
        if known is not None and known[0] == inode and key not in self._lost:
            return False
        if known is not None:
            del self._watches[key]
            self._observer.unschedule(known[1])
        self._lost.discard(key)
        folder = self._folders.setdefault(key, folder)
        self._watches[key] = (inode, self._observer.schedule(self, key, recursive=folder.is_deep))
        return True

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take note, quickly."""
        if event.event_type in {"deleted", "moved"} and (path := os.fsdecode(event.src_path)) in self._folders:
            self._lost.add(path)
        if event.is_directory:
            return
        self._told.put((event.event_type, os.fsdecode(event.src_path)))
        if event.event_type == "moved":
            self._told.put(("closed", os.fsdecode(event.dest_path)))

    def take(self, seconds: float) -> list[Seen]:
        """Return what came, waiting for so long at most."""
        found: dict[str, Seen] = {}
        for kind, path in self._drain(seconds):
            folder = self.folder_of(path)
            if folder is None:
                continue
            if kind in {"deleted", "moved"}:
                self._settling.pop(path, None)
                found[path] = Seen(path, folder.name, is_gone=True)
            elif kind == "closed":
                self._settling.pop(path, None)
                self._see(found, path, folder)
            elif kind in {"created", "modified"}:
                self._settling[path] = time.monotonic() + _SETTLED
        for path in [each for each, due in self._settling.items() if due <= time.monotonic()]:
            del self._settling[path]
            if (folder := self.folder_of(path)) is not None:
                self._see(found, path, folder)
        return list(found.values())

    def folder_of(self, path: str) -> Watched | None:
        """Return the reported folder to which a path belongs, the nearest; None for what is none of it."""
        name = os.path.basename(path)  # noqa: PTH119 - a text from the system
        if any(fnmatch.fnmatch(name, each) for each in self._passing):
            return None
        parents = [str(each) for each in Path(path).parents]
        for depth, parent in enumerate(parents):
            folder = self._folders.get(parent)
            if folder is None:
                continue
            below = [os.path.basename(each) for each in parents[:depth]]  # noqa: PTH119 - the same
            fits = any(fnmatch.fnmatch(name.lower(), each) for each in folder.patterns)
            if not fits or (below and not folder.is_deep) or set(below) & set(folder.skips):
                return None
            return folder
        return None

    def _drain(self, seconds: float) -> Iterable[tuple[str, str]]:
        wait = seconds
        while True:
            try:
                yield self._told.get(timeout=wait) if wait > 0 else self._told.get_nowait()
            except queue.Empty:
                return
            wait = 0.0

    @staticmethod
    def _see(found: dict[str, Seen], path: str, folder: Watched) -> None:
        if os.path.isfile(path) and not os.path.islink(path):  # noqa: PTH113, PTH114 - the same
            found[path] = Seen(path, folder.name)

    def __repr__(self) -> str:
        folders: Any = sorted(self._folders)
        return f"Watch({folders})"
