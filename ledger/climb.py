"""Climb from the tiles of level 0 to the root, and compare every tile above on the way.

The caller gives the roots of the full tiles of level 0 one by one, in their order, and at the end the hashes of the
partial one. At most 256 hashes a level are in memory.

A climb may start behind the first `start` tiles. What lies before is then taken from the tiles above, not looked at:
their hashes count only as far as the root that they lead to, together with the rest, is the signed one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import merkle, tiles
from .errors import InvalidTile
from .finding import Finding, bad

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .logcopy import LogCopy


class Climb:
    """The way up: `add` each full tile's root (None where it is not known), `finish` with the rest, `close`."""

    def __init__(self, copy: LogCopy, start: int) -> None:
        """Start behind the first `start` tiles of level 0."""
        self._copy = copy
        self._added = start
        self._whole = True
        self._frontier: list[bytes] = []  # Of the full tiles of level 0, then of the hashes in the partial one.
        self._growing: list[list[bytes | None]] = [[]]
        self._filled = [0]
        self._trouble: OSError | InvalidTile | None = None
        for level in range(1, tiles.MAX_LEVEL + 2):
            filled, held = divmod(start >> tiles.HEIGHT * (level - 1), tiles.WIDTH)
            self._growing.append([None] * held)
            self._filled.append(filled)
        try:
            for level, before in enumerate(self._growing):
                if before:
                    before[:] = copy.read_hashes(copy.tile(level, self._filled[level]))[: len(before)]
            self._frontier = copy.read_frontier(start * tiles.WIDTH)
        except (OSError, InvalidTile) as error:
            self._whole, self._trouble = False, error

    @property
    def root(self) -> bytes | None:
        """The root that level 0 leads to, None if it is not all there."""
        return merkle.frontier_root(self._frontier) if self._whole else None

    def findings(self) -> Iterator[Finding]:
        """Yield what was wrong before the start."""
        if self._trouble is not None:
            yield bad("tile.missing", None, f"the tiles before entry {self._added * tiles.WIDTH} cannot be read")

    def add(self, root: bytes | None) -> Iterator[Finding]:
        """Take the root of the next full tile of level 0."""
        if root is None:
            self._whole = False
        elif self._whole:
            self._frontier = merkle.frontier_append(self._frontier, self._added, root)
        self._added += 1
        level = 1
        self._growing[level].append(root)
        while len(self._growing[level]) == tiles.WIDTH:
            full = self._growing[level]
            yield from self._compare(level, full)
            known = [each for each in full if each is not None]
            self._growing[level] = []
            self._filled[level] += 1
            level += 1
            self._growing[level].append(merkle.root(known) if len(known) == tiles.WIDTH else None)

    def finish(self, hashes: Sequence[bytes] | None) -> None:
        """Take the hashes of the partial tile of level 0, the last one."""
        if hashes is None:
            self._whole = False
        else:
            self._frontier = [*self._frontier, *merkle.frontier_of(hashes)]

    def close(self) -> Iterator[Finding]:
        """Compare the tiles that are not full."""
        for level, rest in enumerate(self._growing):
            if rest:
                yield from self._compare(level, rest)

    def _compare(self, level: int, computed: Sequence[bytes | None]) -> Iterator[Finding]:
        index = self._filled[level]
        tile = self._copy.tile(level, index)
        first = index << tiles.HEIGHT * (level + 1)
        try:
            hashes = self._copy.read_hashes(tile)
        except (OSError, InvalidTile) as error:
            yield unreadable("tile", tile, error, first)
            return
        for place, (held, own) in enumerate(zip(hashes, computed, strict=True)):
            if own is not None and held != own:
                below = self._copy.tile(level - 1, index * tiles.WIDTH + place)
                yield bad(
                    "tile.mismatch",
                    first + (place << tiles.HEIGHT * level),
                    f"hash {place} of {tile.path} is not the root of {below.path}",
                )


def unreadable(what: str, tile: tiles.Tile, error: OSError | InvalidTile, index: int) -> Finding:
    """Say that a tile or bundle is not there, or is none."""
    if isinstance(error, OSError):
        return bad(f"{what}.missing", index, f"{tile.path} cannot be read ({type(error).__name__})")
    return bad(f"{what}.malformed", index, f"{tile.path} is malformed: {error.detail}")
