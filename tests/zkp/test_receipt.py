"""The statement receipt: the ledger's word about an entry, to whom it concerns."""

import pytest

from tests.zkp.given import (
    ATTRIBUTES,
    ENROLLED,
    KEYS,
    OTHER,
    PK,
    RECEIPT,
    SK,
    SOAK,
    altered,
    context,
    each_byte,
    misshapen,
)
from tests.zkp.test_group import BAD_G1
from zkp.core import bbs, bbs_core, credential, group, receipt
from zkp.core.errors import InvalidAttributes, InvalidContext, InvalidCredential, InvalidPoint, InvalidScalar

CONTEXT = context("receipt")
HELD = {"pk": PK, "receipt": RECEIPT, "s": KEYS.s, "attributes": ATTRIBUTES}
NAMES = ["kind", "day"]
PROOF = receipt.prove(**HELD, disclosed=NAMES, context=CONTEXT)
SEEN = {"pk": PK, "disclosed": {name: ATTRIBUTES[name] for name in NAMES}, "context": CONTEXT}


def test_it_holds():
    assert receipt.check(**HELD)
    assert receipt.verify(**SEEN, proof=PROOF)
    assert len(PROOF) == credential.proof_bytes(7, 2) == 464
    for names in ([], list(receipt.SCHEMA), ["status", "app"]):
        proof = receipt.prove(**HELD, disclosed=names, context=CONTEXT)
        assert receipt.verify(pk=PK, disclosed={name: ATTRIBUTES[name] for name in names}, context=CONTEXT, proof=proof)


@pytest.mark.parametrize("prover", group.BACKENDS if SOAK else group.BACKENDS[1:])
def test_both_backends_agree(prover):
    with group.use(prover):
        made = receipt.issue(sk=SK, pk=PK, key_commitment=ENROLLED.key_commitment, attributes=ATTRIBUTES)
        proof = receipt.prove(**HELD, disclosed=NAMES, context=CONTEXT)
    assert made == RECEIPT
    for verifier in group.BACKENDS:
        with group.use(verifier):
            assert receipt.verify(**SEEN, proof=proof)
            assert not receipt.verify(**SEEN | {"context": context("receipt", size=3)}, proof=proof)


def test_the_signature_is_what_the_page_says():
    """B with s as the first message, and A = B / (SK + e): the draft's own check over L + 1 scalars."""
    scalars = [group.decode_scalar(KEYS.s)]
    scalars += bbs_core.messages_to_scalars([ATTRIBUTES[name].encode() for name in receipt.SCHEMA], credential.API_ID)
    generators = bbs_core.create_generators(9, credential.API_ID)
    domain = bbs_core.calculate_domain(PK, generators, receipt.HEADER, credential.API_ID)
    b = bbs_core.message_point(generators, domain, scalars)
    assert credential.API_ID == b"BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_H2G_HM2S_CONSONANT1_"
    hashed = SK + group.encode_g1(b) + group.encode_scalar(domain)
    e = bbs_core.hash_to_scalar(hashed, credential.API_ID + b"H2S_")
    assert bbs_core.sign_point(group.decode_scalar(SK), e, b) == RECEIPT
    k = group.msm([generators.h[0]], [scalars[0]])
    assert group.encode_g1(k) == ENROLLED.key_commitment


def test_every_byte_counts():
    for at, changed in each_byte(PROOF):
        assert not receipt.verify(**SEEN, proof=changed), at
    for changed in misshapen(PROOF):
        assert not receipt.verify(**SEEN, proof=changed)
    for at, changed in each_byte(RECEIPT):
        assert not receipt.check(**HELD | {"receipt": changed}), at


def test_every_byte_of_the_context_counts():
    for name, changed in altered(CONTEXT):
        assert not receipt.verify(**SEEN | {"context": changed}, proof=PROOF), name


def test_every_attribute_counts():
    for name in receipt.SCHEMA:
        changed = ATTRIBUTES | {name: ATTRIBUTES[name] + "x"}
        assert not receipt.check(**HELD | {"attributes": changed})
        with pytest.raises(InvalidCredential):
            receipt.prove(**HELD | {"attributes": changed}, disclosed=NAMES, context=CONTEXT)
    for disclosed in (
        {"kind": "synthesis.made"},
        {"kind": "synthesis.made", "day": "2026-03-02"},
        {"kind": "2026-03-01", "day": "synthesis.made"},
        {"kind": "synthesis.made", "app": "2026-03-01"},
        SEEN["disclosed"] | {"app": ATTRIBUTES["app"]},
        {"kind": "synthesis.made", "dai": "2026-03-01"},
        {},
    ):
        assert not receipt.verify(**SEEN | {"disclosed": disclosed}, proof=PROOF)


def test_it_is_the_holders():
    """The ledger's word is to one secret: with another it says nothing."""
    assert not receipt.check(**HELD | {"s": OTHER.s})
    with pytest.raises(InvalidCredential):
        receipt.prove(**HELD | {"s": OTHER.s}, disclosed=NAMES, context=CONTEXT)
    for bad in (bytes(32), group.ORDER.to_bytes(32, "big")):
        assert not receipt.check(**HELD | {"s": bad})


def test_it_is_the_ledgers():
    other = bbs.keygen(b"\5" * 32)
    theirs = receipt.issue(
        sk=other, pk=bbs.sk_to_pk(other), key_commitment=ENROLLED.key_commitment, attributes=ATTRIBUTES
    )
    assert not receipt.check(**HELD | {"receipt": theirs})
    assert not receipt.verify(**SEEN | {"pk": bbs.sk_to_pk(other)}, proof=PROOF)
    assert not receipt.verify(**SEEN | {"pk": b""}, proof=PROOF)


def test_a_receipt_that_nobody_issued_proves_nothing(monkeypatch):
    """All in it fits but the pairing: what a prover makes who does not check."""
    monkeypatch.setattr(bbs_core, "core_verify", lambda *_: True)
    made_up = group.encode_g1(group.generator()) + (7).to_bytes(32, "big")
    proof = receipt.prove(**HELD | {"receipt": made_up}, disclosed=NAMES, context=CONTEXT)
    assert not receipt.verify(**SEEN, proof=proof)
    proof = receipt.prove(**HELD | {"s": OTHER.s}, disclosed=NAMES, context=CONTEXT)
    assert not receipt.verify(**SEEN, proof=proof)


def test_it_is_no_plain_signature():
    """Another interface: what one signs, the other does not take."""
    messages = [ATTRIBUTES[name].encode() for name in receipt.SCHEMA]
    assert not bbs.verify(pk=PK, signature=RECEIPT, header=receipt.HEADER, messages=messages)
    plain = bbs.sign(sk=SK, pk=PK, header=receipt.HEADER, messages=messages)
    assert not receipt.check(**HELD | {"receipt": plain})


@pytest.mark.parametrize("name", BAD_G1)
def test_no_such_point(name):
    bad = BAD_G1[name]
    with pytest.raises(InvalidPoint):
        receipt.issue(sk=SK, pk=PK, key_commitment=bad, attributes=ATTRIBUTES)
    assert not receipt.check(**HELD | {"receipt": bad + RECEIPT[48:]})
    for at in (0, 48, 96):
        assert not receipt.verify(**SEEN, proof=PROOF[:at] + bad + PROOF[at + 48 :])


def test_a_point_that_is_nothing_is_not_signed():
    """Whoever could choose K to cancel the rest would have a signature of anything."""
    messages = [ATTRIBUTES[name].encode() for name in receipt.SCHEMA]
    scalars = bbs_core.messages_to_scalars(messages, credential.API_ID)
    generators = bbs_core.create_generators(9, credential.API_ID)
    domain = bbs_core.calculate_domain(PK, generators, receipt.HEADER, credential.API_ID)
    rest = bbs_core.message_point(generators, domain, [0, *scalars])
    cancels = group.encode_g1(group.negate(rest))
    with pytest.raises(InvalidPoint):
        receipt.issue(sk=SK, pk=PK, key_commitment=cancels, attributes=ATTRIBUTES)


def test_what_is_not_asked():
    for attributes in (
        {"kind": "a"},
        {**ATTRIBUTES, "secret": ""},
        {**ATTRIBUTES, "app": "\ud800"},
        {**ATTRIBUTES, "app": 1},
    ):
        with pytest.raises(InvalidAttributes):
            receipt.issue(sk=SK, pk=PK, key_commitment=ENROLLED.key_commitment, attributes=attributes)
    with pytest.raises(InvalidAttributes):
        receipt.prove(**HELD, disclosed=["secret"], context=CONTEXT)
    with pytest.raises(InvalidContext):
        receipt.prove(**HELD, disclosed=NAMES, context=context("own"))
    for disclosed in ({"kind": "\ud800", "day": "2026-03-01"}, {"kind": 1, "day": None}):
        assert not receipt.verify(**SEEN | {"disclosed": disclosed}, proof=PROOF)
    assert not receipt.verify(**SEEN | {"context": context("active")}, proof=PROOF)
    with pytest.raises(InvalidScalar):
        receipt.issue(sk=bytes(32), pk=PK, key_commitment=ENROLLED.key_commitment, attributes=ATTRIBUTES)
    words = {"pk": PK, "signature": RECEIPT, "s": KEYS.s, "header": receipt.HEADER, "ph": b""}
    with pytest.raises(ValueError, match="name messages"):
        credential.present(**words, messages=[ATTRIBUTES[name].encode() for name in receipt.SCHEMA], disclosed=[-1])


def test_two_proofs_have_nothing_in_common():
    again = receipt.prove(**HELD, disclosed=NAMES, context=CONTEXT)
    assert not {PROOF[at : at + 32] for at in range(0, 464, 16)} & {again[at : at + 32] for at in range(0, 464, 16)}
