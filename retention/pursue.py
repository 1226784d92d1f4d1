"""See every erasure through to its end, one step at a time; each step can be repeated, and a crash anywhere is resumed here.

States move by the pure `erasure_machine` on what the database says. When all is gone: (1) transaction: what the certificate needs is
collected and sealed, entry `erasure.completed`; (2) the keys destroyed, synced: no opening can be read any more; (3) transaction: the
openings' rows, the kept answers and the ties to the person deleted; (4) once a published checkpoint covers the entries, the certificate
signed. A week later our copy of it goes too. An erasure of one withdrawn consent leaves the tie, the keys and the records: (2) and (3) are
not for it, nor for ties under which something is kept on a legal hold. Where another erasure takes the tie meanwhile, that one waits with
(2) until this one has collected what its certificate needs, and this one waits no longer than that one for who does not answer.

Before that, what nobody asked for is opened (`retention.open_erasures`), and what nobody answered is given up or asked for again.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Case, Q, QuerySet, When

import vault.blobs
from hooks.wake import wake
from ledger.barrier import refuse_if_any_is_behind
from retention import certify, queries
from retention.ask_processors import overdue
from retention.decide_erasure import enter_about, enter_decision, keep, ties_kept
from retention.erasure_machine import CLOSED, UNDECIDED, State, path
from retention.identify_erasure import give_up
from retention.make_exports import drop_over
from retention.models import Artifact, Custody, Disclosure, Erasure
from retention.open_erasures import open_released, open_withdrawn
from retention.probe import unseen
from retention.queries import scope_of
from retention.remind import remind

log = structlog.get_logger(__name__)
BATCH = 200
PATIENCE = timedelta(hours=1)
"""How long an erasure waits for another with the keys of both; should that one fail, it ends without a certificate."""
_CUT = Q(scope=Erasure.Scope.CONSENT) | Q(keys_destroyed_at__isnull=False)
"""Nothing of it has to be made unreadable any more."""


def pursue(*, clock: Callable[[], datetime]) -> None:
    """Take every open erasure as far as it can go now; one that fails keeps no other waiting.

    Raises:
        ledger.errors.Behind: The database is older than what was published: its missing rows prove nothing.
    """
    refuse_if_any_is_behind()
    # The last: no certificate before the copy went that the person had made for themselves.
    for act in (open_withdrawn, open_released, give_up, overdue, drop_over):
        try:
            act(now=clock())
        except Exception as error:
            log.exception("erasures_not_opened", act=act.__name__, error=type(error).__name__)
    waiting = Case(When(state__in=[State.AWAITING_ACKS, State.ESCALATED], then=1), default=0)
    # Of a long list those that wait for apps come last, else at random, so that none stands in the way of the rest.
    over = Q(state=State.COMPLETED, certificate_until__isnull=False)  # without a certificate
    is_open = Erasure.objects.exclude(state__in=[*CLOSED, *UNDECIDED]).exclude(over & _CUT).order_by(waiting, "?")
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
    if erasure.state in CLOSED:
        return False
    if erasure.state == State.COMPLETED:
        if erasure.keys_destroyed_at is None and erasure.scope != Erasure.Scope.CONSENT:
            patient = erasure.completed_at is not None and clock() < erasure.completed_at + PATIENCE
            if patient and _within(erasure).exists():
                return False  # it needs the same keys, and comes to its end in this round or the next
            certify.shred(erasure_id=erasure_id, clock=clock)
            return True
        if erasure.certificate_until is None:
            certify.sign_off(erasure_id=erasure_id, now=clock())
        return False
    if erasure.state in {State.AWAITING_ACKS, State.ESCALATED}:
        remind(erasure_id=erasure_id, now=clock())
    if erasure.state == State.VERIFYING and not _is_out_of_time(erasure, now=clock()) and unseen(erasure):
        wake("retention.look")
        return False  # whether it is gone where they say so is being looked at
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
        before = {row for row in erasure.kept.values_list("artifact", flat=True) if row}
        kept = keep(erasure=erasure, among=[each.id for each in left if each.state in Artifact.LIVING], now=now)
        left = [artifact for artifact in left if artifact.id not in kept]
        if kept != before:
            enter_decision(erasure=erasure, now=now)
        asking = queries.disclosures_of(erasure).exclude(artifact__in=kept)
        state = path(
            State(erasure.state),
            ours_gone=not any(each.custody != Custody.APP or each.state in Artifact.LIVING for each in left)
            and not asking.filter(state=Disclosure.State.QUEUED).exclude(processor__endpoint="").exists(),
            theirs_gone=not left and not asking.exclude(state__in=Disclosure.ANSWERED).exists(),
            acks_overdue=now >= erasure.acks_due_at,
            out_of_time=_is_out_of_time(erasure, now=now),
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
            certify.complete(erasure=erasure, artifacts=[each for each in scope if each.id not in kept], now=now)
        erasure.save()
        if state == State.ESCALATED:
            silent = len(left) + asking.exclude(state__in=Disclosure.ANSWERED).count()
            payload = {"erasure": str(erasure.id), "unacknowledged": silent}
            enter_about(erasure, kind="erasure.escalated", payload=payload, now=now)
    return True


def _within(erasure: Erasure) -> QuerySet[Erasure]:
    """Return those of withdrawn consents under the same ties that have not collected yet what their certificates need."""
    going = erasure.bindings.exclude(id__in=ties_kept(erasure))
    return Erasure.objects.filter(scope=Erasure.Scope.CONSENT, bindings__in=going).exclude(
        state__in=[*CLOSED, State.COMPLETED]
    )


def _is_out_of_time(erasure: Erasure, *, now: datetime) -> bool:
    """Say whether nobody is waited for any more: its last day has come, or one that takes the tie itself is done."""
    if now >= erasure.due_at or erasure.scope != Erasure.Scope.CONSENT:
        return now >= erasure.due_at
    waits = Erasure.objects.defer("sealed").filter(state=State.COMPLETED, keys_destroyed_at=None)
    waits = waits.exclude(scope=Erasure.Scope.CONSENT).filter(bindings__in=erasure.bindings.all())
    return any(_within(each).filter(id=erasure.id).exists() for each in waits)


def _look_again(erasure: Erasure) -> None:
    """Look whether key or bytes of anything that is said to be gone are still there, and take such a thing out once more."""
    ours = scope_of(erasure).filter(custody=Custody.VAULT, state=Artifact.State.ERASED)
    found = vault.blobs.left(blobs=ours.values_list("id", flat=True))
    Artifact.objects.filter(id__in=found).update(state=Artifact.State.ERASING)
