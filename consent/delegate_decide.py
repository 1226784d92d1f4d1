"""An officer decides, on the document, whether somebody may act for a person.

One transaction: where it stands, what is known of the person by the document, the entry. What is refused keeps no document: the row lets
go of it first, then key and bytes go; what a crash leaves between is an orphan, which the sweep destroys.
"""

import uuid
from datetime import UTC, date, datetime, time
from typing import Final

from django.db import IntegrityError, transaction

from accounts.models import User
from consent import lock
from consent.capacity import ADULT, Capacity, Relationship, adult_on, capacity, years
from consent.delegate import told
from consent.delegate_end import close, drop_document
from consent.enter import enter_for_person
from consent.errors import AgeUnsaid, DelegationDecided, DelegationForbidden, DelegationUnknown
from consent.machine import WITHDRAWABLE, Event
from consent.models import Delegation, Grant
from consent.move import move

REFUSED_FOR: Final = ("unreadable", "not_shown", "person_unknown", "forbidden")
"""The document cannot be read; it does not show that; there is no such person here; the law or the person does not allow it."""


def approve(*, delegation_id: uuid.UUID, officer: User, now: datetime, died_on: date | None = None) -> Delegation:
    """Let the delegate act: a guardian until the person is an adult; for an estate with the day of death, which ends other powers.

    With a guardian, what the person allowed while too young to allow it alone is found invalid.

    Raises:
        DelegationUnknown, DelegationDecided: There is nothing to decide.
        AgeUnsaid: Nobody has said when the person was born.
        DelegationForbidden: The person is an adult; or arranged in life that relatives shall not act (PIPL 49); or nobody is known by
            what the delegate said; or the officer is one of the two; or they may act already.
    """
    with transaction.atomic():
        delegation = _waiting(delegation_id, officer)
        person = User.objects.select_for_update(no_key=True).get(id=delegation.principal_id)
        if person.email is None and person.born_on is None:
            raise DelegationForbidden
        match delegation.relationship:
            case Relationship.GUARDIAN:
                delegation.valid_until = _minor(person, delegation.born_on, now)
            case Relationship.ESTATE:
                if died_on is None or died_on > now.date() or not person.relatives_may_act:
                    raise DelegationForbidden
                delegation.died_on = died_on
        delegation.state = Delegation.State.APPROVED
        delegation.born_on = None
        delegation.decided_at, delegation.decided_by = now, officer
        try:
            with transaction.atomic():
                delegation.save()
        except IntegrityError:
            raise DelegationForbidden from None
        until = delegation.valid_until.isoformat() if delegation.valid_until else None
        _enter(
            delegation,
            "delegation.approved",
            officer,
            {"valid_until": until, "agreed": delegation.agreed_at is not None},
            now,
        )
        if delegation.relationship == Relationship.ESTATE:
            _end_powers(person, now)
        elif delegation.relationship == Relationship.GUARDIAN:
            _invalidate_own(person, officer, now)
    return delegation


def refuse_delegation(*, delegation_id: uuid.UUID, reason: str, officer: User, now: datetime) -> Delegation:
    """Refuse, for one of `REFUSED_FOR`; the document is destroyed.

    Raises:
        DelegationUnknown, DelegationDecided: There is nothing to decide.
        DelegationForbidden: The officer is one of the two.
        ValueError: There is no such reason.
    """
    if reason not in REFUSED_FOR:
        raise ValueError(reason)
    with transaction.atomic():
        delegation = _waiting(delegation_id, officer)
        delegation.state = Delegation.State.REFUSED
        delegation.born_on = None
        delegation.decided_at, delegation.decided_by, delegation.end_reason = now, officer, reason
        delegation.document_type = ""
        delegation.save()
        _enter(delegation, "delegation.refused", officer, {"reason": reason}, now)
    drop_document(delegation)
    return delegation


def decide_again(*, now: datetime) -> int:
    """Let every delegation that stands wait for an officer again; return how many there were. Each is a transaction of its own.

    For after a restore: the database may not know that one was ended. Its document is there unless it was destroyed meanwhile.
    """
    done = 0
    for delegation_id in Delegation.objects.filter(state=Delegation.State.APPROVED).values_list("id", flat=True):
        with transaction.atomic():
            delegation = Delegation.objects.select_for_update(no_key=True).get(id=delegation_id)
            if delegation.state != Delegation.State.APPROVED:
                continue
            delegation.state = Delegation.State.REQUESTED
            delegation.decided_at, delegation.decided_by, delegation.valid_until = None, None, None
            delegation.save()
            enter_for_person(
                user=delegation.principal,
                kind="delegation.requested",
                actor="service",
                payload={**told(delegation), "reason": "records_restored"},
                now=now,
            )
            done += 1
    return done


def _waiting(delegation_id: uuid.UUID, officer: User) -> Delegation:
    found = Delegation.objects.select_for_update(no_key=True).filter(id=delegation_id).first()
    if found is None:
        raise DelegationUnknown
    if found.state != Delegation.State.REQUESTED:
        raise DelegationDecided
    if officer.id in {found.principal_id, found.delegate_id}:
        raise DelegationForbidden
    return found


def _minor(person: User, said: date | None, now: datetime) -> datetime:
    """Write down when the person was born, and return when they are of age: midnight UTC of that day."""
    born_on = person.born_on or said
    if born_on is None:
        raise AgeUnsaid
    if years(born_on, now.date()) >= ADULT:
        raise DelegationForbidden
    User.objects.filter(id=person.id).update(born_on=born_on, is_adult=False)
    return datetime.combine(adult_on(born_on), time(), UTC)


def _end_powers(person: User, now: datetime) -> None:
    """A power of attorney ends with the person's death."""
    powers = Delegation.objects.select_for_update(no_key=True).filter(
        principal=person, relationship=Relationship.ATTORNEY, state=Delegation.State.APPROVED
    )
    for power in powers.order_by("id"):
        close(power, reason="death", actor="service", now=now)


def _invalidate_own(person: User, officer: User, now: datetime) -> None:
    """What somebody allowed alone who was too young to was no consent, whatever they had said of their age (GDPR 8, PIPL 31)."""
    born_on = User.objects.values_list("born_on", flat=True).get(id=person.id)
    own = Grant.objects.filter(subject__user=person, actor=Relationship.SELF, state__in=WITHDRAWABLE).order_by("id")
    for grant_id, given_at, residence in own.values_list("id", "valid_from", "jurisdiction"):
        able = capacity(born_on=born_on, is_adult=False, residence=residence, today=given_at.date())
        grant = lock.for_ending(grant_id)
        if able == Capacity.NEEDS_GUARDIAN and grant.state in WITHDRAWABLE:
            move(grant=grant, event=Event.INVALIDATE, reason="minor_found", actor=f"officer:{officer.id}", now=now)


def _enter(delegation: Delegation, kind: str, officer: User, more: dict[str, object], now: datetime) -> None:
    enter_for_person(
        user=delegation.principal,
        kind=kind,
        actor=f"officer:{officer.id}",
        payload={**told(delegation), **more},
        now=now,
    )
