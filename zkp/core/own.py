"""The statement own: I am the subject of these entries.

    Relation Own(R_1, T_1, ..., R_k, T_k):
      Witness: s
      Equations:
        T_i = s * R_i        for i = 1..k

in the notation of draft-irtf-cfrg-sigma-protocols ("Specifying the relation"), over the distinct tags R_i || T_i in the order given. The proof
is a compact NARG string, 64 bytes for any k, under the tag `CONSONANT-V01-` || hex SHA-256(context) || `-CMPT-with-` || ciphersuite.
A tag comes from the opened subject commitment of an entry: that it does is for the verifier to check, and here only that one s made them all.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from . import sigma
from .context import Context
from .errors import InvalidContext, InvalidInstance
from .group import G1_BYTES
from .relation import Equation, Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

STATEMENT: Final = "own"
PROOF_BYTES: Final = 64
TAG_BYTES: Final = 2 * G1_BYTES
MAX_TAGS: Final = 1_000
_NAME: Final = b"CONSONANT-V01-"


def prove(*, s: bytes, tags: Sequence[bytes], context: Context) -> bytes:
    """Return the proof.

    Args:
        s: The subject's secret, 32 bytes.
        tags: R || T of each entry, 96 bytes.
        context: What the verifier asked.

    Raises:
        InvalidContext: It is for another statement.
        InvalidInstance: No tags, too many, or a tag that is not two good points.
        InvalidWitness: A tag is not of this secret.
    """
    if context.statement != STATEMENT:
        raise InvalidContext
    return sigma.prove(instance=_instance(tags), witness=s, tag=bound_tag(context.octets()))


def verify(*, tags: Sequence[bytes], context: Context, proof: bytes) -> bool:
    """Say whether one secret made all these tags, and its holder answered this context."""
    if context.statement != STATEMENT:
        return False
    try:
        instance = _instance(tags)
    except InvalidInstance:
        return False
    return sigma.verify(instance=instance, narg=proof, tag=bound_tag(context.octets()))


def bound_tag(context: bytes) -> bytes:
    """Return the tag of a proof bound to a context."""
    return sigma.tag(_NAME + sha256(context).hexdigest().encode())


def _instance(tags: Sequence[bytes]) -> bytes:
    if not 0 < len(tags) <= MAX_TAGS or {len(tag) for tag in tags} != {TAG_BYTES}:
        raise InvalidInstance
    distinct = list(dict.fromkeys(tags))  # entries of one day share a tag
    elements = tuple(half for tag in distinct for half in (tag[:G1_BYTES], tag[G1_BYTES:]))
    rows = (Equation(((2 * i, 1),), ((0, 2 * i - 1, 1),)) for i in range(1, len(distinct) + 1))
    return Relation(elements, tuple(rows)).serialize()
