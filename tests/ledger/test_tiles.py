"""Tiles: paths and sizes as the specification has them, and files from which every proof can be made."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import merkle, tiles
from ledger.errors import InvalidTile
from tests import vectors

ENTRIES = [b"entry %d" % index for index in range(1100)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]


class Store:
    """A published folder in memory. Nothing may be written over with other bytes."""

    def __init__(self, entries):
        self.files = {}
        self.entries = entries
        self.size = 0
        self.read = []

    def read_tile(self, path):
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def read_entries(self, start, stop):
        assert stop - start <= tiles.WIDTH
        self.read.append((start, stop))
        return self.entries[start:stop]

    def grow(self, size):
        for path, data in tiles.new_files(
            old_size=self.size, new_size=size, read_entries=self.read_entries, read_tile=self.read_tile
        ):
            assert self.files.setdefault(path, data) == data
        self.size = size


def test_paths():
    assert tiles.tile_path(0, 0) == "tile/0/000"
    assert tiles.tile_path(63, 1234067, 255) == "tile/63/x001/x234/067.p/255"
    assert tiles.bundle_path(1000, 1) == "tile/entries/x001/000.p/1"
    assert tiles.bundle_path(999) == "tile/entries/999"


@given(st.integers(-1, 63), st.integers(0, merkle.MAX_SIZE), st.integers(1, 256))
def test_a_path_reads_back(level, index, width):
    tile = tiles.Tile(level, index, width)
    assert tiles.parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/X001/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000/",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/entries/../../checkpoint",
        "tile/data/000",
        "tile/0/" + "x999/" * 6 + "999",
    ],
)
def test_what_is_no_path(path):
    with pytest.raises(InvalidTile):
        tiles.parse_path(path)


def test_paths_of_others():
    case = vectors.load("ledger/c2sp-spec-examples.json")
    for number, path in case["tile_index_path"].items():
        assert tiles.tile_path(0, int(number)) == f"tile/0/{path}"
    for path in vectors.load("ledger/golang-sumdb.json")["bad_tile_paths"]:
        with pytest.raises(InvalidTile):
            tiles.parse_path(path)


@pytest.mark.parametrize("size", [256, 70000])
def test_the_tile_sets_of_the_specification(size):
    case = vectors.load("ledger/c2sp-spec-examples.json")[f"tile_set_for_size_{size}"]
    found = [tile for tile in tiles.tiles_of(size) if tile.level != tiles.ENTRIES]
    full = Counter(tile.level for tile in found if tile.width == tiles.WIDTH)
    partial = {tile.level: tile.width for tile in found if tile.width < tiles.WIDTH}
    assert set(case) == {str(tile.level) for tile in found}
    for level, expected in case.items():
        assert full[int(level)] == expected["full"]
        assert partial.get(int(level), 0) == expected["partial"]


def test_tile_at_agrees_with_the_set():
    for size in (0, 1, 255, 256, 257, 65535, 65536, 65537):
        for tile in tiles.tiles_of(size):
            assert tiles.tile_at(level=tile.level, index=tile.index, size=size) == tile
        for level in range(-1, 4):
            count = -(-(size >> 8 * max(level, 0)) // 256)
            assert tiles.tile_at(level=level, index=count, size=size) is None


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_read_back(entries):
    assert tiles.decode_bundle(tiles.encode_bundle(entries)) == entries


@given(st.binary(max_size=2000))
def test_junk_bundles_are_refused_or_written_back_the_same(junk):
    try:
        entries = tiles.decode_bundle(junk)
    except InvalidTile:
        return
    assert tiles.encode_bundle(entries) == junk


def test_bounds_of_bundles_and_tiles():
    longest = tiles.encode_bundle([b"x" * 65_535] * 256)
    assert len(longest) == tiles.MAX_BUNDLE_BYTES
    assert len(tiles.decode_bundle(longest)) == 256
    for entries in ([], [b""] * 257, [b"x" * 65_536]):
        with pytest.raises(InvalidTile):
            tiles.encode_bundle(entries)
    for data in (b"", b"\0", b"\0\1", b"\0\1a\0", b"\0\0" * 257):
        with pytest.raises(InvalidTile):
            tiles.decode_bundle(data)
    for hashes in ([], [bytes(32)] * 257, [bytes(31)]):
        with pytest.raises(InvalidTile):
            tiles.encode_tile(hashes)
    for data in (b"", bytes(31), bytes(33), bytes(32 * 257)):
        with pytest.raises(InvalidTile):
            tiles.decode_tile(data)
    assert tiles.decode_tile(tiles.encode_tile(LEAVES[:256])) == LEAVES[:256]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1100), max_size=8))
def test_a_log_that_grows_in_steps_has_the_files_of_one_that_was_written_at_once(steps):
    stepwise, whole = Store(ENTRIES), Store(ENTRIES)
    for size in sorted(steps):
        stepwise.grow(size)
        # The same files again, as after a crash before the checkpoint.
        again = tiles.new_files(
            old_size=0, new_size=size, read_entries=stepwise.read_entries, read_tile=stepwise.read_tile
        )
        assert all(stepwise.files[path] == data for path, data in again)
    whole.grow(stepwise.size)
    expected = {tile.path for tile in tiles.tiles_of(stepwise.size)}
    assert set(whole.files) == expected
    assert expected <= set(stepwise.files)
    assert all(stepwise.files[path] == data for path, data in whole.files.items())
    assert merkle.read_root(
        size=stepwise.size, reader=tiles.TileReader(stepwise.read_tile, stepwise.size)
    ) == merkle.root(LEAVES[: stepwise.size])


def test_only_the_new_bundles_are_read():
    store = Store(ENTRIES)
    store.grow(600)
    store.read.clear()
    store.grow(700)
    assert store.read == [(512, 700)]
    store.grow(700)
    assert store.read == [(512, 700)]


def test_tiles_two_levels_up():
    entries = [b"%d" % (index % 7) for index in range(65536 + 300)]
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    stepwise, whole = Store(entries), Store(entries)
    for size in (255, 256, 65535, 65536, 65837 - 1):
        stepwise.grow(size)
    whole.grow(stepwise.size)
    assert {tile.path for tile in tiles.tiles_of(stepwise.size)} == set(whole.files)
    assert all(stepwise.files[path] == data for path, data in whole.files.items())
    root = merkle.root(leaves)
    for index in (0, 255, 256, 65535, 65536, 65835):
        proof = merkle.prove_inclusion(
            index=index, size=stepwise.size, reader=tiles.TileReader(whole.read_tile, whole.size)
        )
        merkle.verify_inclusion(leaf_hash=leaves[index], index=index, size=whole.size, proof=proof, root=root)
    for first in (1, 256, 257, 65535, 65536):
        proof = merkle.prove_consistency(
            first=first, second=whole.size, reader=tiles.TileReader(whole.read_tile, whole.size)
        )
        merkle.verify_consistency(
            first=first,
            second=whole.size,
            proof=proof,
            first_root=merkle.root(leaves[:first]),
            second_root=root,
        )


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600])
def test_every_entry_is_proved_from_tiles(size):
    store = Store(ENTRIES)
    store.grow(size)
    reader = tiles.TileReader(store.read_tile, size)
    root = merkle.root(LEAVES[:size])
    for index in range(size):
        proof = merkle.prove_inclusion(index=index, size=size, reader=reader)
        merkle.verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, proof=proof, root=root)


def test_a_full_tile_stands_in_for_a_partial_one_that_was_dropped():
    store = Store(ENTRIES)
    store.grow(600)
    for path in [path for path in store.files if ".p/" in path]:
        del store.files[path]
    with pytest.raises(FileNotFoundError):
        merkle.read_root(size=600, reader=tiles.TileReader(store.read_tile, 600))
    reader = tiles.TileReader(store.read_tile, 500)  # Its level 0 is there, its level 1 is not.
    assert reader.read_nodes([(0, 499), (7, 2)]) == [LEAVES[499], merkle.root(LEAVES[256:384])]
    with pytest.raises(FileNotFoundError):
        reader.read_nodes([(8, 0)])


def test_a_reader_refuses_what_is_not_there():
    store = Store(ENTRIES)
    store.grow(300)
    for node in ((0, 300), (9, 0), (8, 1), (0, -1), (-1, 0)):
        with pytest.raises(ValueError, match="no node"):
            tiles.TileReader(store.read_tile, 300).read_nodes([node])
    store.files["tile/0/001.p/44"] = bytes(32 * 43)
    with pytest.raises(InvalidTile):
        tiles.TileReader(store.read_tile, 300).read_nodes([(0, 299)])


def test_broken_sources_are_noticed():
    def files(**change):
        store = Store(ENTRIES)
        store.grow(600)
        given = {"old_size": 600, "new_size": 900, "read_entries": store.read_entries, "read_tile": store.read_tile}
        return list(tiles.new_files(**given | change))

    with pytest.raises(ValueError, match="entries read"):
        files(read_entries=lambda _start, _stop: [])
    with pytest.raises(InvalidTile):
        files(read_tile=lambda _: bytes(32))
    with pytest.raises(ValueError, match="cannot become"):
        files(new_size=599)
