"""Cosignatures of both algorithms: what is signed, byte for byte, both ways of the keys, every bit, every refusal."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint, cosignature, note
from ledger.cosignature import CosignatureSigner, CosignatureVerifier, timestamp_of, verifier_from_vkey
from ledger.errors import InvalidCheckpoint, InvalidKey, InvalidNote, InvalidSignature, UnsignedNote
from tests import vectors
from tests.ledger.witnessing import ED25519, ML_DSA, Log

LOG = Log("example.com/behind-the-sofa")
TEXT = LOG.text(5).encode()
AT = 1679315147
BOTH = pytest.mark.parametrize("signer", [ED25519, ML_DSA], ids=["ed25519", "ml-dsa-44"])


def opened(signature, *verifiers):
    return note.open(note.with_signatures(TEXT.decode(), [LOG.signer.sign(TEXT), signature]), verifiers)


@BOTH
def test_a_cosignature_opens_beside_the_signature_of_the_log(signer):
    signature = signer.sign(TEXT, at=AT)
    both = opened(signature, LOG.signer.verifier(), signer.verifier())
    assert [each.name for each in both.signatures] == [LOG.origin, signer.verifier().name]
    assert both.signatures[1] == signature
    assert timestamp_of(signature) == AT
    assert len(opened(signature, LOG.signer.verifier()).unknown) == 1
    assert repr(signer) == f"CosignatureSigner({signer.verifier().vkey!r})"


def test_what_ed25519_signs_is_what_the_specification_shows():
    case = vectors.load("ledger/c2sp-spec-examples.json")
    text = case["checkpoint_syntax_only"].partition("\n\n")[0].encode() + b"\n"
    signature = ED25519.sign(text, at=AT).signature
    assert signature[:8] == AT.to_bytes(8, "big")
    key = Ed25519PublicKey.from_public_bytes(ED25519.verifier().public_key)
    key.verify(signature[8:], case["cosignature_v1_signed_message"].encode())


def test_what_ml_dsa_signs_is_the_structure_of_the_specification():
    name, origin = b"witness.example/pq", b"example.com/behind-the-sofa"
    message = (
        b"subtree/v1\n\0" + bytes([len(name)]) + name + AT.to_bytes(8, "big") + bytes([len(origin)]) + origin
        + (0).to_bytes(8, "big") + (5).to_bytes(8, "big") + LOG.root(5)
    )  # fmt: skip
    signature = ML_DSA.sign(TEXT, at=AT).signature
    assert len(signature) == 8 + 2420
    MLDSA44PublicKey.from_public_bytes(ML_DSA.verifier().public_key).verify(signature[8:], message)


def test_key_ids_are_those_of_the_specification():
    for signer, type_byte, length in ((ED25519, b"\x04", 32), (ML_DSA, b"\x06", 1312)):
        verifier = signer.verifier()
        assert len(verifier.public_key) == length
        assert verifier.key_id == note.key_id_of(verifier.name, type_byte + verifier.public_key)
        name, key_id, encoded = verifier.vkey.split("+", 2)
        assert (name, key_id) == (verifier.name, verifier.key_id.hex())
        assert base64.b64decode(encoded) == type_byte + verifier.public_key
        assert verifier_from_vkey(verifier.vkey) == CosignatureVerifier.from_vkey(verifier.vkey) == verifier
    assert verifier_from_vkey(LOG.vkey) == LOG.signer.verifier()


@BOTH
def test_no_bit_of_a_cosignature_can_be_changed(signer):
    verifier = signer.verifier()
    good = signer.sign(TEXT, at=AT).signature
    assert verifier.verify(TEXT, good)
    # Every byte; every bit too of a short one, or when there is time.
    bits = range(8) if len(good) < 100 or os.environ.get("CONSONANT_SOAK") else [0]
    for place in range(len(good)):
        for bit in bits:
            changed = bytearray(good)
            changed[place] ^= 1 << (place + bit) % 8
            assert not verifier.verify(TEXT, bytes(changed)), (place, bit)
    for length in (0, 7, 8, len(good) - 1):
        assert not verifier.verify(TEXT, good[:length])
    assert not verifier.verify(TEXT, good + b"\0")


@BOTH
def test_no_bit_of_the_checkpoint_can_be_changed(signer):
    good = signer.sign(TEXT, at=AT).signature
    for place in range(len(TEXT)):
        for bit in range(8):
            changed = bytearray(TEXT)
            changed[place] ^= 1 << bit
            assert not signer.verifier().verify(bytes(changed), good), (place, bit)


def test_a_cosignature_serves_for_no_other_key_name_or_algorithm():
    signature = ML_DSA.sign(TEXT, at=AT).signature
    other = CosignatureSigner(ML_DSA.verifier().name, MLDSA44PrivateKey.from_seed_bytes(b"q" * 32)).verifier()
    renamed = CosignatureSigner("witness.example/other", MLDSA44PrivateKey.from_seed_bytes(b"p" * 32)).verifier()
    assert not other.verify(TEXT, signature)
    assert not renamed.verify(TEXT, signature)  # the name is in what ML-DSA signs
    assert not ED25519.verifier().verify(TEXT, signature)
    assert not ML_DSA.verifier().verify(TEXT, ED25519.sign(TEXT, at=AT).signature)
    plain = note.Verifier("witness.example/ed", ED25519.verifier().public_key)
    assert plain.key_id != ED25519.verifier().key_id
    assert not plain.verify(TEXT, ED25519.sign(TEXT, at=AT).signature[8:])


def test_a_bad_cosignature_by_a_known_key_spoils_the_note():
    signature = ML_DSA.sign(LOG.text(6).encode(), at=AT)
    with pytest.raises(InvalidSignature):
        opened(signature, LOG.signer.verifier(), ML_DSA.verifier())
    assert opened(signature, LOG.signer.verifier()).text == TEXT.decode()


@BOTH
def test_times(signer):
    for at in (1, 2**63 - 1):
        assert signer.verifier().verify(TEXT, signer.sign(TEXT, at=at).signature)
    for at in (-1, 2**63):
        with pytest.raises(ValueError, match="has the time"):
            signer.sign(TEXT, at=at)
    beyond = note.Signature("w", b"1234", b"\x80" + bytes(7 + 64))
    with pytest.raises(InvalidNote, match="too large"):
        timestamp_of(beyond)
    with pytest.raises(InvalidNote, match="no cosignature"):
        timestamp_of(note.Signature("w", b"1234", bytes(64)))
    assert not signer.verifier().verify(TEXT, b"\x80" + signer.sign(TEXT, at=AT).signature[1:])


def test_extension_lines_are_covered_by_ed25519_and_not_by_ml_dsa():
    extended = LOG.text(5, "extension").encode()
    signature = ED25519.sign(extended, at=AT).signature
    assert ED25519.verifier().verify(extended, signature)
    assert not ED25519.verifier().verify(LOG.text(5, "extensioN").encode(), signature)
    with pytest.raises(InvalidCheckpoint, match="extension"):
        ML_DSA.sign(extended, at=AT)
    cosignature = ML_DSA.sign(TEXT, at=AT)
    assert ML_DSA.verifier().verify(extended, cosignature.signature), "it is over the head, whatever lines follow"
    signed = f"{extended.decode()}\n{cosignature.line()}"
    log = CosignatureVerifier(LOG.origin, ML_DSA.verifier().type_byte, ML_DSA.verifier().public_key)
    own = CosignatureSigner(LOG.origin, MLDSA44PrivateKey.from_seed_bytes(b"p" * 32)).sign(TEXT, at=0)
    with pytest.raises(InvalidCheckpoint, match="extension lines"):
        checkpoint.open(f"{extended.decode()}\n{own.line()}", [log])
    both = note.sign(extended.decode(), [LOG.signer]) + cosignature.line()
    opened = checkpoint.open(both, [LOG.signer.verifier(), ML_DSA.verifier()])
    assert opened.extensions == ("extension",)
    with pytest.raises(UnsignedNote):
        checkpoint.open(signed, [ML_DSA.verifier()])


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no checkpoint\n",
        b"origin\n01\n" + base64.b64encode(bytes(32)) + b"\n",
        b"origin\n9223372036854775808\n" + base64.b64encode(bytes(32)) + b"\n",
        b"origin\n1\n" + base64.b64encode(bytes(31)) + b"\n",
        b"origin\n1\n" + base64.b64encode(bytes(32))[:-2] + b"B=\n",
        b"\xff\n1\n" + base64.b64encode(bytes(32)) + b"\n",
        b"origin\n0\n" + base64.b64encode(bytes(32)) + b"\n",
        TEXT[:-1],
        TEXT + b"\n",
    ],
)
def test_what_is_no_checkpoint_cannot_be_cosigned(signer, text):
    with pytest.raises(InvalidCheckpoint):
        signer.sign(text, at=AT)


def test_an_origin_too_long_for_ml_dsa():
    long = Log("o" * 256).text(1).encode()
    assert ED25519.verifier().verify(long, ED25519.sign(long, at=AT).signature)
    with pytest.raises(InvalidCheckpoint, match="255"):
        ML_DSA.sign(long, at=AT)
    with pytest.raises(InvalidKey, match="255"):
        CosignatureSigner("w" * 256, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))


def test_keys_that_keep_nobody_out_are_refused():
    with pytest.raises(InvalidKey, match="t1 is zero"):
        CosignatureVerifier("w", b"\x06", b"r" * 32 + bytes(1280))
    with pytest.raises(InvalidKey, match="1311 bytes"):
        CosignatureVerifier("w", b"\x06", b"r" * 1311)
    with pytest.raises(InvalidKey, match="no type that cosigns"):
        CosignatureVerifier("w", b"\x01", bytes(range(32)))
    refused = 0
    for case in vectors.load("ledger/ed25519/cctv-ed25519vectors.json"):
        if {"low_order_A", "non_canonical_A"} & set(case["flags"] or []):
            refused += 1
            with pytest.raises(InvalidKey):
                CosignatureVerifier("cctv", b"\x04", bytes.fromhex(case["key"]))
            with pytest.raises(InvalidKey):
                verifier_from_vkey(note.write_vkey("cctv", b"\x04" + bytes.fromhex(case["key"])))
    assert refused


@pytest.mark.parametrize("type_byte", [b"", b"\x00", b"\x02", b"\x05", b"\x07", b"\xff"])
def test_keys_of_other_types_are_refused(type_byte):
    with pytest.raises(InvalidKey):
        verifier_from_vkey(note.write_vkey("w", type_byte + ED25519.verifier().public_key))


def test_a_log_signs_with_ml_dsa_but_not_with_an_ed25519_cosigner():
    assert cosignature.log_verifier_from_vkey(ML_DSA.verifier().vkey) == ML_DSA.verifier()
    assert cosignature.log_verifier_from_vkey(LOG.vkey) == LOG.signer.verifier()
    with pytest.raises(InvalidKey, match="signs no log"):
        cosignature.log_verifier_from_vkey(ED25519.verifier().vkey)


def test_sixteen_post_quantum_cosignatures_fit_in_a_note():
    signers = [CosignatureSigner(f"w{n}", MLDSA44PrivateKey.from_seed_bytes(bytes([n] * 32))) for n in range(16)]
    whole = LOG.signed(5) + "".join(signer.sign(TEXT, at=AT).line() for signer in signers)
    assert len(note.open(whole, [LOG.signer.verifier(), *(each.verifier() for each in signers)]).signatures) == 17


@given(st.binary(max_size=3000))
def test_no_junk_verifies_or_crashes(junk):
    for signer in (ED25519, ML_DSA):
        assert not signer.verifier().verify(TEXT, junk)
        assert not signer.verifier().verify(junk, signer.sign(TEXT, at=AT).signature)
    with pytest.raises(InvalidKey):
        verifier_from_vkey(junk.decode("latin-1"))


def test_a_private_key_of_another_kind_has_another_name_bound_id():
    first = CosignatureSigner("a", Ed25519PrivateKey.from_private_bytes(b"1" * 32)).verifier()
    second = CosignatureSigner("b", Ed25519PrivateKey.from_private_bytes(b"1" * 32)).verifier()
    assert first.public_key == second.public_key
    assert first.key_id != second.key_id
