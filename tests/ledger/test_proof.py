"""Proofs in one file: they verify with the leaf and the key alone, and nothing in them can be changed."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import merkle, note, proof, tiles
from ledger.errors import InvalidLeaf, InvalidProof, LedgerError, UnsignedNote
from ledger.proof import Proof
from tests.ledger import builder

SIZE = 300


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    entries = builder.chain(SIZE)
    builder.publish(folder, entries)
    return folder, entries


def prove(log, index, **change):
    folder, _ = log
    reader = tiles.TileReader(lambda path: (folder / path).read_bytes(), SIZE)
    hashes = merkle.prove_inclusion(index=index, size=SIZE, reader=reader)
    fields = {"index": index, "hashes": tuple(hashes), "checkpoint": (folder / "checkpoint").read_text()}
    return Proof(**fields | change)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 299])
def test_verify(log, index):
    for extra in (None, b"anything"):
        made = prove(log, index, extra=extra)
        text = proof.format(made)
        assert proof.parse(text) == made
        proven = proof.verify(text, log[1][index], builder.VERIFIERS)
        assert (proven.index, proven.checkpoint.origin, proven.checkpoint.size) == (index, builder.ORIGIN, SIZE)


def test_the_form_of_the_specification(log):
    lines = proof.format(prove(log, 299, extra=b"x")).split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra eA==", "index 299"]
    blank = lines.index("")
    assert all(len(base64.b64decode(line)) == 32 for line in lines[3:blank])
    assert lines[blank + 1 : blank + 3] == [builder.ORIGIN, "300"]


def test_a_log_of_one_entry(tmp_path):
    entries = builder.chain(1)
    builder.publish(tmp_path, entries)
    text = proof.format(Proof(0, (), (tmp_path / "checkpoint").read_text()))
    assert text.startswith(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{builder.ORIGIN}\n1\n")
    assert proof.verify(text, entries[0], builder.VERIFIERS).index == 0


def test_another_leaf_index_key_or_checkpoint(log, tmp_path):
    _, entries = log
    text = proof.format(prove(log, 7))
    with pytest.raises(InvalidProof, match="does not lead to the root"):
        proof.verify(text, entries[8], builder.VERIFIERS)
    with pytest.raises(InvalidProof):
        proof.verify(text.replace("index 7", "index 8"), entries[7], builder.VERIFIERS)
    stranger = note.Signer(builder.ORIGIN, Ed25519PrivateKey.from_private_bytes(b"x" * 32)).verifier()
    with pytest.raises(UnsignedNote):
        proof.verify(text, entries[7], [stranger])
    builder.publish(tmp_path, builder.chain(SIZE, changes={3: {"mark": bytes(16)}}))
    with pytest.raises(InvalidProof):
        proof.verify(
            proof.format(prove(log, 7, checkpoint=(tmp_path / "checkpoint").read_text())), entries[7], builder.VERIFIERS
        )


@pytest.mark.parametrize("change", [{"index": 5}, {"log": "other.example"}])
def test_a_leaf_that_says_it_is_another_is_refused_though_it_is_included(tmp_path, change):
    entries = [builder.make_leaf(1, b"\1" * 32, **change)]
    builder.publish(tmp_path, entries)
    text = proof.format(Proof(0, (), (tmp_path / "checkpoint").read_text()))
    with pytest.raises(InvalidProof, match="the leaf says"):
        proof.verify(text, entries[0], builder.VERIFIERS)


def test_what_is_no_leaf_is_refused_though_it_is_included(tmp_path):
    builder.publish(tmp_path, [b"junk"])
    with pytest.raises(InvalidLeaf):
        proof.verify(proof.format(Proof(0, (), (tmp_path / "checkpoint").read_text())), b"junk", builder.VERIFIERS)


def test_every_changed_bit_is_noticed(log):
    made = proof.format(prove(log, 200)).encode()
    for place in range(len(made)):
        for bit in range(7):
            changed = bytearray(made)
            changed[place] ^= 1 << bit
            try:
                text = changed.decode()
            except UnicodeDecodeError:
                continue
            with pytest.raises(LedgerError):
                proof.verify(text, log[1][200], builder.VERIFIERS)


@pytest.mark.parametrize(
    "change",
    [
        lambda good: "\n" + good,
        lambda good: good.replace("@v1", "@v2"),
        lambda good: good.replace("index 7", "index 07"),
        lambda good: good.replace("index 7", "index -7"),
        lambda good: good.replace("index 7", "index \u0667"),
        lambda good: good.replace("index 7\n", ""),
        lambda good: good.replace("index 7\n", "index 7\nextra eA==\n"),
        lambda good: good.replace("index 7\n", "extra eA==\nextra eA==\nindex 7\n"),
        lambda good: good.replace("index 7\n", "extra \nindex 7\n"),
        lambda good: good.replace("index 7\n", "extra eB==\nindex 7\n"),
        lambda good: good.replace("index 7\n", "index 7\neA==\n"),
        lambda good: good.replace("index 7\n", "index 7\n\u00e9A==\n"),
        lambda good: good.replace("index 7\n", "index 7\n" + base64.b64encode(bytes(32)).decode() + "\n"),
        lambda good: good.replace("index 7\n", "index 7\n" + (base64.b64encode(bytes(32)).decode() + "\n") * 60),
        lambda good: good.replace("\n\n", "\n", 1),
        lambda good: good.partition("\n\n")[0],
        lambda good: good.replace("\n", "\r\n"),
        lambda good: good + "x" * proof.MAX_PROOF_BYTES,
        lambda _: "",
        lambda _: "c2sp.org/tlog-proof@v1\n\n",
    ],
)
def test_malformed(log, change):
    with pytest.raises(LedgerError):
        proof.verify(change(proof.format(prove(log, 7))), log[1][7], builder.VERIFIERS)


@given(st.text(), st.binary())
def test_junk_is_refused(junk, leaf):
    with pytest.raises(InvalidProof):
        proof.parse(junk)
    with pytest.raises(LedgerError):
        proof.verify(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{junk}", leaf, builder.VERIFIERS)
