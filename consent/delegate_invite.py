"""A person lets somebody ask to act for them: a code, said to that person alone, good once and for an hour.

So nobody has to name an account to find out whether there is one. A new code replaces the one before. Or the person agrees to what was
asked without one.
"""

import hmac
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Final

from accounts.models import User
from consent.capacity import Relationship
from consent.errors import DelegationUnknown, InvitationUnknown
from consent.models import Delegation, Invitation
from keyring.keys import reference_key

LASTS: Final = timedelta(hours=1)
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS: Final = str.maketrans("OIL", "011", "- ")
"""As Crockford's base 32 is read: what looks alike is alike."""
_LENGTH: Final = 12


def invite(*, principal: User, relationship: Relationship, now: datetime) -> str:
    """Return a new code of 60 random bits, in three groups of four; whoever says it agrees with the person who made it."""
    code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    Invitation.objects.update_or_create(
        principal=principal,
        defaults={"digest": _digest(code), "relationship": relationship, "expires_at": now + LASTS},
    )
    return "-".join(code[start : start + 4] for start in range(0, _LENGTH, 4))


def take_up(*, code: str, relationship: Relationship, now: datetime) -> User:
    """Return who made the code, and use it up; in the caller's transaction.

    Raises:
        InvitationUnknown: Nobody has, or not for this, or its hour is over.
    """
    made = Invitation.objects.select_for_update().filter(digest=_digest(code.upper().translate(_READ_AS))).first()
    if made is None or made.relationship != relationship or now >= made.expires_at:
        raise InvitationUnknown
    principal = made.principal
    made.delete()
    return principal


def agree(*, delegation_id: uuid.UUID, principal: User, now: datetime) -> Delegation:
    """Agree to what somebody asked for without a code; an officer still decides on the document.

    Raises:
        DelegationUnknown: Nothing of the kind waits.
    """
    waiting = Delegation.objects.filter(
        id=delegation_id, principal=principal, state=Delegation.State.REQUESTED, agreed_at=None
    )
    if not waiting.update(agreed_at=now):
        raise DelegationUnknown
    return Delegation.objects.get(id=delegation_id)


def _digest(code: str) -> bytes:
    return hmac.digest(reference_key(), b"invitation" + code.encode(), "sha256")
