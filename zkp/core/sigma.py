"""Proofs for linear relations: draft-irtf-cfrg-sigma-protocols with the ciphersuite `sigma-proofs_Shake128_BLS12381`.

A proof is a NARG string of one of two flavors: compact is challenge || response, batchable is commitment || response. It holds under one tag,
which must contain the flavor's mark and the ciphersuite ("Tag and session identifier"): `tag` writes it so. Proofs are malleable by whoever
knows the secret: never use one as a nullifier, or against replay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from . import group, relation, transcript
from .errors import InvalidInstance, InvalidPoint, InvalidScalar, InvalidWitness
from .group import G1_BYTES, ORDER, SCALAR_BYTES
from .randomness import Randomness, hedged
from .relation import Instance

if TYPE_CHECKING:
    from .group import G1

Flavor = Literal["compact", "batchable"]

CIPHERSUITE: Final = b"sigma-proofs_Shake128_BLS12381"
_MARKS: Final = {"compact": b"CMPT", "batchable": b"DSFS"}


def tag(name: bytes, flavor: Flavor = "compact") -> bytes:
    """Return the tag of an application's name, version and context ("Tag and session identifier")."""
    return name + b"-" + _MARKS[flavor] + b"-with-" + CIPHERSUITE


def prove(
    *, instance: bytes, witness: bytes, tag: bytes, flavor: Flavor = "compact", randomness: Randomness | None = None
) -> bytes:
    """Return a NARG string (ProveCompact, ProveBatchable).

    Args:
        instance: As SerializeLinearRelation writes it.
        witness: The secrets in their order, 32 bytes each.
        tag: What the proof is bound to.
        flavor: Compact: 32 bytes and 32 for each secret. Batchable: 48 bytes for each equation and 32 for each secret.
        randomness: For vectors only.

    Raises:
        InvalidInstance: There is nothing sound to prove.
        InvalidScalar: A secret is out of range.
        InvalidWitness: The secrets are too few, too many, or do not satisfy the relation.
    """
    read = Instance(relation.parse(instance))
    secrets = group.decode_scalars(witness)
    if len(secrets) != read.secrets or not read.holds(secrets):
        raise InvalidWitness
    draw = randomness or hedged(witness, tag, instance, flavor.encode())
    nonces = draw(read.secrets)
    commitment = _encode(read.evaluate(nonces))
    challenge = derive_challenge(tag, instance, commitment)
    response = b"".join(
        group.encode_scalar((nonce + secret * challenge) % ORDER) for nonce, secret in zip(nonces, secrets, strict=True)
    )
    return (group.encode_scalar(challenge) if flavor == "compact" else commitment) + response


def verify(*, instance: bytes, narg: bytes, tag: bytes, flavor: Flavor = "compact") -> bool:
    """Say whether a NARG string proves this instance under this tag (VerifyCompact, VerifyBatchable). Malformed is False."""
    try:
        read = Instance(relation.parse(instance))
        return _VERIFIERS[flavor](read, narg, tag)
    except (InvalidInstance, InvalidPoint, InvalidScalar):
        return False


def derive_challenge(tag: bytes, instance: bytes, commitment: bytes) -> int:
    """Return the challenge of a commitment (DeriveChallenge)."""
    sponge = transcript.DuplexSponge(transcript.derive_session_id(tag))
    sponge.absorb(instance)
    sponge.absorb(commitment)
    return transcript.decode_uint(sponge.squeeze(SCALAR_BYTES + transcript.EXTRA_BYTES), ORDER)


def _verify_compact(instance: Instance, narg: bytes, tag: bytes) -> bool:
    if len(narg) != SCALAR_BYTES * (1 + instance.secrets):  # step 3
        return False
    challenge, *response = group.decode_scalars(narg)  # steps 4-5
    commitment = _encode(instance.evaluate(response, challenge))  # steps 6-7
    expected = derive_challenge(tag, instance.octets, commitment)  # step 8
    return challenge == expected  # step 9


def _verify_batchable(instance: Instance, narg: bytes, tag: bytes) -> bool:
    split = G1_BYTES * len(instance.equations)
    if len(narg) != split + SCALAR_BYTES * instance.secrets:  # check 1
        return False
    commitment = narg[:split]
    for at in range(0, split, G1_BYTES):  # check 2
        group.decode_g1(commitment[at : at + G1_BYTES])
    response = group.decode_scalars(narg[split:])
    challenge = derive_challenge(tag, instance.octets, commitment)
    # Check 3: Verifier's equation solved for the commitment. Each point has one encoding, so equal bytes are equal points.
    return _encode(instance.evaluate(response, challenge)) == commitment


def _encode(points: list[G1]) -> bytes:
    return b"".join(map(group.encode_g1, points))


_VERIFIERS: Final = {"compact": _verify_compact, "batchable": _verify_batchable}
