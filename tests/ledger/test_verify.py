"""Whole-log verification over logs of 600 entries, three bundles: a good one is verified, every tampering is named."""

import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import checkpoint, merkle, note, tiles
from ledger.verify import MAX_FINDINGS, verify_log
from tests.ledger import builder

SIZE = 600
ENTRIES = builder.chain(SIZE)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    builder.publish(folder, ENTRIES)
    return folder


@pytest.fixture
def log(published, tmp_path):
    folder = tmp_path / "log"
    shutil.copytree(published, folder)
    return folder


def verify(folder, verifiers=builder.VERIFIERS):
    findings = list(verify_log(folder, verifiers))
    assert all("\n" not in str(finding) for finding in findings)
    assert findings
    assert (findings[-1].level == "ok") == all(finding.level == "ok" for finding in findings)
    return findings


def named(folder, verifiers=builder.VERIFIERS):
    return [(finding.what, finding.index) for finding in verify(folder, verifiers)]


def changed_byte(entry: bytes) -> bytes:
    return entry.replace(b"artifact.recorded", b"artifact.recordee")


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 600])
def test_a_good_log(tmp_path, size):
    builder.publish(tmp_path, ENTRIES[:size])
    (finding,) = verify(tmp_path)
    assert (finding.level, finding.what) == ("ok", "log.verified")
    assert f"{builder.ORIGIN}: {size} entries" in str(finding)


def test_a_good_log_with_two_levels_of_full_tiles(tmp_path):
    size = 65536 + 257
    builder.publish(tmp_path, builder.chain(size))
    assert named(tmp_path) == [("log.verified", None)]
    path = tmp_path / tiles.tile_path(1, 0)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert named(tmp_path) == [("tile.mismatch", 65280)]
    path.unlink()
    assert named(tmp_path) == [("tile.missing", 0)]
    (tmp_path / tiles.tile_path(2, 0, 1)).write_bytes(bytes(32))
    (tmp_path / tiles.tile_path(0, 3)).unlink()
    assert named(tmp_path) == [("tile.missing", 768), ("tile.missing", 0)]


def test_a_log_that_has_grown_past_its_checkpoint_and_dropped_its_partial_tiles(tmp_path):
    builder.write_tree(tmp_path, ENTRIES[:512])
    builder.sign(tmp_path, ENTRIES[:400])
    builder.write(tmp_path / tiles.tile_path(1, 0, 1), merkle.root(map(merkle.leaf_hash, ENTRIES[:256])))
    assert named(tmp_path) == [("log.verified", None)]


@pytest.mark.parametrize("index", [0, 1, 255, 256, 300, 511, 512, 598, 599])
def test_one_changed_byte_names_the_entry(log, index):
    entries = [*ENTRIES[:index], changed_byte(ENTRIES[index]), *ENTRIES[index + 1 :]]
    builder.write_bundles(log, entries, SIZE)
    assert named(log) == [("entry.changed", index)]


def test_any_bit_of_a_leaf(log):
    for bit in range(0, len(ENTRIES[300]) * 8, 41):
        entry = bytearray(ENTRIES[300])
        entry[bit // 8] ^= 1 << bit % 8
        builder.write_bundles(log, [*ENTRIES[:300], bytes(entry), *ENTRIES[301:]], SIZE)
        assert named(log) == [("entry.changed", 300)]


def test_two_changed_entries(log):
    entries = [changed_byte(entry) if index in (10, 300) else entry for index, entry in enumerate(ENTRIES)]
    builder.write_bundles(log, entries, SIZE)
    assert named(log) == [("entry.changed", 10), ("entry.changed", 300)]


def test_neighbours_changed_across_bundles_are_one_finding(log):
    entries = [changed_byte(entry) if index in (255, 256) else entry for index, entry in enumerate(ENTRIES)]
    builder.write_bundles(log, entries, SIZE)
    (finding,) = verify(log)
    assert (finding.what, finding.index) == ("entry.changed", 255)
    assert "entries 255 to 256 were changed" in finding.message


@pytest.mark.parametrize(
    ("index", "short"),
    [(0, 512), (100, 512), (255, 512), (256, 512), (511, 512), (512, 512), (598, 512), (599, 512)],
)
def test_a_removed_entry_with_the_rest_moved_up(log, index, short):
    builder.write_bundles(log, ENTRIES[:index] + ENTRIES[index + 1 :], SIZE)
    assert sorted(named(log)) == [("bundle.count", short), ("entry.removed", index)]


@pytest.mark.parametrize("index", [0, 100, 255, 256, 511])
def test_a_removed_entry_within_its_bundle(log, index):
    start = index // 256 * 256
    part = [entry for place, entry in enumerate(ENTRIES[start : start + 256], start) if place != index]
    builder.write(log / tiles.bundle_path(start // 256), tiles.encode_bundle(part))
    assert sorted(named(log)) == [("bundle.count", start), ("entry.removed", index)]


def test_several_entries_removed(log):
    builder.write_bundles(log, ENTRIES[:200] + ENTRIES[300:], SIZE)
    assert sorted(named(log)) == [("bundle.count", 256), ("bundle.missing", 512), ("entry.removed", 200)]
    assert any("entries 200 to 299 were removed" in finding.message for finding in verify(log))


def test_the_end_removed(log):
    builder.write_bundles(log, ENTRIES[:590], SIZE)
    assert sorted(named(log)) == [("bundle.count", 512), ("entry.removed", 590)]


@pytest.mark.parametrize(("one", "two"), [(0, 1), (5, 7), (10, 200), (255, 256), (3, 599), (300, 301), (598, 599)])
def test_two_swapped_entries(log, one, two):
    entries = list(ENTRIES)
    entries[one], entries[two] = entries[two], entries[one]
    builder.write_bundles(log, entries, SIZE)
    (finding,) = verify(log)
    assert (finding.what, finding.index) == ("entry.swapped", one)
    assert f"entries {one} and {two} were swapped" in finding.message


def test_an_inserted_entry(log):
    stranger = builder.make_leaf(50, b"\7" * 32)
    builder.write_bundles(log, [*ENTRIES[:50], stranger, *ENTRIES[50:]], SIZE)
    assert ("entry.inserted", 50) in named(log)
    assert {what for what, _ in named(log)} <= {"entry.inserted", "bundle.count", "entry.removed"}
    builder.write_bundles(log, ENTRIES, SIZE)
    part = [*ENTRIES[512:], stranger]
    builder.write(log / tiles.bundle_path(2, 88), tiles.encode_bundle(part))
    assert named(log) == [("bundle.count", 512), ("entry.inserted", 600)]


def test_a_copied_entry(log):
    part = [*ENTRIES[512:520], ENTRIES[3], *ENTRIES[520:]]
    builder.write(log / tiles.bundle_path(2, 88), tiles.encode_bundle(part))
    assert named(log) == [("bundle.count", 512), ("entry.inserted", 3)]
    builder.write(log / tiles.bundle_path(2, 88), tiles.encode_bundle([*ENTRIES[512:], ENTRIES[599]]))
    assert named(log) == [("bundle.count", 512), ("entry.inserted", 599)]
    builder.write_bundles(log, [*ENTRIES[:520], ENTRIES[3], *ENTRIES[521:]], SIZE)
    assert named(log) == [("entry.moved", 520)]


def test_a_rewritten_history_with_chain_and_tiles(log):
    builder.write_tree(log, builder.chain(SIZE, changes={300: {"kind": "artifact.erased"}}))
    (finding,) = verify(log)
    assert (finding.what, finding.index) == ("history.rewritten", None)
    assert "another history than the signed one" in finding.message


def test_a_rewritten_history_with_the_chain_but_not_the_tiles(log):
    builder.write_bundles(log, builder.chain(SIZE, changes={300: {"kind": "artifact.erased"}}), SIZE)
    (finding,) = verify(log)
    assert (finding.what, finding.index) == ("history.rewritten", 300)
    assert "entries 300 to 599 were rewritten" in finding.message


def test_a_changed_entry_with_the_tiles_but_not_the_chain(log):
    builder.write_tree(log, [*ENTRIES[:300], changed_byte(ENTRIES[300]), *ENTRIES[301:]])
    assert named(log) == [("chain.broken", 301), ("history.rewritten", None)]


def test_a_removed_entry_with_the_tiles(log):
    builder.write_tree(log, [*ENTRIES[:300], *ENTRIES[301:], builder.make_leaf(600, merkle.leaf_hash(ENTRIES[-1]))])
    assert named(log) == [("entry.index", 300), ("chain.broken", 300), ("history.rewritten", None)]


def test_a_history_signed_by_another_key(log):
    entries = builder.chain(SIZE, changes={300: {"kind": "artifact.erased"}})
    builder.write_tree(log, entries)
    builder.sign(log, entries, note.Signer(builder.ORIGIN, Ed25519PrivateKey.from_private_bytes(b"o" * 32)))
    assert named(log) == [("checkpoint.signature", None)]
    builder.sign(log, entries, note.Signer("other", Ed25519PrivateKey.from_private_bytes(b"o" * 32)))
    assert named(log) == [("checkpoint.signature", None)]


def test_a_bad_signature(log):
    text = (log / "checkpoint").read_text()
    (log / "checkpoint").write_text(text.replace("\n600\n", "\n599\n"))
    assert named(log)[0] == ("checkpoint.signature", None)
    assert named(log)[-1] == ("root.mismatch", None)
    (log / "checkpoint").write_text(text[:-8] + "AAAAAA=\n")
    assert named(log)[0] == ("checkpoint.signature", None)
    (log / "checkpoint").write_text(text)
    assert named(log, [])[0] == ("checkpoint.signature", None)


@pytest.mark.parametrize(
    "junk", [b"", b"junk", b"\xff\n\n", b"x\n" * 600_000, "a\nb\nc\n\n\u2014 k AAAAAAA=\n".encode()]
)
def test_a_broken_checkpoint(log, junk):
    (log / "checkpoint").write_bytes(junk)
    assert named(log) == [("checkpoint.signature", None)]


def test_nothing_there(tmp_path):
    assert named(tmp_path) == [("checkpoint.missing", None)]
    assert named(tmp_path / "nowhere") == [("checkpoint.missing", None)]
    (tmp_path / "checkpoint").mkdir()
    assert named(tmp_path) == [("checkpoint.missing", None)]


@pytest.mark.parametrize(
    ("path", "finding"),
    [
        (tiles.tile_path(0, 0), ("tile.missing", 0)),
        (tiles.tile_path(0, 1), ("tile.missing", 256)),
        (tiles.tile_path(0, 2, 88), ("tile.missing", 512)),
        (tiles.tile_path(1, 0, 2), ("tile.missing", 0)),
        (tiles.bundle_path(1), ("bundle.missing", 256)),
        (tiles.bundle_path(2, 88), ("bundle.missing", 512)),
    ],
)
def test_a_missing_file(log, path, finding):
    (log / path).unlink()
    assert named(log) == [finding]


@pytest.mark.parametrize("junk", [b"", b"x", bytes(32 * 300), b"\xff" * 100])
def test_a_malformed_file(log, junk):
    (log / tiles.bundle_path(1)).write_bytes(junk)
    assert {what for what, _ in named(log)} <= {"bundle.malformed", "bundle.count", "entry.changed", "entry.removed"}
    assert any(index in (None, 256) for _, index in named(log))
    builder.write_bundles(log, ENTRIES, SIZE)
    (log / tiles.tile_path(0, 1)).write_bytes(junk)
    assert named(log) == [("tile.malformed", 256)]
    (log / tiles.tile_path(0, 1)).unlink()
    (log / tiles.tile_path(0, 1)).mkdir()
    assert named(log) == [("tile.missing", 256)]


def test_a_changed_tile_is_told_from_a_changed_entry(log):
    path = log / tiles.tile_path(0, 1)
    data = bytearray(path.read_bytes())
    data[44 * 32] ^= 1
    path.write_bytes(data)
    assert named(log) == [("tile.mismatch", 256), ("tile.changed", 300)]


def test_a_changed_entry_under_a_missing_tile_breaks_the_chain(log):
    (log / tiles.tile_path(0, 1)).unlink()
    builder.write_bundles(log, [*ENTRIES[:300], changed_byte(ENTRIES[300]), *ENTRIES[301:]], SIZE)
    assert named(log) == [("tile.missing", 256), ("chain.broken", 301), ("root.mismatch", None)]


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        ({"log": "other.example"}, [("entry.log", 300)]),
        ({"index": 301}, [("entry.index", 300), ("entry.index", 301)]),
        ({"prev": b"\1" * 32}, [("chain.broken", 300)]),
    ],
)
def test_what_the_log_itself_got_wrong_and_signed(tmp_path, change, findings):
    builder.publish(tmp_path, builder.chain(SIZE, changes={300: change}))
    assert named(tmp_path) == findings


def test_a_signed_entry_that_is_no_leaf(tmp_path):
    entries = [*ENTRIES[:20], b'{"v":1}', *ENTRIES[21:]]
    builder.publish(tmp_path, entries)
    assert named(tmp_path) == [("entry.malformed", 20), ("chain.broken", 21)]


def test_it_stops_after_some_hundred_findings(tmp_path):
    builder.publish(tmp_path, [b"junk %d" % index for index in range(SIZE)])
    findings = verify(tmp_path)
    assert len(findings) == MAX_FINDINGS + 1
    assert findings[-1].what == "stopped"


def test_a_size_that_no_disk_holds_ends_soon(tmp_path):
    text = checkpoint.format(checkpoint.Checkpoint(builder.ORIGIN, merkle.MAX_SIZE, bytes(32)))
    builder.write(tmp_path / "checkpoint", note.sign(text, [builder.SIGNER]).encode())
    assert verify(tmp_path)[-1].what == "stopped"


FILES = ["checkpoint", *(tile.path for tile in tiles.tiles_of(SIZE))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.integers(0, 2**32), st.binary(max_size=40), st.integers(0, 40))
def test_any_change_to_any_file_is_found_and_nothing_raises(log, name, place, junk, gone):
    path = log / name
    good = path.read_bytes()
    place %= len(good)
    bad = good[:place] + junk + good[place + gone :]
    path.write_bytes(bad)
    try:
        assert (verify(log)[-1].level == "ok") == (bad == good)
    finally:
        path.write_bytes(good)
