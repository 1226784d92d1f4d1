"""Tiles and entry bundles, C2SP tlog-tiles: a log as static files that never change.

A hash tile at level L holds up to 256 hashes, each the root of 256**L entries: `tile/<L>/<N>`. A bundle holds up to
256 entries, each after its big-endian uint16 length: `tile/entries/<N>`. One that is not full has its width in its
path, `.p/<W>`, so a file is never written over with other bytes. N is written in groups of three digits, all but
the last with an `x` before them: 1234067 is `x001/x234/067`.

A tree of size s has, at level L, floor(s / 256**L) hashes in tiles; a partial tile is never hashed into the level
above; an empty tile does not exist.

Nothing here touches a disk. `new_files` says what a publisher has to write, in an order in which every file's
hashes are already known; the checkpoint goes last, so a crash in between leaves files that no checkpoint speaks of
and that the next run writes again with the same bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import merkle
from .errors import InvalidTile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
MAX_LEVEL: Final = 63
MAX_ENTRY_BYTES: Final = 65_535
MAX_BUNDLE_BYTES: Final = WIDTH * (2 + MAX_ENTRY_BYTES)
ENTRIES: Final = -1  # The level of an entry bundle.

_LENGTH_BYTES: Final = 2
_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", flags=re.ASCII
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile's place: its level (`ENTRIES` for a bundle), its number in the level, and its width, 1 to 256."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where the tile lies under the log's prefix."""
        groups = [f"{self.index % 1000:03}"]
        rest = self.index // 1000
        while rest:
            groups.append(f"x{rest % 1000:03}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(reversed(groups))}{suffix}"


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return the path of a hash tile."""
    return Tile(level, index, width).path


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Return the path of an entry bundle."""
    return Tile(ENTRIES, index, width).path


def parse_path(path: str) -> Tile:
    """Read a tile's path; `parse_path(t.path) == t`. Raises InvalidTile."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise InvalidTile(path[:100])
    level = ENTRIES if match[1] == "entries" else int(match[1])
    tile = Tile(level, int(match[2].replace("/", "").replace("x", "")), int(match[3] or WIDTH))
    if tile.level > MAX_LEVEL or tile.index > merkle.MAX_SIZE or tile.width > WIDTH or tile.path != path:
        raise InvalidTile(path[:100])
    return tile


def tile_at(*, level: int, index: int, size: int) -> Tile | None:
    """Return tile `index` of a level in a tree of this size, None if it would be empty."""
    width = min(WIDTH, (size >> HEIGHT * max(level, 0)) - index * WIDTH)
    return Tile(level, index, width) if width > 0 else None


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every hash tile and bundle of a tree: bundles, then level 0, then upwards."""
    for level in range(ENTRIES, MAX_LEVEL + 1):
        count = size >> HEIGHT * max(level, 0)
        if count == 0:
            return
        for index in range(-(-count // WIDTH)):
            yield Tile(level, index, min(WIDTH, count - index * WIDTH))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the bytes of a bundle of 1 to 256 entries."""
    if not 1 <= len(entries) <= WIDTH:
        raise InvalidTile(f"{len(entries)} entries")
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise InvalidTile(f"an entry of {len(entry)} bytes")
        parts += (len(entry).to_bytes(_LENGTH_BYTES, "big"), entry)
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle. Raises InvalidTile."""
    entries: list[bytes] = []
    position, end = 0, len(data)
    while position < end:
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "big")
        if start > end or position > end:
            raise InvalidTile(f"entry {len(entries)} of the bundle is cut short")
        entries.append(data[start:position])
        if len(entries) > WIDTH:
            raise InvalidTile(f"more than {WIDTH} entries")
    if not entries:
        raise InvalidTile("no entries")
    return entries


def encode_tile(hashes: Sequence[bytes]) -> bytes:
    """Return the bytes of a hash tile of 1 to 256 hashes."""
    if not 1 <= len(hashes) <= WIDTH or any(len(value) != merkle.HASH_SIZE for value in hashes):
        raise InvalidTile(f"{len(hashes)} hashes, or one that is not of 32 bytes")
    return b"".join(hashes)


def decode_tile(data: bytes) -> list[bytes]:
    """Return the hashes of a hash tile. Raises InvalidTile."""
    count, rest = divmod(len(data), merkle.HASH_SIZE)
    if rest or not 1 <= count <= WIDTH:
        raise InvalidTile(f"{len(data)} bytes")
    return [data[start : start + merkle.HASH_SIZE] for start in range(0, len(data), merkle.HASH_SIZE)]


def outgrown(*, old_size: int, new_size: int) -> Iterator[str]:
    """Yield the paths of the full tiles and bundles at `new_size` that were partial at `old_size`."""
    for level in range(ENTRIES, MAX_LEVEL + 1):
        shift = HEIGHT * max(level, 0)
        index, width = divmod(old_size >> shift, WIDTH)
        if not old_size >> shift:
            return
        if width and (new_size >> shift) // WIDTH > index:
            yield tile_path(level, index)


def new_files(
    *,
    old_size: int,
    new_size: int,
    read_entries: Callable[[int, int], Sequence[bytes]],
    read_tile: Callable[[str], bytes],
) -> Iterator[tuple[str, bytes]]:
    """Yield (path, bytes) of every bundle and hash tile that a tree has at `new_size` and had not at `old_size`.

    `read_entries(start, stop)` gives the leaf bytes of entries [start, stop), at most 256 at a time, starting with
    the first entry of the bundle that `old_size` ends in. `read_tile(path)` gives a tile of the tree at `old_size`,
    and is asked only for partial tiles of level 1 and above. One bundle is in memory at a time.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a log of {old_size} entries cannot become one of {new_size}")
    if old_size == new_size:
        return
    above: list[bytes] = []  # Roots of the full tiles that level 0 gains: what level 1 gains.
    for start in range(old_size - old_size % WIDTH, new_size, WIDTH):
        stop = min(start + WIDTH, new_size)
        entries = read_entries(start, stop)
        if len(entries) != stop - start:
            raise ValueError(f"{len(entries)} entries read for [{start}, {stop})")
        hashes = [merkle.leaf_hash(entry) for entry in entries]
        width = stop - start
        yield bundle_path(start // WIDTH, width), encode_bundle(entries)
        yield tile_path(0, start // WIDTH, width), encode_tile(hashes)
        if width == WIDTH:
            above.append(merkle.root(hashes))
    level = 1
    while above:
        held = old_size >> HEIGHT * level
        index, width = divmod(held, WIDTH)
        hashes = decode_tile(read_tile(tile_path(level, index, width))) if width else []
        if len(hashes) != width:
            raise InvalidTile(f"{tile_path(level, index, width)} holds {len(hashes)} hashes")
        hashes += above
        above = []
        for offset in range(0, len(hashes), WIDTH):
            part = hashes[offset : offset + WIDTH]
            yield tile_path(level, index + offset // WIDTH, len(part)), encode_tile(part)
            if len(part) == WIDTH:
                above.append(merkle.root(part))
        level += 1


class TileReader:
    """A NodeReader over the tiles of a tree of one size.

    `read_tile(path)` returns a file's bytes and raises FileNotFoundError if there is none. A tile that is partial at
    this size may have been dropped since for the full one, so that one is tried next. Tiles read are kept: make a
    reader for a request, not for a process.
    """

    def __init__(self, read_tile: Callable[[str], bytes], size: int) -> None:
        """Read the tree of `size` entries through `read_tile`."""
        self._read_tile = read_tile
        self._size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def read_nodes(self, nodes: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the hashes of these perfect subtrees. Raises InvalidTile or FileNotFoundError."""
        return [self._read_node(level, index) for level, index in nodes]

    def _read_node(self, level: int, index: int) -> bytes:
        if not (level >= 0 <= index and (index + 1) << level <= self._size):
            raise ValueError(f"no node ({level}, {index}) in a tree of size {self._size}")
        tile_level, height = divmod(level, HEIGHT)
        tile_index, offset = divmod(index << height, WIDTH)
        return merkle.root(self._hashes(tile_level, tile_index)[offset : offset + (1 << height)])

    def _hashes(self, level: int, index: int) -> list[bytes]:
        hashes = self._tiles.get((level, index))
        if hashes is None:
            width = min(WIDTH, (self._size >> HEIGHT * level) - index * WIDTH)
            try:
                data = self._read_tile(tile_path(level, index, width))
            except FileNotFoundError:
                if width == WIDTH:
                    raise
                data = self._read_tile(tile_path(level, index))
            hashes = decode_tile(data)[:width]
            if len(hashes) < width:
                raise InvalidTile(f"{tile_path(level, index, width)} holds {len(hashes)} hashes")
            self._tiles[level, index] = hashes
        return hashes
