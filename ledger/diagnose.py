"""Say what is wrong with a log whose replay has failed, entry by entry, from its files alone.

The signed root decides who is believed. If the tiles lead to it, they are the truth, and an entry that differs was
changed, removed, inserted or swapped. If the entries lead to it, the tiles are at fault. If neither does, the history
is another one than the log signed.

Nothing here raises on bad input. One bundle, the next one, and a few tiles are in memory at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import merkle, tiles
from .climb import Climb, unreadable
from .errors import InvalidLeaf, InvalidTile
from .finding import Finding, bad
from .leaf import GENESIS_PREV, read_link

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from .checkpoint import Checkpoint
    from .logcopy import LogCopy


def diagnose(
    copy: LogCopy, checkpoint: Checkpoint, *, start: int, stop: int, progress: Callable[[int, int], None]
) -> Iterator[Finding]:
    """Yield what is wrong with the tiles from bundle `start` on and with the entries of bundles [start, stop)."""
    root, origin = checkpoint.root, checkpoint.origin
    tiles_root = yield from _walk_tiles(copy, start)
    if tiles_root == root:
        yield from _Replay(copy, origin, start, stop, believe_tiles=True).run(progress)
        return
    entries_root = _entries_root(copy) if (start, stop) == (0, copy.count) else None
    yield from _Replay(copy, origin, start, stop, believe_tiles=entries_root != root).run(progress)
    if entries_root == root:
        return
    if entries_root is not None and entries_root == tiles_root:
        yield bad(
            "history.rewritten",
            None,
            f"entries and tiles agree with each other on root {entries_root.hex()} at size {copy.size}, but the log"
            f" signed {root.hex()}: this is another history than the signed one",
        )
    else:
        yield bad("root.mismatch", None, f"entries and tiles do not lead to the signed root {root.hex()}")


def _walk_tiles(copy: LogCopy, start: int) -> Generator[Finding, None, bytes | None]:
    """Check every level of tiles against the one below; return the root that level 0 leads to, if it is all there."""
    climb = Climb(copy, start)
    yield from climb.findings()
    for index in range(start, copy.count):
        tile = copy.tile(0, index)
        try:
            hashes = copy.read_hashes(tile)
        except (OSError, InvalidTile) as error:
            yield unreadable("tile", tile, error, index * tiles.WIDTH)
            hashes = None
        if tile.width < tiles.WIDTH:
            climb.finish(hashes)
        else:
            yield from climb.add(None if hashes is None else merkle.root(hashes))
    yield from climb.close()
    return climb.root


def _entries_root(copy: LogCopy) -> bytes | None:
    """Return the root that the entries lead to, None if they are not all there."""
    frontier: list[bytes] = []
    for index in range(copy.count):
        tile = copy.tile(tiles.ENTRIES, index)
        try:
            entries = copy.read_entries(tile)
        except (OSError, InvalidTile):
            return None
        if len(entries) != tile.width:
            return None
        hashes = [merkle.leaf_hash(entry) for entry in entries]
        if tile.width == tiles.WIDTH:
            frontier = merkle.frontier_append(frontier, index, merkle.root(hashes))
        else:
            frontier += merkle.frontier_of(hashes)
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

    def __init__(self, copy: LogCopy, origin: str, start: int, stop: int, *, believe_tiles: bool) -> None:
        self._copy = copy
        self._bundles = range(start, stop)
        self._origin = origin
        self._believe_tiles = believe_tiles
        self._cursor = start * tiles.WIDTH
        self._last: bytes | None = None if start else GENESIS_PREV
        self._offset = 0
        """By how much the entries' own numbers run ahead of their places."""
        self._run: list[int] = []
        """First and last of a run of changed entries, not yet reported."""
        self._chained = True
        """The entries of that run carry each other's hashes."""
        self._misplaced: dict[int, int] = {}
        """Place -> the genuine entry that stands there instead."""

    def run(self, progress: Callable[[int, int], None]) -> Iterator[Finding]:
        count = self._copy.count
        upcoming, findings = self._load(self._bundles.start) if self._bundles else (None, [])
        for index in self._bundles:
            bundle, faults = upcoming, findings
            upcoming, findings = self._load(index + 1) if index + 1 < count else (None, [])
            yield from faults
            if bundle is None:
                yield from self._flush()
                self._cursor = min((index + 1) * tiles.WIDTH, self._copy.size)
                self._last = self._recorded(self._cursor - 1)
            elif self._is_plain(index, bundle):
                yield from self._flush()
                for item in bundle:
                    yield from self._check_link(item)
            else:
                following = [*bundle[1:], upcoming[0] if upcoming else None]
                for item, after in zip(bundle, following, strict=True):
                    yield from self._place(item, after)
            progress(min((index + 1) * tiles.WIDTH, self._copy.size), self._copy.size)
        yield from self._flush()
        end = min(self._bundles.stop * tiles.WIDTH, self._copy.size)
        if self._cursor < end:
            yield _removed(self._cursor, end - 1)
        for place, entry in sorted(self._misplaced.items()):
            yield bad("entry.moved", place, f"in the place of entry {place} stands entry {entry}")

    def _load(self, index: int) -> tuple[list[_Item] | None, list[Finding]]:
        tile = self._copy.tile(tiles.ENTRIES, index)
        first = index * tiles.WIDTH
        try:
            entries = self._copy.read_entries(tile)
        except (OSError, InvalidTile) as error:
            return None, [unreadable("bundle", tile, error, first)]
        faults = []
        if len(entries) != tile.width:
            faults.append(bad("bundle.count", first, f"{tile.path} holds {len(entries)} entries, not {tile.width}"))
        return [_Item(entry, merkle.leaf_hash(entry)) for entry in entries], faults

    def _is_plain(self, index: int, bundle: list[_Item]) -> bool:
        """Tell whether a bundle stands in its place and is what the tile says, or is all there is to believe."""
        if self._cursor != index * tiles.WIDTH or len(bundle) != self._copy.tile(tiles.ENTRIES, index).width:
            return False
        hashes = self._copy.level_zero(index)
        return hashes is None or not self._believe_tiles or hashes == [item.hash for item in bundle]

    def _recorded(self, index: int) -> bytes | None:
        """Return what the tiles say is the hash of an entry, None if they do not, or are not believed."""
        if not self._believe_tiles or not 0 <= index < self._copy.size:
            return GENESIS_PREV if index == -1 else None
        hashes = self._copy.level_zero(index // tiles.WIDTH)
        return hashes[index % tiles.WIDTH] if hashes else None

    def _check_link(self, item: _Item) -> Sequence[Finding]:
        """Check what entry `cursor` says about itself; go on to the next."""
        index, last = self._cursor, self._last
        self._cursor, self._last = index + 1, item.hash
        try:
            log, own, prev = read_link(item.data)
        except InvalidLeaf as error:
            return [bad("entry.malformed", index, f"entry {index} is no leaf: {error}")]
        chained = last is None or prev == last
        if chained and own - index == self._offset and log == self._origin and self._believe_tiles:
            return ()
        faults: list[Finding] = []
        if own - index != self._offset:
            message = f"in the place of entry {index} stands one that calls itself {own}"
            faults.append(bad("entry.index", index, message))
            self._offset = own - index
        if log != self._origin:
            faults.append(bad("entry.log", index, f"entry {index} belongs to the log {log}"))
        if not chained:
            message = (
                f"entry {index} does not carry the hash of the entry before it:"
                f" entry {index - 1} was changed, or something between them is gone"
            )
            faults.append(bad("chain.broken", index, message))
        if not self._believe_tiles:
            hashes = self._copy.level_zero(index // tiles.WIDTH)
            if hashes and hashes[index % tiles.WIDTH] != item.hash:
                message = f"the tile holds another hash than that of entry {index}"
                faults.append(bad("tile.changed", index, message))
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
        elif genuine > cursor and (following == genuine + 1 or (genuine == self._copy.size - 1 and after is None)):
            yield _removed(cursor, genuine - 1)
            self._cursor, self._last = genuine, self._recorded(genuine - 1)
            yield from self._check_link(item)
        elif following == cursor and genuine != cursor + 1:  # Else the two have changed places.
            yield bad("entry.inserted", genuine, f"a copy of entry {genuine} stands before entry {cursor}")
        elif cursor >= self._copy.size:
            yield bad("entry.inserted", genuine, f"a copy of entry {genuine} stands after the last entry")
        else:
            if self._misplaced.get(genuine) == cursor:
                del self._misplaced[genuine]
                yield bad("entry.swapped", genuine, f"entries {genuine} and {cursor} were swapped")
            else:
                self._misplaced[cursor] = genuine
            self._cursor, self._last = cursor + 1, self._recorded(cursor)

    def _place_alien(self, item: _Item, after: _Item | None) -> Iterator[Finding]:
        cursor = self._cursor
        if cursor >= self._copy.size or (after is not None and self._identify(after, cursor) == cursor):
            yield from self._flush()
            place = f"before entry {cursor}" if cursor < self._copy.size else "after the last entry"
            yield bad("entry.inserted", cursor, f"an entry that the log does not hold stands {place}")
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
            yield bad("entry.changed", first, f"entry {first} was changed: it does not give the hash in the tile")
        elif self._chained:
            yield bad(
                "history.rewritten",
                first,
                f"entries {first} to {last} were rewritten: they chain to each other, but not to the hashes in the tiles",
            )
        else:
            yield bad("entry.changed", first, f"entries {first} to {last} were changed")

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
                if own < self._copy.size and self._recorded(own) == item.hash:
                    item.genuine = own
        return item.genuine


def _removed(first: int, last: int) -> Finding:
    if first == last:
        return bad("entry.removed", first, f"entry {first} was removed")
    return bad("entry.removed", first, f"entries {first} to {last} were removed")
