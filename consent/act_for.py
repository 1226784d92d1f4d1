"""Who acts: the person, or somebody who may act for them at this moment.

Every verb by which a person answers, withdraws or asks takes `by`: None for the person, else the delegation. What it may is looked at
in the verb's own transaction.
"""

import hmac
import uuid
from datetime import datetime

from accounts.models import User
from consent.capacity import Capacity, Relationship, capacity
from consent.errors import AgeUnsaid, DelegationUnknown, GuardianNeeded
from consent.models import Delegation
from keyring.keys import reference_key


def actor(*, user: User, by: Delegation | None, now: datetime) -> str:
    """Return who an entry says acted for `user`: `subject`, `guardian`, `attorney` or `estate`.

    That a delegate acted is noted with the act: from then on it must be provable that they might.

    Raises:
        DelegationUnknown: The delegate may not act for this person now.
    """
    if by is None:
        return "subject"
    fresh = Delegation.objects.select_for_update(no_key=True).filter(id=by.id, principal=user).first()
    if fresh is None or not fresh.stands(now):
        raise DelegationUnknown
    if fresh.used_at is None:
        Delegation.objects.filter(id=fresh.id).update(used_at=now)
    return fresh.relationship


def must_be_able(*, user: User, by: Delegation | None, now: datetime) -> None:
    """Refuse a yes of somebody who cannot give it: a child's needs the guardian (GDPR 8, PIPL 31).

    Raises:
        AgeUnsaid: Nobody has said how old the person is.
        GuardianNeeded: The person is too young to answer alone.
    """
    if by is not None and by.relationship in {Relationship.GUARDIAN, Relationship.ESTATE}:
        return
    fresh = User.objects.get(id=user.id)
    able = capacity(born_on=fresh.born_on, is_adult=fresh.is_adult, residence=fresh.residence, today=now.date())
    if able == Capacity.UNSAID:
        raise AgeUnsaid
    if able == Capacity.NEEDS_GUARDIAN:
        raise GuardianNeeded


def told(by: Delegation | None, *, app: uuid.UUID) -> dict[str, str]:
    """Return what an entry about an app says of the power by which somebody acted; nothing where the person did."""
    return {"delegation": str(name_of(by, app=app))} if by else {}


def name_of(by: Delegation, *, app: uuid.UUID) -> uuid.UUID:
    """Return what stands for a delegation in what one app may see: no two apps find out that theirs is the same."""
    return uuid.UUID(
        bytes=hmac.digest(reference_key(), b"delegation" + app.bytes + by.id.bytes, "sha256")[:16], version=4
    )
