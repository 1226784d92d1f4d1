"""Whole-log verification over logs of 600 entries, three bundles: a good one is verified, every tampering is named."""

import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import checkpoint, diagnose, merkle, note, policy, tiles
from ledger import verify as verifying
from ledger.cosignature import CosignatureSigner
from ledger.logcopy import LogCopy
from ledger.verify import MAX_FINDINGS, verify_log
from tests.ledger import builder

SIZE = 600
ENTRIES = builder.chain(SIZE)
LARGE_SIZE = 65536 + 257


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    builder.publish(folder, ENTRIES)
    return folder


@pytest.fixture(scope="module")
def large_entries():
    return builder.chain(LARGE_SIZE)


@pytest.fixture
def large(tmp_path, large_entries):
    """A log with two levels of full tiles."""
    builder.publish(tmp_path, large_entries)
    return tmp_path


@pytest.fixture
def log(published, tmp_path):
    folder = tmp_path / "log"
    shutil.copytree(published, folder)
    return folder


def verify(folder, verifiers=builder.VERIFIERS, **how):
    findings = list(verify_log(folder, verifiers, **how))
    assert all("\n" not in str(finding) for finding in findings)
    assert findings
    assert (findings[-1].level == "ok") == all(finding.level == "ok" for finding in findings)
    return findings


def named(folder, verifiers=builder.VERIFIERS, **how):
    return [(finding.what, finding.index) for finding in verify(folder, verifiers, **how)]


def changed_byte(entry: bytes) -> bytes:
    return entry.replace(b"artifact.recorded", b"artifact.recordee")


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 600])
def test_a_good_log(tmp_path, size):
    builder.publish(tmp_path, ENTRIES[:size])
    (finding,) = verify(tmp_path)
    assert (finding.level, finding.what) == ("ok", "log.verified")
    assert f"{builder.ORIGIN}: {size} entries" in str(finding)


def test_a_good_log_with_two_levels_of_full_tiles(large):
    assert named(large) == [("log.verified", None)]
    path = large / tiles.tile_path(1, 0)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert named(large) == [("tile.mismatch", 65280)]
    path.unlink()
    assert named(large) == [("tile.missing", 0)]
    (large / tiles.tile_path(2, 0, 1)).write_bytes(bytes(32))
    (large / tiles.tile_path(0, 3)).unlink()
    assert named(large) == [("tile.missing", 768), ("tile.missing", 0)]


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


def test_a_forged_name_says_nothing_to_the_terminal(log):
    text = checkpoint.format(checkpoint.Checkpoint("\x9b31mlog", 0, merkle.EMPTY_ROOT))
    (log / "checkpoint").write_text(note.sign(text, [builder.SIGNER]))
    (finding, *_) = verify(log)
    assert "\\x9b31mlog" in str(finding)
    assert str(finding).isprintable()


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


# What the quick replay lets through, the slow one must find nothing wrong with; and the other way round.


def diagnosed(folder):
    signed = checkpoint.parse(note.read_text((folder / "checkpoint").read_bytes()))
    copy = LogCopy(folder, signed.size)
    return list(diagnose.diagnose(copy, signed, start=0, stop=copy.count, progress=lambda *_: None))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES[1:]), st.integers(0, 2**32), st.integers(0, 7))
def test_the_quick_replay_and_the_slow_one_agree(log, name, place, bit):
    path = log / name
    good = path.read_bytes()
    assert diagnosed(log) == []
    bad = bytearray(good)
    bad[place % len(good)] ^= 1 << bit
    path.write_bytes(bad)
    try:
        assert diagnosed(log) == verify(log)
    finally:
        path.write_bytes(good)


@pytest.mark.parametrize(
    ("change", "what"), [({"log": "other.example"}, "entry.log"), ({"prev": b"\1" * 32}, "chain.broken")]
)
@pytest.mark.parametrize("index", [255, 256, 599])
def test_the_quick_replay_looks_at_every_link(tmp_path, monkeypatch, index, change, what):
    monkeypatch.setattr(verifying, "BUNDLES", 1)  # Every bundle is a stretch of its own.
    builder.publish(tmp_path, builder.chain(SIZE, changes={index: change}))
    assert named(tmp_path)[0] == (what, index)
    builder.publish(tmp_path, builder.chain(SIZE))
    assert named(tmp_path) == [("log.verified", None)]


def test_progress_rises_to_the_size_and_starts_again_to_say_what_is_wrong(log, monkeypatch):
    monkeypatch.setattr(verifying, "BUNDLES", 2)
    told = []
    verify(log, progress=lambda *place: told.append(place))
    assert told == [(512, 600), (600, 600)]
    told.clear()
    builder.write_bundles(log, [*ENTRIES[:599], changed_byte(ENTRIES[599])], SIZE)
    verify(log, progress=lambda *place: told.append(place))
    assert told == [(512, 600), (256, 600), (512, 600), (600, 600)]


def test_several_processes_find_the_same(log, monkeypatch):
    monkeypatch.setattr(verifying, "BUNDLES", 1)
    monkeypatch.setattr(verifying, "_WORTH_A_PROCESS", 1)
    assert named(log, processes=2) == [("log.verified", None)]
    builder.write_bundles(log, [*ENTRIES[:300], changed_byte(ENTRIES[300]), *ENTRIES[301:]], SIZE)
    assert named(log, processes=2) == [("entry.changed", 300)]


def test_a_process_that_dies_costs_time_and_no_verdict(log, monkeypatch):
    class Broken(verifying.ProcessPoolExecutor):
        def submit(self, *_):
            raise verifying.BrokenProcessPool

    monkeypatch.setattr(verifying, "_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(verifying, "ProcessPoolExecutor", Broken)
    assert named(log, processes=2) == [("log.verified", None)]
    builder.write_bundles(log, [*ENTRIES[:300], changed_byte(ENTRIES[300]), *ENTRIES[301:]], SIZE)
    assert named(log, processes=2) == [("entry.changed", 300)]


# Checkpoints that were kept, and parts of a log.


def head(size, entries=ENTRIES):
    return checkpoint.Checkpoint(builder.ORIGIN, size, merkle.root(map(merkle.leaf_hash, entries[:size])))


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513, 599, 600])
def test_a_log_extends_what_was_kept(log, size):
    assert named(log, kept=[head(size)]) == [("history.extended", None), ("log.verified", None)]
    if size:
        other = builder.chain(size, changes={size - 1: {"kind": "artifact.erased"}})
        assert named(log, kept=[head(size, other)]) == [("history.forked", None)]


def test_a_log_that_was_rolled_back(log):
    assert named(log, kept=[head(9), head(601, builder.chain(601))]) == [
        ("history.extended", None),
        ("history.shrunk", None),
    ]


def test_a_forged_checkpoint_accuses_nobody_of_a_fork(log):
    stranger = note.Signer(builder.ORIGIN, Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    for size in (9, 600):
        builder.publish(log, builder.chain(size, changes={3: {"kind": "artifact.erased"}}))
        builder.sign(log, builder.chain(size, changes={3: {"kind": "artifact.erased"}}), stranger)
        assert named(log, kept=[head(8), head(600)]) == [("checkpoint.signature", None)]


def test_the_checkpoint_that_was_kept_is_the_one_published(log):
    shutil.rmtree(log / "tile" / "0")
    assert named(log, kept=[head(600)])[0] == ("history.extended", None)


def test_false_tiles_accuse_nobody_of_a_fork(log):
    (log / tiles.tile_path(0, 0)).write_bytes(bytes(32 * 256))
    found = named(log, kept=[head(9)])
    assert found[0] == ("history.unproven", None)
    assert not any("forked" in what for what, _ in found)
    (log / tiles.tile_path(0, 0)).unlink()
    assert named(log, kept=[head(9)])[0] == ("tile.missing", None)


@pytest.mark.parametrize("size", [0, 1, 256, 257, 400, 512, 513, 600])
def test_only_what_is_newer(log, size):
    findings = verify(log, since=head(size))
    assert [finding.what for finding in findings] == ["history.extended", "log.verified"]
    start = max(size - 1, 0) // 256 * 256
    said = "600 entries, chained" if start == 0 else f"600 entries, of which those in [{start}, 600) were read"
    assert said in str(findings[-1])
    for index in range(start, SIZE, 51):
        builder.write_bundles(log, [*ENTRIES[:index], changed_byte(ENTRIES[index]), *ENTRIES[index + 1 :]], SIZE)
        assert named(log, since=head(size)) == [("history.extended", None), ("entry.changed", index)]
    if start:
        builder.write_bundles(log, [changed_byte(ENTRIES[0]), *ENTRIES[1:]], SIZE)
        assert named(log, since=head(size))[-1] == ("log.verified", None)


def test_only_what_is_newer_in_a_log_with_two_levels_of_full_tiles(large, large_entries):
    for size in (65000, 65536, 65537, LARGE_SIZE):
        assert named(large, since=head(size, large_entries)) == [("history.extended", None), ("log.verified", None)]
    for name in (tiles.tile_path(1, 0), tiles.tile_path(1, 1, 1), tiles.tile_path(2, 0, 1)):
        path = large / name
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        assert any(finding.level == "error" for finding in verify(large, since=head(65000, large_entries))), name
        path.write_bytes(good)
    (large / tiles.tile_path(1, 0)).unlink()
    assert ("tile.missing", None) in named(large, since=head(65000, large_entries))


def test_a_history_rewritten_behind_what_was_verified(tmp_path):
    entries = builder.chain(SIZE, changes={3: {"kind": "artifact.erased"}})
    builder.publish(tmp_path, entries)
    assert named(tmp_path, since=head(400)) == [("history.forked", None)]


@pytest.mark.parametrize(("size", "read"), [(1, 256), (256, 256), (257, 512), (512, 512), (513, 600), (9999, 600)])
def test_only_the_first_entries(log, size, read):
    (finding,) = verify(log, size=size)
    assert (f"those in [0, {read}) were read" in str(finding)) == (read < SIZE)
    for index in (0, 255, 256, 511, 512, 599):
        builder.write_bundles(log, [*ENTRIES[:index], changed_byte(ENTRIES[index]), *ENTRIES[index + 1 :]], SIZE)
        assert named(log, size=size) == [("entry.changed", index) if index < read else ("log.verified", None)]
    builder.write_bundles(log, ENTRIES, SIZE)
    (log / tiles.tile_path(0, 2, 88)).write_bytes(bytes(88 * 32))
    assert verify(log, size=size)[0].level == "error"


# Witnesses.

ONE, TWO = (
    CosignatureSigner(f"witness.example/{seed.decode()}", Ed25519PrivateKey.from_private_bytes(seed * 32))
    for seed in (b"1", b"2")
)


def demand(threshold):
    return policy.parse(
        f"log {builder.VERIFIERS[0].vkey}\nwitness one {ONE.verifier().vkey}\nwitness two {TWO.verifier().vkey}\n"
        f"group both {threshold} one two\nquorum both\n"
    )


def cosign(folder, *signers):
    signed = (folder / "checkpoint").read_text()
    text = note.read_text(signed).encode()
    signed += "".join(signer.sign(text, at=1_800_000_000).line() for signer in signers)
    (folder / "checkpoint").write_text(signed)


def test_a_quorum(log):
    assert named(log, quorum=demand("any")) == [("checkpoint.quorum", None)]
    cosign(log, TWO)
    cosigned, verified = verify(log, quorum=demand("any"))
    assert (cosigned.what, verified.what) == ("checkpoint.cosigned", "log.verified")
    assert "by two: " in str(cosigned)
    assert named(log, quorum=demand("all")) == [("checkpoint.quorum", None)]
    cosign(log, ONE)
    assert named(log, quorum=demand("all")) == [("checkpoint.cosigned", None), ("log.verified", None)]
    assert named(log) == [("log.verified", None)]


def test_a_cosignature_over_something_else(log):
    text = note.read_text((log / "checkpoint").read_text()).encode()
    line = ONE.sign(text.replace(b"\n600\n", b"\n599\n"), at=1_800_000_000).line()
    with (log / "checkpoint").open("a") as file:
        file.write(line)
    assert named(log, quorum=demand("any")) == [("checkpoint.quorum", None)]
    assert named(log) == [("log.verified", None)]


def test_witnesses_alone_make_no_log(log):
    text = note.read_text((log / "checkpoint").read_text())
    cosign_lines = "".join(each.sign(text.encode(), at=1_800_000_000).line() for each in (ONE, TWO))
    (log / "checkpoint").write_text(f"{text}\n{cosign_lines}")
    assert named(log, quorum=demand("all")) == [("checkpoint.signature", None)]
