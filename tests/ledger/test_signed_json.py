"""Signed JSON: read strictly, in one canonical form, and signed as one kind of document."""

import json

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import note, signed_json
from ledger.errors import InvalidDocument, InvalidSignature, UnsignedNote

SIGNER = note.Signer("issuer.example", Ed25519PrivateKey.from_private_bytes(b"s" * 32))
KEYS = [SIGNER.verifier()]
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-signed_json.MAX_INTEGER, signed_json.MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


def read(data, max_bytes=10_000, max_depth=20):
    return signed_json.read(data, max_bytes=max_bytes, max_depth=max_depth)


@given(TREES)
def test_what_is_read_is_what_was_written_and_its_form_is_rfc_8785(tree):
    assert read(json.dumps(tree).encode()) == tree
    assert signed_json.canonical(tree) == rfc8785.dumps(tree)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b'"\xed\xa0\x80"',
        b"1.0",
        b"1e3",
        b"NaN",
        b"Infinity",
        b"-0",
        b"9007199254740992",
        b"1" * 5000,
        b'{"a": 1, "a": 1}',
        '{"é": 1}'.encode(),
        b"[" * 21 + b"]" * 21,
        b'{"a":' * 21 + b"1" + b"}" * 21,
        b"[1] [2]",
    ],
)
def test_what_is_refused(data):
    with pytest.raises(InvalidDocument):
        read(data)


def test_the_bounds_are_exact():
    assert read(b"[" * 20 + b"]" * 20)
    assert read(b"[1]", max_bytes=3) == [1]
    with pytest.raises(InvalidDocument):
        read(b"[1]", max_bytes=2)
    assert read(b'["[[[[[[[[[[[[[[[[[[[[[[[[[", "\\"[[[[[[[[[[[[[[[[[[[[[[[[["]')
    with pytest.raises(InvalidDocument):
        read(b"[" * 9_000_000, max_bytes=10_000_000, max_depth=10_000)


@pytest.mark.parametrize(
    ("value", "is_text"),
    [
        ("a\nb", True),
        ("声", True),
        ("", True),
        ("\x1b[2J", False),
        ("\x85", False),
        ("\ud800", False),
        (7, False),
        (None, False),
    ],
)
def test_what_can_be_shown(value, is_text):
    assert signed_json.is_text(value) is is_text


def test_a_signature_fits_one_kind_one_id_and_one_body():
    body = {"a": [1, "声"]}
    signature = signed_json.sign(body, kind="kind/v0", identity="7", signer=SIGNER)
    (by,) = signed_json.check(signature, body, kind="kind/v0", identity="7", verifiers=KEYS)
    assert by.name == "issuer.example"
    for other in ({"body": {"a": [1, "聲"]}}, {"kind": "kind/v1"}, {"identity": "8"}):
        said = {"body": body, "kind": "kind/v0", "identity": "7"} | other
        with pytest.raises(InvalidDocument):
            signed_json.check(signature, said.pop("body"), **said, verifiers=KEYS)
    with pytest.raises(UnsignedNote):
        signed_json.check(signature, body, kind="kind/v0", identity="7", verifiers=[])
    with pytest.raises(InvalidSignature):
        signed_json.check(signature.replace("\n7\n", "\n8\n"), body, kind="kind/v0", identity="8", verifiers=KEYS)
