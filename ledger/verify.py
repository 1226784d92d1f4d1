"""Replay a whole published log, offline, from its folder alone (tlog-tiles layout), and name what is wrong.

What holds for a good log, and is checked here from the bytes up:

1. The checkpoint is signed by the log's own key.
2. The hash tiles of every level agree, and lead to the checkpoint's root.
3. Every entry up to the checkpoint's size hashes to its place in the tiles of level 0.
4. Every entry is a canonical leaf, says its own index and log, and carries the hash of the entry before it.

When something fails, the signed root decides who is believed. If the tiles lead to it, they are the truth, and an
entry that differs was changed, removed, inserted or swapped. If the entries lead to it, the tiles are at fault. If
neither does, the history is another one than the log signed.

The module reads files and nothing else. It never raises on bad input: a finding is a value. One bundle, the next
one, and a few tiles are in memory at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ledger import checkpoint as checkpoints
from ledger import merkle, note, tiles
from ledger.errors import InvalidLeaf, InvalidTile, LedgerError
from ledger.leaf import GENESIS_PREV, read_link

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

MAX_FINDINGS: Final = 300
_TILES_KEPT: Final = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a verification: its level, what it is about, the entry concerned if there is one, and a sentence."""

    level: Literal["ok", "error"]
    what: str
    index: int | None
    message: str

    def __str__(self) -> str:
        """Return the finding as one line."""
        place = "" if self.index is None else f" {self.index}"
        return f"{self.level}: {self.what}{place}: {self.message}"


def verify_log(folder: Path, verifiers: Sequence[note.Verifier]) -> Iterator[Finding]:
    """Yield what is wrong with the log in this folder; if nothing is, one finding "log.verified" of level ok.

    After `MAX_FINDINGS` findings it stops, with one more that says so.
    """
    findings = _verify(folder, verifiers)
    yield from islice(findings, MAX_FINDINGS)
    if next(findings, None) is not None:
        yield _error("stopped", None, f"more than {MAX_FINDINGS} findings; the rest of the log was not looked at")


def _verify(folder: Path, verifiers: Sequence[note.Verifier]) -> Iterator[Finding]:
    try:
        signed = _read_file(folder / "checkpoint", note.MAX_NOTE_BYTES)
    except OSError as error:
        yield _error("checkpoint.missing", None, f"the checkpoint cannot be read ({type(error).__name__})")
        return
    good = True
    try:
        checkpoint = checkpoints.open(signed, verifiers)
    except LedgerError as error:
        yield _error("checkpoint.signature", None, f"the checkpoint is not the log's: {error}")
        good = False
        try:  # Go on, believing nothing: what else is wrong may say what happened.
            checkpoint = checkpoints.parse(note.read_text(signed))
        except LedgerError:
            return
    for finding in _replay(_Folder(folder, checkpoint.size), checkpoint):
        good = False
        yield finding
    if good:
        yield Finding(
            "ok",
            "log.verified",
            None,
            f"{checkpoint.origin}: {checkpoint.size} entries, chained, and under the signed root"
            f" {checkpoint.root.hex()}",
        )


def _replay(folder: _Folder, checkpoint: checkpoints.Checkpoint) -> Iterator[Finding]:
    """Find the root that tiles lead to, and, if it is not the signed one, that of the entries; then replay."""
    root, origin = checkpoint.root, checkpoint.origin
    tiles_root = yield from _walk_tiles(folder)
    if tiles_root == root:
        yield from _Replay(folder, origin, believe_tiles=True).run()
        return
    entries_root = _entries_root(folder)
    yield from _Replay(folder, origin, believe_tiles=entries_root != root).run()
    if entries_root == root:
        return
    if entries_root is not None and entries_root == tiles_root:
        yield _error(
            "history.rewritten",
            None,
            f"entries and tiles agree with each other on root {entries_root.hex()} at size {folder.size}, but the log"
            f" signed {root.hex()}: this is another history than the signed one",
        )
    else:
        yield _error("root.mismatch", None, f"entries and tiles do not lead to the signed root {root.hex()}")


class _Folder:
    """The files of a log, as far as the checkpoint's size makes them exist."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self.size = size
        self._kept: OrderedDict[int, list[bytes] | None] = OrderedDict()

    def tile(self, level: int, index: int) -> tiles.Tile:
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

    def _read(self, tile: tiles.Tile, limit: int) -> tuple[bytes, bool]:
        """Return a file's bytes, and whether it is the full one that stands in for a partial one dropped since."""
        try:
            return _read_file(self._path / tile.path, limit), False
        except FileNotFoundError:
            if tile.width == tiles.WIDTH:
                raise
            return _read_file(self._path / tiles.Tile(tile.level, tile.index).path, limit), True


def _walk_tiles(folder: _Folder) -> Generator[Finding, None, bytes | None]:
    """Check every level of tiles against the one below; return the root that level 0 leads to, if it is all there."""
    whole = True
    frontier: list[bytes] = []  # Of the full tiles of level 0, then of the hashes in the partial one.
    growing: list[list[bytes | None]] = [[] for _ in range(tiles.MAX_LEVEL + 2)]
    filled = [0] * len(growing)
    for index in range(-(-folder.size // tiles.WIDTH)):
        tile = folder.tile(0, index)
        root = None
        try:
            hashes = folder.read_hashes(tile)
        except (OSError, InvalidTile) as error:
            yield _unreadable("tile", tile, error, index * tiles.WIDTH)
            whole = False
        else:
            if tile.width < tiles.WIDTH:
                frontier += merkle.frontier_of(hashes)
                break
            root = merkle.root(hashes)
            if whole:
                frontier = merkle.frontier_append(frontier, index, root)
        if tile.width < tiles.WIDTH:
            break
        level = 1
        growing[level].append(root)
        while len(growing[level]) == tiles.WIDTH:
            yield from _compare(folder, level, filled[level], growing[level])
            root = None if None in growing[level] else merkle.root(each for each in growing[level] if each)
            growing[level] = []
            filled[level] += 1
            level += 1
            growing[level].append(root)
    for level, rest in enumerate(growing):
        if rest:
            yield from _compare(folder, level, filled[level], rest)
    return merkle.frontier_root(frontier) if whole else None


def _compare(folder: _Folder, level: int, index: int, computed: Sequence[bytes | None]) -> Iterator[Finding]:
    tile = folder.tile(level, index)
    first = index << tiles.HEIGHT * (level + 1)
    try:
        hashes = folder.read_hashes(tile)
    except (OSError, InvalidTile) as error:
        yield _unreadable("tile", tile, error, first)
        return
    for place, (held, own) in enumerate(zip(hashes, computed, strict=True)):
        if own is not None and held != own:
            below = folder.tile(level - 1, index * tiles.WIDTH + place)
            yield _error(
                "tile.mismatch",
                first + (place << tiles.HEIGHT * level),
                f"hash {place} of {tile.path} is not the root of {below.path}",
            )


def _entries_root(folder: _Folder) -> bytes | None:
    """Return the root that the entries lead to, None if they are not all there."""
    frontier: list[bytes] = []
    size = 0
    for index in range(-(-folder.size // tiles.WIDTH)):
        tile = folder.tile(tiles.ENTRIES, index)
        try:
            entries = folder.read_entries(tile)
        except (OSError, InvalidTile):
            return None
        if len(entries) != tile.width:
            return None
        for entry in entries:
            frontier = merkle.frontier_append(frontier, size, merkle.leaf_hash(entry))
            size += 1
    return merkle.frontier_root(frontier)


class _Item:
    """An entry as it lies in a bundle."""

    __slots__ = ("data", "genuine", "hash")

    def __init__(self, data: bytes, hash_: bytes) -> None:
        self.data = data
        self.hash = hash_
        self.genuine: int | None = None
        """Which entry of the tiles it is, wherever it stands."""


class _Replay:
    """Walks the entries in order. `cursor` is the entry expected next, `last` the hash of the one before it."""

    def __init__(self, folder: _Folder, origin: str, *, believe_tiles: bool) -> None:
        self._folder = folder
        self._origin = origin
        self._believe_tiles = believe_tiles
        self._cursor = 0
        self._last: bytes | None = GENESIS_PREV
        self._offset = 0
        """By how much the entries' own numbers run ahead of their places."""
        self._run: list[int] = []
        """First and last of a run of changed entries, not yet reported."""
        self._chained = True
        """The entries of that run carry each other's hashes."""
        self._misplaced: dict[int, int] = {}
        """Place -> the genuine entry that stands there instead."""

    def run(self) -> Iterator[Finding]:
        count = -(-self._folder.size // tiles.WIDTH)
        upcoming, findings = self._load(0) if count else (None, [])
        for index in range(count):
            bundle, faults = upcoming, findings
            upcoming, findings = self._load(index + 1) if index + 1 < count else (None, [])
            yield from faults
            if bundle is None:
                yield from self._flush()
                self._cursor = min((index + 1) * tiles.WIDTH, self._folder.size)
                self._last = self._recorded(self._cursor - 1)
            elif self._is_plain(index, bundle):
                yield from self._flush()
                for item in bundle:
                    yield from self._check_link(item)
            else:
                following = [*bundle[1:], upcoming[0] if upcoming else None]
                for item, after in zip(bundle, following, strict=True):
                    yield from self._place(item, after)
        yield from self._flush()
        if self._cursor < self._folder.size:
            yield _removed(self._cursor, self._folder.size - 1)
        for place, entry in sorted(self._misplaced.items()):
            yield _error("entry.moved", place, f"in the place of entry {place} stands entry {entry}")

    def _load(self, index: int) -> tuple[list[_Item] | None, list[Finding]]:
        tile = self._folder.tile(tiles.ENTRIES, index)
        first = index * tiles.WIDTH
        try:
            entries = self._folder.read_entries(tile)
        except (OSError, InvalidTile) as error:
            return None, [_unreadable("bundle", tile, error, first)]
        faults = []
        if len(entries) != tile.width:
            faults.append(_error("bundle.count", first, f"{tile.path} holds {len(entries)} entries, not {tile.width}"))
        return [_Item(entry, merkle.leaf_hash(entry)) for entry in entries], faults

    def _is_plain(self, index: int, bundle: list[_Item]) -> bool:
        """Tell whether a bundle stands in its place and is what the tile says, or is all there is to believe."""
        if self._cursor != index * tiles.WIDTH or len(bundle) != self._folder.tile(tiles.ENTRIES, index).width:
            return False
        hashes = self._folder.level_zero(index)
        return hashes is None or not self._believe_tiles or hashes == [item.hash for item in bundle]

    def _recorded(self, index: int) -> bytes | None:
        """Return what the tiles say is the hash of an entry, None if they do not, or are not believed."""
        if not self._believe_tiles or not 0 <= index < self._folder.size:
            return GENESIS_PREV if index == -1 else None
        hashes = self._folder.level_zero(index // tiles.WIDTH)
        return hashes[index % tiles.WIDTH] if hashes else None

    def _check_link(self, item: _Item) -> Sequence[Finding]:
        """Check what entry `cursor` says about itself; go on to the next."""
        index, last = self._cursor, self._last
        self._cursor, self._last = index + 1, item.hash
        try:
            log, own, prev = read_link(item.data)
        except InvalidLeaf as error:
            return [_error("entry.malformed", index, f"entry {index} is no leaf: {error}")]
        chained = last is None or prev == last
        if chained and own - index == self._offset and log == self._origin and self._believe_tiles:
            return ()
        faults: list[Finding] = []
        if own - index != self._offset:
            message = f"in the place of entry {index} stands one that calls itself {own}"
            faults.append(_error("entry.index", index, message))
            self._offset = own - index
        if log != self._origin:
            faults.append(_error("entry.log", index, f"entry {index} belongs to the log {log}"))
        if not chained:
            message = (
                f"entry {index} does not carry the hash of the entry before it:"
                f" entry {index - 1} was changed, or something between them is gone"
            )
            faults.append(_error("chain.broken", index, message))
        if not self._believe_tiles:
            hashes = self._folder.level_zero(index // tiles.WIDTH)
            if hashes and hashes[index % tiles.WIDTH] != item.hash:
                message = f"the tile holds another hash than that of entry {index}"
                faults.append(_error("tile.changed", index, message))
        return faults

    # The slow path: a bundle that is not what the tile says.

    def _place(self, item: _Item, after: _Item | None) -> Iterator[Finding]:
        """Say what an entry of such a bundle is; `after` is the one that follows it."""
        cursor = self._cursor
        genuine = self._identify(item, cursor)
        if genuine is None:
            yield from self._place_alien(item, after)
            return
        yield from self._flush()
        following = None if after is None else self._identify(after, genuine + 1)
        if genuine == cursor:
            yield from self._check_link(item)
        elif genuine > cursor and (following == genuine + 1 or (genuine == self._folder.size - 1 and after is None)):
            yield _removed(cursor, genuine - 1)
            self._cursor, self._last = genuine, self._recorded(genuine - 1)
            yield from self._check_link(item)
        elif following == cursor and genuine != cursor + 1:  # Else the two have changed places.
            yield _error("entry.inserted", genuine, f"a copy of entry {genuine} stands before entry {cursor}")
        elif cursor >= self._folder.size:
            yield _error("entry.inserted", genuine, f"a copy of entry {genuine} stands after the last entry")
        else:
            if self._misplaced.get(genuine) == cursor:
                del self._misplaced[genuine]
                yield _error("entry.swapped", genuine, f"entries {genuine} and {cursor} were swapped")
            else:
                self._misplaced[cursor] = genuine
            self._cursor, self._last = cursor + 1, self._recorded(cursor)

    def _place_alien(self, item: _Item, after: _Item | None) -> Iterator[Finding]:
        cursor = self._cursor
        if cursor >= self._folder.size or (after is not None and self._identify(after, cursor) == cursor):
            yield from self._flush()
            place = f"before entry {cursor}" if cursor < self._folder.size else "after the last entry"
            yield _error("entry.inserted", cursor, f"an entry that the log does not hold stands {place}")
            return
        if not self._run:
            self._run, self._chained = [cursor, cursor], True
        self._run[1] = cursor
        try:
            _, _, prev = read_link(item.data)
        except InvalidLeaf:
            prev = None
        self._chained = self._chained and prev == self._last
        self._cursor, self._last = cursor + 1, item.hash

    def _flush(self) -> Iterator[Finding]:
        """Report the run of changed entries that has ended here."""
        if not self._run:
            return
        first, last = self._run
        self._run = []
        self._last = self._recorded(last)
        if first == last:
            yield _error("entry.changed", first, f"entry {first} was changed: it does not give the hash in the tile")
        elif self._chained:
            yield _error(
                "history.rewritten",
                first,
                f"entries {first} to {last} were rewritten: they chain to each other, but not to the hashes in the tiles",
            )
        else:
            yield _error("entry.changed", first, f"entries {first} to {last} were changed")

    def _identify(self, item: _Item, likely: int) -> int | None:
        """Return which entry of the tiles this is: the likely one, or the one that it says it is."""
        if item.genuine is None:
            if self._recorded(likely) == item.hash:
                item.genuine = likely
            else:
                try:
                    _, own, _ = read_link(item.data)
                except InvalidLeaf:
                    return None
                if own < self._folder.size and self._recorded(own) == item.hash:
                    item.genuine = own
        return item.genuine


def _read_file(path: Path, limit: int) -> bytes:
    """Return a file's bytes, one more than the limit at most, so that an overlong file stays a malformed one."""
    with path.open("rb") as file:
        return file.read(limit + 1)


def _unreadable(what: str, tile: tiles.Tile, error: OSError | InvalidTile, index: int) -> Finding:
    if isinstance(error, OSError):
        return _error(f"{what}.missing", index, f"{tile.path} cannot be read ({type(error).__name__})")
    return _error(f"{what}.malformed", index, f"{tile.path} is malformed: {error.detail}")


def _removed(first: int, last: int) -> Finding:
    if first == last:
        return _error("entry.removed", first, f"entry {first} was removed")
    return _error("entry.removed", first, f"entries {first} to {last} were removed")


def _error(what: str, index: int | None, message: str) -> Finding:
    return Finding("error", what, index, message)
