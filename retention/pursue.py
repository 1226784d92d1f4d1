"""See every erasure through to its end, one step at a time; each step can be repeated, and a crash anywhere is resumed here.

States move by the pure `erasure_machine` on what the database says. When all is gone: (1) transaction: what the certificate needs is
collected and sealed, entry `erasure.completed`; (2) the keys destroyed, synced: no opening can be read any more; (3) transaction: the
openings' rows, the kept answers and the ties to the person deleted; (4) once a published checkpoint covers the entries, the certificate
signed. A week later our copy of it goes too.
"""

import uuid
from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Case, When

import vault.blobs
from consent.enter import enter
from ledger.barrier import refuse_if_any_is_behind
from retention import certify
from retention.erasure_machine import State, path
from retention.models import Artifact, Custody, Erasure
from retention.queries import scope_of

log = structlog.get_logger(__name__)
BATCH = 200


def pursue(*, clock: Callable[[], datetime]) -> None:
    """Take every open erasure as far as it can go now; one that fails keeps no other waiting.

    Raises:
        ledger.errors.Behind: The database is older than what was published: its missing rows prove nothing.
    """
    refuse_if_any_is_behind()
    waiting = Case(When(state__in=[State.AWAITING_ACKS, State.ESCALATED], then=1), default=0)
    # Of a long list those that wait for apps come last, else at random, so that none stands in the way of the rest.
    is_open = Erasure.objects.exclude(state=State.CERTIFIED).order_by(waiting, "?")
    for erasure_id in is_open.values_list("id", flat=True)[:BATCH]:
        try:
            while _step(erasure_id, clock):
                pass
        except Exception as error:
            log.exception("erasure_not_advanced", erasure=str(erasure_id), error=type(error).__name__)
    certify.drop_old(now=clock())
    certify.drop_evidence(now=clock())


def _step(erasure_id: uuid.UUID, clock: Callable[[], datetime]) -> bool:
    """Take one step; say whether another may follow."""
    erasure = Erasure.objects.defer("sealed").get(id=erasure_id)
    if erasure.state == State.CERTIFIED:
        return False
    if erasure.state == State.COMPLETED:
        if erasure.keys_destroyed_at is None:
            certify.shred(erasure_id=erasure_id, clock=clock)
            return True
        certify.sign_off(erasure_id=erasure_id, now=clock())
        return False
    return _move(erasure_id, now=clock())


def _move(erasure_id: uuid.UUID, *, now: datetime) -> bool:
    with transaction.atomic():
        erasure = (
            Erasure.objects.select_related("subject__tenant")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(id=erasure_id)
            .first()
        )
        if erasure is None:
            return False  # another worker has it
        if erasure.state == State.VERIFYING:
            _look_again(erasure)
        # What is recorded from here on comes after what is completed here.
        scope = list(scope_of(erasure).select_for_update(of=("self",)).order_by("recorded_at", "id"))
        left = [artifact for artifact in scope if artifact.state != Artifact.State.ERASED]
        state = path(
            State(erasure.state),
            ours_gone=not any(each.custody != Custody.APP or each.state == Artifact.State.ACTIVE for each in left),
            theirs_gone=not left,
            acks_overdue=now >= erasure.acks_due_at,
            out_of_time=now >= erasure.due_at,
        )
        if state == erasure.state:
            return False
        erasure.state = state
        if state == State.FAILED:
            log.error("erasure_found_something_left", erasure=str(erasure_id))
        if state == State.ESCALATED:
            erasure.escalated_at = now
        if state == State.COMPLETED:
            erasure.completed_at = now
            certify.complete(erasure=erasure, artifacts=scope, now=now)
        erasure.save()
        if state == State.ESCALATED:
            enter(
                subject=erasure.subject,
                kind="erasure.escalated",
                actor="service",
                payload={"erasure": str(erasure.id), "unacknowledged": len(left)},
                now=now,
            )
    return True


def _look_again(erasure: Erasure) -> None:
    """Look whether key or bytes of anything are still there, and take such a thing out once more."""
    ours = scope_of(erasure).filter(custody=Custody.VAULT)
    found = vault.blobs.left(blobs=ours.values_list("id", flat=True))
    Artifact.objects.filter(id__in=found).update(state=Artifact.State.ERASING)
