"""Enrolment and issuance as one proof: who brings a public key and a key commitment knows the one secret of both, and of an entry's tag.

    Relation Enrol(P, H_1, K, R, T):
      Witness: s
      Equations:
        P = s * G
        K = s * H_1
        T = s * R

in the notation of draft-irtf-cfrg-sigma-protocols ("Specifying the relation"). H_1 is the generator that carries s in a credential. Three proofs
instead of one could be mixed from three people. It is bound to the log's single-use nonce, the account and the entry.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from . import credential, group, sigma
from .context import Enrolment
from .group import G1_BYTES
from .own import TAG_BYTES, bound_tag
from .relation import Equation, Relation

PROOF_BYTES: Final = 64
_ROWS: Final = (
    Equation(((1, 1),), ((0, 0, 1),)),
    Equation(((3, 1),), ((0, 2, 1),)),
    Equation(((5, 1),), ((0, 4, 1),)),
)


class Enrolled(NamedTuple):
    """What the wallet sends: P and K, 48 bytes each, and the proof, 64 bytes."""

    public_key: bytes
    key_commitment: bytes
    proof: bytes


def prove(*, s: bytes, tag: bytes, context: Enrolment) -> Enrolled:
    """Return the public key, the key commitment and the proof.

    Args:
        s: The subject's secret, 32 bytes.
        tag: R || T of the entry, 96 bytes.
        context: What the log asked.

    Raises:
        InvalidScalar: The secret.
        InvalidInstance: The tag is not two good points.
        InvalidWitness: The tag is not of this secret.
    """
    public_key = group.encode_g1(group.msm([group.generator()], [group.decode_scalar(s, zero=False)]))
    commitment = credential.key_commitment(s)
    instance = _instance(public_key, commitment, tag)
    return Enrolled(public_key, commitment, sigma.prove(instance=instance, witness=s, tag=bound_tag(context.octets())))


def verify(*, enrolled: Enrolled, tag: bytes, context: Enrolment) -> bool:
    """Say whether one secret made the key, the commitment and the tag, and its holder answered this context."""
    public_key, commitment, proof = enrolled
    if len(public_key) != G1_BYTES or len(commitment) != G1_BYTES or len(tag) != TAG_BYTES:
        return False
    return sigma.verify(instance=_instance(public_key, commitment, tag), narg=proof, tag=bound_tag(context.octets()))


def _instance(public_key: bytes, commitment: bytes, tag: bytes) -> bytes:
    h_1 = group.encode_g1(credential.secret_generator())
    return Relation((public_key, h_1, commitment, tag[:G1_BYTES], tag[G1_BYTES:]), _ROWS).serialize()
