"""The statement active: at most five minutes before it runs out, my grant for this app and operation stood; once per epoch.

The credential is issued under the grant's lock, over `SCHEMA`. Its `valid_until` is a whole minute, so that those of one minute look alike, and
is always shown, as are app and operation. With it goes a pseudonym that cannot be chosen:

    N = s hash_to_G1(scope; DST = api_id || "NYM_"),   scope = canonical {v, origin, verifier, app, operation, epoch}

The scope has no nonce: the same person has the same N for a scope, and another in every other. The verifier spends (scope, N) once. N says
nothing of s or of other pseudonyms under DDH in G1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from . import credential, group
from .context import Context, canonical, moment, read_moment
from .credential import API_ID, Link
from .errors import InvalidAttributes, InvalidContext, InvalidPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .group import G1

STATEMENT: Final = "active"
HEADER: Final = b"consonant/1|active"
SCHEMA: Final = ("app", "operation", "purpose", "valid_until")
ALWAYS: Final = frozenset({"app", "operation", "valid_until"})
LIFETIME: Final = timedelta(minutes=5)
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a pseudonym counts: one verifier of one log, one app, one operation, one epoch."""

    origin: str
    verifier: str
    app: str
    operation: str
    epoch: int

    def octets(self) -> bytes:
        """Return the text that is hashed to a point. Raises InvalidContext where it cannot be encoded."""
        return canonical(
            {
                "app": self.app,
                "epoch": self.epoch,
                "operation": self.operation,
                "origin": self.origin,
                "v": VERSION,
                "verifier": self.verifier,
            }
        )


class Shown(NamedTuple):
    """What the prover sends: the pseudonym, 48 bytes, and the proof."""

    pseudonym: bytes
    proof: bytes


def valid_until(now: datetime) -> datetime:
    """Return when a credential issued now runs out: the last whole minute within five."""
    return (now + LIFETIME).replace(second=0, microsecond=0)


def attributes(*, app: str, operation: str, purpose: str, until: datetime) -> dict[str, str]:
    """Return what a credential says.

    Raises:
        ValueError: The end is not a whole minute.
    """
    if until.second or until.microsecond:
        raise ValueError("a credential runs out at a whole minute")
    return {"app": app, "operation": operation, "purpose": purpose, "valid_until": moment(until)}


def issue(*, sk: bytes, pk: bytes, key_commitment: bytes, attributes: Mapping[str, str], now: datetime) -> bytes:
    """Return a credential, 80 bytes, for the holder of a key commitment that `enrol` has verified.

    Raises:
        InvalidAttributes: They are not the schema's.
        ValueError: It would not run out within five minutes.
        InvalidScalar, InvalidPoint: A key, or the commitment.
    """
    messages = credential.all_messages(SCHEMA, attributes)
    if not _runs(attributes["valid_until"], now):
        raise ValueError("a credential runs out within five minutes")
    return credential.issue(sk=sk, pk=pk, key_commitment=key_commitment, header=HEADER, messages=messages)


def check(*, pk: bytes, issued: bytes, s: bytes, attributes: Mapping[str, str]) -> bool:
    """Say whether a credential is the ledger's, over these attributes and this secret. Raises InvalidAttributes."""
    messages = credential.all_messages(SCHEMA, attributes)
    return credential.check(pk=pk, signature=issued, s=s, header=HEADER, messages=messages)


def prove(  # noqa: PLR0913 - the credential, and what it is shown for
    *,
    pk: bytes,
    issued: bytes,
    s: bytes,
    attributes: Mapping[str, str],
    epoch: int,
    context: Context,
    show_purpose: bool = False,
) -> Shown:
    """Return the pseudonym of the context's verifier in this epoch, and the proof.

    Raises:
        InvalidCredential: The credential is not the ledger's, or not over these.
        InvalidAttributes: They are not the schema's.
        InvalidContext: It is for another statement.
    """
    messages = credential.all_messages(SCHEMA, attributes)
    if context.statement != STATEMENT:
        raise InvalidContext
    base = _base(_scope(attributes, epoch, context))
    image = group.msm([base], [group.decode_scalar(s, zero=False)])
    proof = credential.present(
        pk=pk,
        signature=issued,
        s=s,
        header=HEADER,
        ph=context.octets(),
        messages=messages,
        disclosed=[at for at, name in enumerate(SCHEMA) if name in ALWAYS or show_purpose],
        links=[Link(base, image)],
    )
    return Shown(group.encode_g1(image), proof)


def verify(  # noqa: PLR0913 - what is shown, and what it is held against
    *, pk: bytes, disclosed: Mapping[str, str], epoch: int, shown: Shown, context: Context, now: datetime
) -> bool:
    """Say whether somebody's grant for this app and operation stood when the ledger last looked, at most five minutes ago.

    Whether the pseudonym was spent before is for the caller, in the transaction that writes the verdict.

    Args:
        pk: The ledger's key.
        disclosed: What is shown: app, operation, valid_until, and the purpose where it is.
        epoch: The verifier's epoch now.
        shown: The pseudonym and the proof.
        context: What the verifier asked.
        now: The time.
    """
    if context.statement != STATEMENT or not set(disclosed) >= ALWAYS:
        return False
    try:
        messages = credential.disclosed_messages(SCHEMA, disclosed)
        image = group.decode_g1(shown.pseudonym)
    except (InvalidAttributes, InvalidPoint):
        return False
    if not _runs(disclosed["valid_until"], now):
        return False
    return credential.verify(
        pk=pk,
        proof=shown.proof,
        header=HEADER,
        ph=context.octets(),
        count=len(SCHEMA),
        disclosed=messages,
        links=[Link(_base(_scope(disclosed, epoch, context)), image)],
    )


def _scope(said: Mapping[str, str], epoch: int, context: Context) -> Scope:
    return Scope(context.origin, context.verifier, said["app"], said["operation"], epoch)


def _base(scope: Scope) -> G1:
    return group.hash_to_g1(scope.octets(), API_ID + b"NYM_")


def _runs(until: str, now: datetime) -> bool:
    try:
        return now <= read_moment(until) <= now + LIFETIME
    except ValueError:
        return False
