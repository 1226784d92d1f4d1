"""Enrolment and issuance: one secret behind key, commitment and tag."""

import pytest

from tests.zkp.given import DAY, ENROLLED, ENROLMENT, KEYS, OTHER, TAGS, altered, each_byte, misshapen
from tests.zkp.test_group import BAD_G1
from zkp import tag
from zkp.core import credential, enrol, group
from zkp.core.errors import InvalidInstance, InvalidScalar, InvalidWitness

SAID = {"enrolled": ENROLLED, "tag": TAGS[0], "context": ENROLMENT}
THEIRS = enrol.prove(s=OTHER.s, tag=tag.day_tag(OTHER, DAY), context=ENROLMENT)


def test_it_holds_on_both_backends():
    assert ENROLLED.public_key == tag.public_key(KEYS.s)
    assert len(ENROLLED.proof) == enrol.PROOF_BYTES == 64
    for prover in group.BACKENDS:
        with group.use(prover):
            enrolled = enrol.prove(s=KEYS.s, tag=TAGS[0], context=ENROLMENT)
        assert enrolled[:2] == ENROLLED[:2]
        for verifier in group.BACKENDS:
            with group.use(verifier):
                assert enrol.verify(**SAID | {"enrolled": enrolled})


def test_every_byte_counts():
    for field in enrol.Enrolled._fields:
        value = getattr(ENROLLED, field)
        for at, changed in each_byte(value):
            assert not enrol.verify(**SAID | {"enrolled": ENROLLED._replace(**{field: changed})}), (field, at)
        for changed in misshapen(value):
            assert not enrol.verify(**SAID | {"enrolled": ENROLLED._replace(**{field: changed})}), field
    for at, changed in each_byte(TAGS[0]):
        assert not enrol.verify(**SAID | {"tag": changed}), at
    for changed in misshapen(TAGS[0]):
        assert not enrol.verify(**SAID | {"tag": changed})


def test_every_byte_of_the_context_counts():
    for name, changed in altered(ENROLMENT):
        assert not enrol.verify(**SAID | {"context": changed}), name


def test_parts_of_two_people_do_not_mix():
    theirs = tag.day_tag(OTHER, DAY)
    assert enrol.verify(enrolled=THEIRS, tag=theirs, context=ENROLMENT)
    for field in ("public_key", "key_commitment", "proof"):
        assert not enrol.verify(**SAID | {"enrolled": ENROLLED._replace(**{field: getattr(THEIRS, field)})})
    assert not enrol.verify(**SAID | {"tag": theirs})
    with pytest.raises(InvalidWitness):
        enrol.prove(s=KEYS.s, tag=theirs, context=ENROLMENT)
    # Nor does a commitment without the secret: the sum of both is nobody's.
    points = [group.decode_g1(each.key_commitment) for each in (ENROLLED, THEIRS)]
    both = group.encode_g1(group.msm(points, [1, 1]))
    assert not enrol.verify(**SAID | {"enrolled": ENROLLED._replace(key_commitment=both)})


@pytest.mark.parametrize("name", BAD_G1)
def test_no_such_point(name):
    bad = BAD_G1[name]
    for field in ("public_key", "key_commitment"):
        assert not enrol.verify(**SAID | {"enrolled": ENROLLED._replace(**{field: bad})})
    for changed in (bad + TAGS[0][48:], TAGS[0][:48] + bad):
        assert not enrol.verify(**SAID | {"tag": changed})
        with pytest.raises(InvalidInstance):
            enrol.prove(s=KEYS.s, tag=changed, context=ENROLMENT)


def test_no_secret_out_of_range():
    for bad in (bytes(32), group.ORDER.to_bytes(32, "big"), b""):
        with pytest.raises(InvalidScalar):
            enrol.prove(s=bad, tag=TAGS[0], context=ENROLMENT)
        with pytest.raises(InvalidScalar):
            credential.key_commitment(bad)
