"""Replay a stretch of a log as quickly as one core can, and say only whether everything in it holds.

What holds: each entry is a canonical leaf that names its log, its own index and the hash of the entry before it, and
it hashes to its place in the tile of level 0. What lies between two stretches, and above level 0, is for the caller
to check. Where anything at all is wrong the answer is None, and `diagnose` says what, slowly.

A job and its answer are plain values of a few kilobytes, so that stretches can be replayed by processes side by
side. One bundle is in memory at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from . import merkle, tiles
from .errors import InvalidLeaf, InvalidTile
from .leaf import read_link
from .logcopy import LogCopy

BUNDLES: Final = 64
"""How many bundles make a job: a few hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Job:
    """Bundles [start, stop) of the log in a folder; entries are read in those below `replayed`, tiles in all."""

    folder: str
    origin: str
    size: int
    start: int
    stop: int
    replayed: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch that holds: its tiles' roots, the hashes of a partial last tile, and how it joins its neighbours."""

    roots: tuple[bytes, ...]
    rest: tuple[bytes, ...]
    prev: bytes | None
    """What the first entry carries, None if no entry was read."""
    last: bytes | None
    """The hash of the last entry."""


def replay(job: Job) -> Stretch | None:
    """Return the stretch if everything in it holds, else None. Never raises on bad input."""
    try:
        return _replay(job)
    except (OSError, InvalidTile, InvalidLeaf):
        return None


def _replay(job: Job) -> Stretch | None:
    copy = LogCopy(Path(job.folder), job.size)
    roots: list[bytes] = []
    rest: tuple[bytes, ...] = ()
    first = last = None
    for index in range(job.start, job.stop):
        hashes = copy.read_hashes(copy.tile(0, index))
        if index < job.replayed:
            entries = copy.read_entries(copy.tile(tiles.ENTRIES, index))
            if [sha256(b"\x00" + entry).digest() for entry in entries] != hashes:
                return None
            for number, (entry, own) in enumerate(zip(entries, hashes, strict=True), index * tiles.WIDTH):
                log, said, prev = read_link(entry)
                if said != number or log != job.origin or (last is not None and prev != last):
                    return None
                if first is None:
                    first = prev
                last = own
        if len(hashes) == tiles.WIDTH:
            roots.append(merkle.root(hashes))
        else:
            rest = tuple(hashes)
    return Stretch(tuple(roots), rest, first, last)
