"""What must be refused, by name, for every statement and on both backends.

That a question is answered once, in time, and a pseudonym spent once is the service's part: `test_verifications`.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.zkp import given, test_active, test_receipt
from tests.zkp.given import ENROLLED, ENROLMENT, NOW, TAGS
from tests.zkp.test_group import BAD_G1
from zkp.core import active, enrol, own, receipt

SHOWN = {
    "own": {"tags": TAGS[:1], "context": given.context("own")},
    "enrol": {"tag": TAGS[0], "context": ENROLMENT},
    "receipt": test_receipt.SEEN,
    "active": test_active.SEEN,
}
PROOFS = {
    "own": own.prove(s=given.KEYS.s, **SHOWN["own"]),
    "enrol": ENROLLED.proof,
    "receipt": test_receipt.PROOF,
    "active": test_active.SHOWN.proof,
}
every_statement = pytest.mark.parametrize("statement", PROOFS)


def holds(statement, proof=None, **change):
    """The verdict on a good proof, or on another, with some of what it is held against changed."""
    proof, said = proof or PROOFS[statement], SHOWN[statement] | change
    if statement == "own":
        return own.verify(**said, proof=proof)
    if statement == "enrol":
        return enrol.verify(enrolled=said.pop("enrolled", ENROLLED)._replace(proof=proof), **said)
    if statement == "receipt":
        return receipt.verify(**said, proof=proof)
    return active.verify(shown=active.Shown(said.pop("pseudonym", test_active.SHOWN.pseudonym), proof), **said)


def asked(statement, **change):
    return replace(SHOWN[statement]["context"], **change)


@every_statement
def test_nothing_changed_holds(backend, statement):
    assert holds(statement)


@every_statement
def test_a_replay(backend, statement):
    """A question asked again has another nonce."""
    assert not holds(statement, context=asked(statement, nonce=b"\x08" * 32))


@pytest.mark.parametrize("statement", ["own", "receipt", "active"])
def test_another_verifier(backend, statement):
    assert not holds(statement, context=asked(statement, verifier="https://verifier.example.org"))


@every_statement
def test_another_log(backend, statement):
    assert not holds(statement, context=asked(statement, origin="log.example/voices2"))


@pytest.mark.parametrize("statement", ["own", "receipt", "active"])
def test_another_checkpoint(backend, statement):
    assert not holds(statement, context=asked(statement, size=1_199))
    assert not holds(statement, context=asked(statement, root=bytes(32)))


@every_statement
def test_an_answer_whose_time_was_prolonged(backend, statement):
    later = SHOWN[statement]["context"].expires + timedelta(days=1)
    assert not holds(statement, context=asked(statement, expires=later))


def test_a_credential_that_has_expired(backend):
    assert not holds("active", now=NOW + timedelta(minutes=5))


def test_a_credential_whose_end_was_changed(backend):
    said = SHOWN["active"]["disclosed"] | {"valid_until": "2026-03-01T12:02:00Z"}
    assert not holds("active", disclosed=said)


@pytest.mark.parametrize("name", BAD_G1)
def test_a_point_that_is_none(backend, name):
    """The identity, points outside the subgroup, other encodings: wherever a statement has a point."""
    bad = BAD_G1[name]
    for tag in (bad + TAGS[0][48:], TAGS[0][:48] + bad):
        assert not holds("own", tags=[tag])
        assert not holds("enrol", tag=tag)
    for field in ("public_key", "key_commitment"):
        assert not holds("enrol", enrolled=ENROLLED._replace(**{field: bad}))
    assert not holds("active", pseudonym=bad)
    for statement in ("receipt", "active"):
        proof = PROOFS[statement]
        assert not holds(statement, pk=bad + SHOWN[statement]["pk"][48:])
        for at in (0, 48, 96):
            assert not holds(statement, proof[:at] + bad + proof[at + 48 :])


@every_statement
def test_a_scalar_that_is_not_canonical(backend, statement):
    """The same number, plus the order: every scalar of every proof has such a form."""
    for changed in given.lifted(statement, PROOFS[statement]):
        assert not holds(statement, changed)


@every_statement
def test_nothing_but_zeros(backend, statement):
    assert not holds(statement, bytes(len(PROOFS[statement])))


def test_a_proof_of_one_statement_for_another(backend):
    for statement in PROOFS:
        for other, proof in PROOFS.items():
            assert holds(statement, proof) == (other == statement)
