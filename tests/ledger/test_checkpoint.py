"""Checkpoints: one reading and one writing, and who has to sign."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint, merkle, note
from ledger.checkpoint import Checkpoint
from ledger.errors import InvalidCheckpoint, InvalidSignature, UnsignedNote
from tests import vectors

LOG = note.Signer("log.example", Ed25519PrivateKey.from_private_bytes(b"l" * 32))
WITNESS = note.Signer("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
KNOWN = [LOG.verifier(), WITNESS.verifier()]
GOOD = Checkpoint("log.example", 3, bytes(range(32)))
TEXT = f"log.example\n3\n{base64.b64encode(bytes(range(32))).decode()}\n"

lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1)


def test_format_and_parse():
    assert checkpoint.format(GOOD) == TEXT
    assert checkpoint.parse(TEXT) == GOOD
    empty = Checkpoint("log.example", 0, merkle.EMPTY_ROOT)
    assert checkpoint.parse(checkpoint.format(empty)) == empty


@given(lines, st.integers(1, merkle.MAX_SIZE), st.binary(min_size=32, max_size=32), st.lists(lines, max_size=3))
def test_round_trip(origin, size, root, extensions):
    made = Checkpoint(origin, size, root, tuple(extensions))
    assert checkpoint.parse(checkpoint.format(made)) == made


@given(st.text())
def test_junk_is_refused_or_written_back_the_same(junk):
    for text in (junk, TEXT + junk, TEXT.replace("3\n", junk)):
        try:
            parsed = checkpoint.parse(text)
        except InvalidCheckpoint:
            continue
        assert checkpoint.format(parsed) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        TEXT[:-1],
        TEXT + "\n",
        TEXT + "extension\n\n",
        "\n" + TEXT,
        "log.example\n3\n",
        TEXT.replace("3\n", "03\n"),
        TEXT.replace("3\n", "+3\n"),
        TEXT.replace("3\n", "-3\n"),
        TEXT.replace("3\n", "3 \n"),
        TEXT.replace("3\n", "\u0663\n"),
        TEXT.replace("3\n", "9223372036854775808\n"),
        TEXT.replace("3\n", "99999999999999999999\n"),
        TEXT.replace("=\n", "\n"),
        TEXT.replace("8=\n", "9=\n"),
        TEXT.replace("3\n", "0\n"),
        TEXT.replace("log", "l\tog"),
    ],
)
def test_malformed(text):
    with pytest.raises(InvalidCheckpoint):
        checkpoint.parse(text)


@pytest.mark.parametrize("fields", [("", 1, bytes(32)), ("a\nb", 1, bytes(32)), ("a", -1, bytes(32)), ("a", 1, b"")])
def test_what_cannot_be_written(fields):
    with pytest.raises(InvalidCheckpoint):
        Checkpoint(*fields)


def test_the_log_itself_has_to_sign():
    assert checkpoint.open(note.sign(TEXT, [LOG, WITNESS]), KNOWN) == GOOD
    with pytest.raises(UnsignedNote, match=r"the log log\.example did not sign"):
        checkpoint.open(note.sign(TEXT, [WITNESS]), KNOWN)
    with pytest.raises(InvalidSignature):
        checkpoint.open(note.sign(TEXT, [LOG]).replace("3\n", "4\n"), KNOWN)
    with pytest.raises(InvalidCheckpoint):
        checkpoint.open(note.sign("just a text\n", [LOG]), KNOWN)


def test_the_example_of_the_specification():
    signed = vectors.load("ledger/c2sp-spec-examples.json")["checkpoint_syntax_only"]
    text = note.read_text(signed)
    parsed = checkpoint.parse(text)
    assert (parsed.origin, parsed.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.format(parsed) == text
