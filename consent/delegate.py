"""Somebody asks to act for a person: as guardian, by a power of attorney, or for the estate. An officer decides on the document.

The document's key comes first, synced, then its sealed bytes, then one transaction's row and entry: a crash before the commit leaves
noise that no row names, which `retention.sweep_orphans` destroys. Who names an address learns nothing of whether there is such an
account: without one, the request is about a person of whom nothing is known, and an officer refuses it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import transaction

import vault.blobs
from accounts.models import User
from consent.capacity import ADULT, Capacity, Relationship, capacity, years
from consent.delegate_invite import take_up
from consent.document import media_type
from consent.enter import enter_for_person
from consent.errors import AgeUnsaid, BirthdayImpossible, DelegationForbidden, TooManyDelegations
from consent.models import Delegation
from vault.blobs import Kind

MOST_WAITING: Final = 5


@dataclass(frozen=True)
class Child:
    """Somebody's child who has no account here. `residence`: ISO 3166."""

    born_on: date
    residence: str = ""


@dataclass(frozen=True)
class Code:
    """Who made this code (`consent.delegate_invite`); a guardian says when the person was born."""

    code: str
    born_on: date | None = None


@dataclass(frozen=True)
class Address:
    """Who has an account by this address, if there is one; a guardian says when the person was born."""

    email: str
    born_on: date | None = None


def request_delegation(  # noqa: PLR0913
    *,
    delegate: User,
    relationship: Relationship,
    whom: Child | Code | Address,
    label: str,
    document: bytes,
    now: datetime,
) -> Delegation:
    """Ask to act for `whom`, whom the delegate calls `label`.

    Raises:
        DocumentRefused: The document is none that is taken.
        InvitationUnknown: Nobody made this code for this.
        AgeUnsaid: A guardian did not say when the person was born; or the delegate has not said to be an adult.
        BirthdayImpossible: Nobody born that day is a minor now.
        DelegationForbidden: Not for oneself, not as a minor, and none but a guardian for a child without an account.
        TooManyDelegations: As many wait already as may.
    """
    document_type = media_type(document)
    _must_be_adult(delegate, now)
    born_on = _born_on(relationship, whom, now)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(id=delegate.id)
        if Delegation.objects.filter(delegate=delegate, state=Delegation.State.REQUESTED).count() >= MOST_WAITING:
            raise TooManyDelegations
        principal = _principal(whom, relationship, now)
        if principal.id == delegate.id:
            raise DelegationForbidden
        delegation = Delegation(
            principal=principal,
            delegate=delegate,
            relationship=relationship,
            label=label,
            born_on=born_on,
            agreed_at=now if isinstance(whom, Code) else None,
            document_type=document_type,
            requested_at=now,
        )
        vault.blobs.put(blob=delegation.id, data=document, kind=Kind.DOCUMENT, now=now)
        delegation.save(force_insert=True)
        enter_for_person(
            user=principal,
            kind="delegation.requested",
            actor=relationship,
            payload={**told(delegation), "agreed": delegation.agreed_at is not None, "document": document_type},
            now=now,
        )
    return delegation


def told(delegation: Delegation) -> dict[str, str]:
    """Return what every entry about a delegation says: never who it is."""
    return {"delegation": str(delegation.id), "relationship": delegation.relationship}


def _must_be_adult(delegate: User, now: datetime) -> None:
    born_on, is_adult = User.objects.values_list("born_on", "is_adult").get(id=delegate.id)
    able = capacity(born_on=born_on, is_adult=is_adult, residence="", today=now.date())
    if able == Capacity.UNSAID:
        raise AgeUnsaid
    if able == Capacity.NEEDS_GUARDIAN:
        raise DelegationForbidden


def _born_on(relationship: Relationship, whom: Child | Code | Address, now: datetime) -> date | None:
    if relationship != Relationship.GUARDIAN:
        if isinstance(whom, Child):
            raise DelegationForbidden
        return None
    if whom.born_on is None:
        raise AgeUnsaid
    if not 0 <= years(whom.born_on, now.date()) < ADULT:
        raise BirthdayImpossible
    return whom.born_on


def _principal(whom: Child | Code | Address, relationship: Relationship, now: datetime) -> User:
    """Return the person, making one where there is none: in the caller's transaction."""
    match whom:
        case Child():
            return _nobody(born_on=whom.born_on, residence=whom.residence)
        case Code():
            return take_up(code=whom.code, relationship=relationship, now=now)
    return User.objects.filter(email__iexact=whom.email).first() or _nobody()


def _nobody(*, born_on: date | None = None, residence: str = "") -> User:
    """Return a person who cannot sign in."""
    person = User(email=None, born_on=born_on, residence=residence)
    person.set_unusable_password()
    person.save(force_insert=True)
    return person
