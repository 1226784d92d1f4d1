"""A delegation ends: either side ends it, an officer does, or the person has come of age. At once; what was allowed before stands.

One transaction for the state and its entry. The document is kept as long as what the delegate did must be provable; where that was
nothing it goes at once: the row lets go of it first, then key and bytes go. What a crash leaves before or between,
`retention.evidence.drop` and the sweep of orphans destroy.
"""

import uuid
from datetime import datetime
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, transaction

import vault.blobs
from accounts.models import User
from consent.delegate import told
from consent.enter import enter_for_person
from consent.errors import DelegationDecided, DelegationUnknown
from consent.models import Delegation
from vault.blobs import Kind

log = structlog.get_logger(__name__)
OPEN: Final = (Delegation.State.REQUESTED, Delegation.State.APPROVED)
BATCH: Final = 500


def end_delegation(*, delegation_id: uuid.UUID, user: User, now: datetime) -> Delegation:
    """End one's own delegation, on either side of it; one that waits for an officer too.

    Raises:
        DelegationUnknown: The person has no such delegation.
        DelegationDecided: It has ended.
    """
    with transaction.atomic():
        delegation = _locked(delegation_id)
        if user.id not in {delegation.principal_id, delegation.delegate_id}:
            raise DelegationUnknown
        is_own = user.id == delegation.principal_id
        reason, actor = ("by_subject", "subject") if is_own else ("by_delegate", delegation.relationship)
        close(delegation, reason=reason, actor=actor, now=now)
    drop_unneeded(delegation)
    return delegation


def end_by_officer(*, delegation_id: uuid.UUID, officer: User, now: datetime) -> Delegation:
    """End a delegation as an officer.

    Raises:
        DelegationUnknown, DelegationDecided: There is none that could be ended.
    """
    with transaction.atomic():
        delegation = _locked(delegation_id)
        close(delegation, reason="by_officer", actor=f"officer:{officer.id}", now=now)
    drop_unneeded(delegation)
    return delegation


def lapse_delegations(*, now: datetime) -> int:
    """End what guardians had for those who are adults now; return how many there were.

    Each is a transaction of its own; what cannot be ended is logged, and holds up nothing else.
    """
    over = Delegation.objects.filter(state=Delegation.State.APPROVED, valid_until__lte=now)
    done = 0
    for delegation_id in over.values_list("id", flat=True)[:BATCH]:
        try:
            with transaction.atomic():
                delegation = _locked(delegation_id)
                if delegation.state != Delegation.State.APPROVED:
                    continue  # ended a moment ago
                close(delegation, reason="majority", actor="service", now=now)
            drop_unneeded(delegation)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.exception("not_lapsed", id=str(delegation_id), error=type(error).__name__)
        else:
            done += 1
    return done


def close(delegation: Delegation, *, reason: str, actor: str, now: datetime) -> None:
    """End a delegation that is locked, in the caller's transaction.

    Raises:
        DelegationDecided: It has ended.
    """
    if delegation.state not in OPEN:
        raise DelegationDecided
    delegation.state = Delegation.State.ENDED
    delegation.born_on = None
    delegation.ended_at, delegation.end_reason = now, reason
    delegation.save()
    enter_for_person(
        user=delegation.principal,
        kind="delegation.ended",
        actor=actor,
        payload={**told(delegation), "reason": reason},
        now=now,
    )


def drop_unneeded(delegation: Delegation) -> None:
    """Destroy the document of a delegation that has ended and under which nothing was done."""
    if delegation.document_type and delegation.used_at is None:
        Delegation.objects.filter(id=delegation.id).update(document_type="")
        drop_document(delegation)


def drop_document(delegation: Delegation) -> None:
    """Destroy a document that no row speaks of any more."""
    # Before the key, by which alone the sweep finds what a crash leaves.
    vault.blobs.delete(blobs=[delegation.id], kind=Kind.DOCUMENT)
    vault.blobs.shred(blobs=[delegation.id], kind=Kind.DOCUMENT)


def _locked(delegation_id: uuid.UUID) -> Delegation:
    found = Delegation.objects.select_for_update(no_key=True).filter(id=delegation_id).first()
    if found is None:
        raise DelegationUnknown
    return found
