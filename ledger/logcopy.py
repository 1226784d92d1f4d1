"""A log's files in a folder (tlog-tiles layout), read and nothing else: the published one or anybody's copy.

A tile that was partial at the checkpoint's size may have been dropped since for the full one, which then stands in.
Nothing is read beyond the length that a file can have.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final

from . import merkle, tiles
from .errors import InvalidTile

_TILES_KEPT: Final = 8


class LogCopy:
    """The tiles and bundles of a log, as far as a checkpoint's size makes them exist."""

    def __init__(self, path: Path, size: int) -> None:
        """Look at the log in this folder, as it stood with `size` entries."""
        self._path = path
        self.size = size
        self._kept: OrderedDict[int, list[bytes] | None] = OrderedDict()

    @property
    def count(self) -> int:
        """How many bundles there are, and as many tiles of level 0."""
        return -(-self.size // tiles.WIDTH)

    def tile(self, level: int, index: int) -> tiles.Tile:
        """Return the place of a tile, or of a bundle."""
        found = tiles.tile_at(level=level, index=index, size=self.size)
        if found is None:
            raise IndexError(index)
        return found

    def read_hashes(self, tile: tiles.Tile) -> list[bytes]:
        """Return a tile's hashes. Raises OSError or InvalidTile."""
        data, full = self._read(tile, tiles.WIDTH * merkle.HASH_SIZE)
        hashes = tiles.decode_tile(data)
        if full:
            hashes = hashes[: tile.width]
        if len(hashes) != tile.width:
            raise InvalidTile(f"{len(hashes)} hashes, not {tile.width}")
        return hashes

    def read_entries(self, tile: tiles.Tile) -> list[bytes]:
        """Return a bundle's entries, however many there are. Raises OSError or InvalidTile."""
        data, full = self._read(tile, tiles.MAX_BUNDLE_BYTES)
        entries = tiles.decode_bundle(data)
        return entries[: tile.width] if full else entries

    def read_frontier(self, size: int) -> list[bytes]:
        """Return the frontier of the first `size` entries, as the tiles have it. Raises OSError or InvalidTile."""
        return merkle.read_frontier(size=size, reader=tiles.TileReader(self.read_file, self.size))

    def level_zero(self, index: int) -> list[bytes] | None:
        """Return a tile of level 0 from the few kept, None if it cannot be read."""
        if index not in self._kept:
            try:
                self._kept[index] = self.read_hashes(self.tile(0, index))
            except (OSError, InvalidTile):
                self._kept[index] = None
            if len(self._kept) > _TILES_KEPT:
                self._kept.popitem(last=False)
        return self._kept[index]

    def read_file(self, path: str) -> bytes:
        """Return a tile's bytes by its path, for a `tiles.TileReader`. Raises OSError."""
        return read_file(self._path / path, tiles.WIDTH * merkle.HASH_SIZE)

    def _read(self, tile: tiles.Tile, limit: int) -> tuple[bytes, bool]:
        """Return a file's bytes, and whether it is the full one that stands in for a partial one dropped since."""
        try:
            return read_file(self._path / tile.path, limit), False
        except FileNotFoundError:
            if tile.width == tiles.WIDTH:
                raise
            return read_file(self._path / tiles.Tile(tile.level, tile.index).path, limit), True


def read_file(path: Path, limit: int) -> bytes:
    """Return a file's bytes, one more than the limit at most, so that an overlong file stays a malformed one."""
    with path.open("rb") as file:
        return file.read(limit + 1)
