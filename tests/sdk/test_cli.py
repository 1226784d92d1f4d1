"""`consonant verify`, run alone, over what the service published and over tampered copies."""

import shutil
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from django.utils import timezone

from ledger import merkle, note, proof, tiles
from ledger.cosignature import CosignatureSigner
from ledger.folder import folder_of
from ledger.models import Log
from ledger.publish import publish
from ledger.sequence import sequence
from tests.ledger import builder
from tests.ledger.conftest import add, new_log
from tests.sdk.conftest import parsed

SIZE = 600
ENTRIES = builder.chain(SIZE)
VKEY = f"--vkey={builder.VERIFIERS[0].vkey}"
STRANGER = note.Signer(builder.ORIGIN, Ed25519PrivateKey.from_private_bytes(b"x" * 32))


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


@pytest.fixture
def kept(tmp_path):
    """Make a checkpoint that was kept when the log had some entries."""

    def keep(size, entries=ENTRIES, signer=builder.SIGNER, origin=builder.ORIGIN):
        folder = tmp_path / f"kept-{size}-{sha256(b''.join(entries)).hexdigest()[:8]}"
        builder.sign(folder, entries[:size], signer, origin)
        return folder / "checkpoint"

    return keep


def prove(folder, index, path):
    reader = tiles.TileReader(lambda name: (folder / name).read_bytes(), SIZE)
    hashes = merkle.prove_inclusion(index=index, size=SIZE, reader=reader)
    made = proof.Proof(index, tuple(hashes), (folder / "checkpoint").read_text())
    path.write_text(proof.format(made))
    return path


def test_what_the_service_published(consonant, committed, tmp_path):
    origin = new_log()
    vkey = f"--vkey={Log.objects.get(origin=origin).vkey}"
    for count, name in ((3, "old"), (4, "new")):
        add(origin, count)
        sequence(origin=origin)
        publish(origin=origin, now=timezone.now())
        shutil.copyfile(folder_of(origin) / "checkpoint", tmp_path / name)
    copy = tmp_path / "copy"
    shutil.copytree(folder_of(origin), copy)
    old, new = tmp_path / "old", tmp_path / "new"
    assert consonant("verify", "log", copy, vkey, "--kept", old)[0] == 0
    assert consonant("verify", "consistency", old, new, "--log", copy, vkey)[0] == 0
    status, lines = consonant("verify", "checkpoint", new, vkey)
    assert (status, len(lines)) == (0, 1)
    assert lines[0].startswith(f"ok: checkpoint.signed: {origin}: 7 entries, root ")
    bundle = copy / tiles.bundle_path(0, 7)
    bundle.write_bytes(bundle.read_bytes().replace(b"test.happened", b"test.happenes", 1))
    status, lines = consonant("verify", "log", copy, vkey)
    assert status == 1
    assert lines == ["error: entry.changed 0: entry 0 was changed: it does not give the hash in the tile"]


def test_a_checkpoint(consonant, published, tmp_path):
    path = published / "checkpoint"
    assert consonant("verify", "checkpoint", path, VKEY)[0] == 0
    assert consonant("verify", "checkpoint", "-", VKEY, given=path.read_bytes())[0] == 0
    status, lines = consonant("verify", "checkpoint", path, f"--vkey={STRANGER.verifier().vkey}", "--json")
    assert (status, parsed(lines)) == (1, [("error", "checkpoint.signature", None)])
    (tmp_path / "false").write_bytes(path.read_bytes().replace(b"\n600\n", b"\n601\n"))
    assert consonant("verify", "checkpoint", tmp_path / "false", VKEY)[0] == 1
    assert consonant("verify", "checkpoint", "-", VKEY, given=b"")[0] == 1


def test_a_quorum(consonant, log, tmp_path):
    demand = tmp_path / "policy"
    witness, late = (
        CosignatureSigner("witness.example/w", Ed25519PrivateKey.from_private_bytes(b"w" * 32)),
        CosignatureSigner("witness.example/l", MLDSA44PrivateKey.from_seed_bytes(b"l" * 32)),
    )
    demand.write_text(
        f"log {builder.VERIFIERS[0].vkey}\nwitness w {witness.verifier().vkey}\nwitness l {late.verifier().vkey}\n"
        "group all all w l\nquorum all\n"
    )
    path = log / "checkpoint"
    text = note.read_text(path.read_text()).encode()
    prove(log, 7, tmp_path / "early.tlog-proof")
    (tmp_path / "leaf").write_bytes(ENTRIES[7])
    path.write_text(path.read_text() + witness.sign(text, at=1_800_000_000).line())
    proven = tmp_path / "early.tlog-proof", "--leaf", tmp_path / "leaf"
    for words in (
        ("checkpoint", path),
        ("log", log),
        ("inclusion", *proven),
        ("consistency", path, path, "--log", log),
    ):
        status, lines = consonant("verify", *words, "--policy", demand, "--json")
        assert (status, ("error", "checkpoint.quorum", None) in parsed(lines)) == (1, True)
        assert consonant("verify", *words, VKEY)[0] == 0
    path.write_text(path.read_text() + late.sign(text, at=1_800_000_001).line())
    prove(log, 7, tmp_path / "early.tlog-proof")
    for words in (
        ("checkpoint", path),
        ("log", log),
        ("inclusion", *proven),
        ("consistency", path, path, "--log", log),
    ):
        status, lines = consonant("verify", *words, "--policy", demand)
        assert (status, any("ok: checkpoint.cosigned: by w, l: " in line for line in lines)) == (0, True)
    demand.write_text("log junk\nquorum none\n")
    assert consonant("verify", "checkpoint", path, "--policy", demand) == (2, [])
    demand.write_text("quorum none\n")
    assert consonant("verify", "checkpoint", path, "--policy", demand) == (2, [])
    assert "say whose log it is" in consonant.said
    assert consonant("verify", "checkpoint", path, "--policy", demand, VKEY)[0] == 0


def test_an_inclusion(consonant, published, tmp_path):
    path = prove(published, 300, tmp_path / "300.tlog-proof")
    leaf = tmp_path / "leaf"
    leaf.write_bytes(ENTRIES[300])
    status, lines = consonant("verify", "inclusion", path, "--leaf", leaf, VKEY, "--json")
    assert (status, parsed(lines)) == (0, [("ok", "checkpoint.signed", None), ("ok", "entry.included", 300)])
    leaf.write_bytes(ENTRIES[300] + b"\n")
    assert consonant("verify", "inclusion", path, "--leaf", leaf, VKEY)[0] == 0
    leaf.write_bytes(ENTRIES[301])
    status, lines = consonant("verify", "inclusion", path, "--leaf", leaf, VKEY, "--json")
    assert (status, parsed(lines)[-1]) == (1, ("error", "entry.not_included", 300))
    path.write_text(path.read_text().replace("index 300", "index 3000"))
    assert consonant("verify", "inclusion", path, "--leaf", leaf, VKEY)[0] == 1
    status, lines = consonant("verify", "inclusion", leaf, "--leaf", leaf, VKEY, "--json")
    assert (status, parsed(lines)) == (1, [("error", "proof.malformed", None)])


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 599, 600])
def test_a_consistency(consonant, published, kept, size):
    status, lines = consonant("verify", "consistency", kept(size), published / "checkpoint", "--log", published, VKEY)
    assert status == 0
    assert lines[-1].startswith(f"ok: history.extended: size 600 extends size {size}, root ")


@pytest.mark.parametrize(
    ("size", "entries", "finding"),
    [
        (400, builder.chain(400, changes={9: {"kind": "artifact.erased"}}), "history.forked"),
        (600, builder.chain(600, changes={9: {"kind": "artifact.erased"}}), "history.forked"),
        (601, builder.chain(601), "history.shrunk"),
    ],
)
def test_a_history_that_is_another_than_the_one_kept(consonant, published, kept, size, entries, finding):
    old = kept(size, entries)
    status, lines = consonant(
        "verify", "consistency", old, published / "checkpoint", "--log", published, VKEY, "--json"
    )
    assert (status, parsed(lines)[-1]) == (1, ("error", finding, None))
    status, lines = consonant("verify", "log", published, "--kept", old, VKEY, "--json")
    assert (status, parsed(lines)) == (1, [("error", finding, None)])


def test_checkpoints_that_do_not_belong_together(consonant, published, kept, log):
    new = published / "checkpoint"
    status, lines = consonant("verify", "consistency", kept(7, signer=STRANGER), new, "--log", log, VKEY, "--json")
    assert (status, parsed(lines)[0]) == (1, ("error", "old.signature", None))
    other = note.Signer("other.example", Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    old = kept(8, signer=other, origin="other.example")
    both = [VKEY, f"--vkey={other.verifier().vkey}"]
    status, lines = consonant("verify", "consistency", old, new, "--log", log, *both, "--json")
    assert (status, parsed(lines)[-1]) == (1, ("error", "origin.differs", None))
    (log / tiles.tile_path(0, 0)).unlink()
    status, lines = consonant("verify", "consistency", kept(9), new, "--log", log, VKEY, "--json")
    assert (status, parsed(lines)[-1]) == (1, ("error", "tile.missing", None))
    (log / tiles.tile_path(0, 0)).write_bytes(bytes(32 * 256))
    status, lines = consonant("verify", "consistency", kept(9), new, "--log", log, VKEY, "--json")
    assert (status, parsed(lines)[-1]) == (1, ("error", "history.unproven", None))


def test_a_log(consonant, log, kept):
    assert consonant("verify", "log", log, VKEY)[0] == 0
    status, lines = consonant("verify", "log", log, VKEY, "--since", kept(400), "--kept", kept(9), "--json")
    assert status == 0
    assert [what for _, what, _ in parsed(lines)] == ["history.extended", "history.extended", "log.verified"]
    builder.write_bundles(log, [*ENTRIES[:300], ENTRIES[301], ENTRIES[300], *ENTRIES[302:]], SIZE)
    status, lines = consonant("verify", "log", log, VKEY, "--json")
    assert (status, parsed(lines)) == (1, [("error", "entry.swapped", 300)])
    assert consonant("verify", "log", log, VKEY, "--size", 256)[0] == 0
    assert consonant("verify", "log", log, VKEY, "--since", kept(513))[0] == 0
    assert consonant("verify", "log", log, VKEY, "--since", kept(512))[0] == 1
    (log / "checkpoint").unlink()
    status, lines = consonant("verify", "log", log, VKEY, "--json")
    assert (status, parsed(lines)) == (1, [("error", "checkpoint.missing", None)])


def test_a_log_replayed_by_several_processes(consonant, tmp_path):
    size = 256 * 260 + 3
    entries = builder.chain(size)
    builder.publish(tmp_path, entries)
    assert consonant("verify", "log", tmp_path, VKEY, "--processes", 2)[0] == 0
    bundle = tmp_path / tiles.bundle_path(200)
    bundle.write_bytes(bundle.read_bytes().replace(b"artifact.recorded", b"artifact.recordee", 1))
    status, lines = consonant("verify", "log", tmp_path, VKEY, "--processes", 2, "--json")
    assert (status, parsed(lines)) == (1, [("error", "entry.changed", 256 * 200)])


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("verify",),
        ("verify", "everything"),
        ("verify", "log"),
        ("verify", "log", "nowhere", VKEY),
        ("verify", "log", "."),
        ("verify", "log", ".", "--vkey=junk"),
        ("verify", "log", ".", VKEY, "--size=0"),
        ("verify", "log", ".", VKEY, "--kept=nowhere"),
        ("verify", "log", ".", "--policy=nowhere"),
        ("verify", "checkpoint", ".", VKEY),
        ("verify", "inclusion", "-", VKEY),
        ("verify", "inclusion", "-", "--leaf=nowhere", VKEY),
    ],
    ids=" ".join,
)
def test_what_is_not_understood_has_an_exit_status_of_its_own(consonant, words):
    assert consonant(*words) == (2, [])
    assert consonant.said.startswith(("usage:", "consonant:"))


def test_no_colour_no_bar_where_nobody_looks(consonant, published):
    assert consonant("verify", "log", published, VKEY)[0] == 0
    assert consonant.said == ""
