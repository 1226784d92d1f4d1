"""The statement own: one secret, any number of tags, 64 bytes."""

import pytest

from tests.zkp.given import DAY, KEYS, ORIGIN, OTHER, TAGS, altered, context, each_byte, misshapen
from tests.zkp.test_group import BAD_G1
from zkp import tag
from zkp.core import group, own
from zkp.core.errors import InvalidContext, InvalidInstance, InvalidScalar, InvalidWitness

CONTEXT = context("own")
PROOF = own.prove(s=KEYS.s, tags=TAGS, context=CONTEXT)


def test_it_holds_on_both_backends():
    for prover in group.BACKENDS:
        with group.use(prover):
            proof = own.prove(s=KEYS.s, tags=TAGS[:2], context=CONTEXT)
        assert len(proof) == own.PROOF_BYTES == 64
        for verifier in group.BACKENDS:
            with group.use(verifier):
                assert own.verify(tags=TAGS[:2], context=CONTEXT, proof=proof)
                assert not own.verify(tags=TAGS[1:], context=CONTEXT, proof=proof)


def test_the_session_is_bound_to_the_context():
    hexed = own.bound_tag(CONTEXT.octets()).removeprefix(b"CONSONANT-V01-")
    assert hexed.endswith(b"-CMPT-with-sigma-proofs_Shake128_BLS12381")
    assert len(hexed.split(b"-")[0]) == 64


def test_every_byte_counts():
    said = {"tags": TAGS, "context": CONTEXT}
    assert own.verify(**said, proof=PROOF)
    for at, changed in each_byte(PROOF):
        assert not own.verify(**said, proof=changed), at
    for changed in misshapen(PROOF):
        assert not own.verify(**said, proof=changed)
    for at, changed in each_byte(TAGS[0]):
        assert not own.verify(tags=[changed, *TAGS[1:]], context=CONTEXT, proof=PROOF), at


def test_every_byte_of_the_context_counts():
    for name, changed in altered(CONTEXT):
        assert not own.verify(tags=TAGS, context=changed, proof=PROOF), name


def test_these_tags_in_this_order():
    for tags in (TAGS[::-1], TAGS[:-1], [*TAGS, tag.day_tag(OTHER, DAY)], []):
        assert not own.verify(tags=tags, context=CONTEXT, proof=PROOF)


def test_entries_of_one_day_share_a_tag():
    assert own.verify(tags=[TAGS[0], TAGS[0], *TAGS[1:], TAGS[0]], context=CONTEXT, proof=PROOF)


def test_another_secret_cannot():
    with pytest.raises(InvalidWitness):
        own.prove(s=OTHER.s, tags=TAGS, context=CONTEXT)
    with pytest.raises(InvalidWitness):
        own.prove(s=KEYS.s, tags=[*TAGS, tag.day_tag(OTHER, DAY)], context=CONTEXT)
    with pytest.raises(InvalidScalar):
        own.prove(s=group.ORDER.to_bytes(32, "big"), tags=TAGS, context=CONTEXT)


@pytest.mark.parametrize("name", BAD_G1)
def test_no_such_point_in_a_tag(name):
    bad = BAD_G1[name]
    for changed in (bad + TAGS[0][48:], TAGS[0][:48] + bad):
        assert not own.verify(tags=[changed], context=CONTEXT, proof=PROOF)
        with pytest.raises(InvalidInstance):
            own.prove(s=KEYS.s, tags=[changed], context=CONTEXT)


def test_what_is_not_asked():
    for change in ({"context": context("receipt")}, {"tags": []}, {"tags": TAGS * 334}, {"tags": [TAGS[0] + b"\0"]}):
        said = {"tags": TAGS, "context": CONTEXT} | change
        assert not own.verify(**said, proof=PROOF)
        with pytest.raises((InvalidContext, InvalidInstance)):
            own.prove(s=KEYS.s, **said)


def test_a_hundred_entries():
    tags = [tag.day_tag(KEYS, DAY.replace(year=1900 + n)) for n in range(100)]
    proof = own.prove(s=KEYS.s, tags=tags, context=CONTEXT)
    assert len(proof) == 64
    assert own.verify(tags=tags, context=CONTEXT, proof=proof)
    tags[50] = tag.day_tag(tag.derive(b"\1" * 32, ORIGIN), DAY)
    assert not own.verify(tags=tags, context=CONTEXT, proof=proof)
