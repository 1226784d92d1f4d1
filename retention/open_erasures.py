"""Open erasures that nobody asked for: on a withdrawal, and when a legal hold is released (GDPR 17(1)(b), PIPL 47).

Consent knows nothing of retention, so this looks down: a consent that was taken back and had let something in opens an erasure of its own
scope, which follows each thing to its end and certifies it; the tie to the app stays. What an earlier erasure kept on a hold
goes once no hold is on it. Each is a transaction of its own, and a crash leaves the rest to the next round.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from consent.machine import State as Consent
from consent.models import Binding, Grant, Subject
from retention.decide_erasure import decide, enter_decision, holds_something
from retention.erasure_machine import CLOSED, Event, State, move
from retention.models import Artifact, Erasure, Kept
from retention.queries import holds_on
from retention.request_erasure import enter_request, new_erasure

log = structlog.get_logger(__name__)
BATCH = 200
LOOKED_BACK = timedelta(days=2)
"""How old a withdrawal is looked for each second; an older one, after a long outage, is found by `retention.mend`."""
LONG_AGO = timedelta(days=30)
_TAKEN_BACK = (Consent.WITHDRAWN, Consent.REVOKED, Consent.INVALIDATED)


def open_withdrawn(*, now: datetime, back: timedelta = LOOKED_BACK) -> int:
    """Open an erasure for each consent that was taken back and had let something in, a batch; return how many."""
    opened, since = 0, now - back
    for grant_id in list(_unopened(since=since).values_list("id", flat=True)[:BATCH]):
        try:
            opened += _open_one(grant_id, since=since, now=now)
        except Exception as error:
            log.exception("erasure_not_opened", grant=str(grant_id), error=type(error).__name__)
    return opened


def _open_one(grant_id: uuid.UUID, *, since: datetime, now: datetime) -> bool:
    with transaction.atomic():
        grant = (
            _unopened(since=since)
            .select_related("app", "binding", "subject__tenant", "subject__user")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(id=grant_id)
            .first()
        )
        if grant is None:
            return False
        _open(subject=grant.subject, ties=[grant.binding], grants=[grant], by="withdrawal", now=now)
    return True


def _unopened(*, since: datetime) -> QuerySet[Grant]:
    meanwhile = Q(erased_at=None) | Q(erased_at__gte=F("grant__ended_at"))
    let_in = Artifact.objects.filter(meanwhile, grant=OuterRef("pk"))
    return Grant.objects.filter(
        Exists(let_in),
        state__in=_TAKEN_BACK,
        ended_at__gte=since,
        binding__closed_at=None,
        erasures=None,
    ).order_by("ended_at")


def open_released(*, now: datetime) -> int:
    """Open an erasure of what was kept on a hold and is held no more; return how many."""
    kept = Kept.objects.filter(until=None, erasure__state__in=CLOSED).exclude(artifact=None)
    opened = 0
    for erasure_id in list(kept.order_by("erasure").values_list("erasure", flat=True).distinct()[:BATCH]):
        try:
            opened += _release_one(erasure_id, kept, now=now)
        except Exception as error:
            log.exception("erasure_not_opened", erasure=str(erasure_id), error=type(error).__name__)
    return opened


def _release_one(erasure_id: uuid.UUID, kept: QuerySet[Kept], *, now: datetime) -> int:
    with transaction.atomic():
        before = Erasure.objects.select_for_update(of=("self",), skip_locked=True).filter(id=erasure_id).first()
        things = {each for each in kept.filter(erasure=erasure_id).values_list("artifact", flat=True) if each}
        if before is None or not things or holds_on(things):
            return 0
        kept.filter(erasure=before).update(until=now)
        return _again(before, things, now=now)


def _again(before: Erasure, things: Iterable[uuid.UUID], *, now: datetime) -> int:
    grants = list(Grant.objects.filter(artifacts__in=list(things)).distinct().select_related("binding"))
    ties = {grant.binding_id: grant.binding for grant in grants if grant.binding.reference is not None}
    if not ties:
        return 0  # forgotten by another erasure since
    subjects = Subject.objects.select_related("tenant", "user").filter(bindings__in=list(ties)).distinct()
    for subject in subjects:
        own = [tie for tie in ties.values() if tie.subject_id == subject.id]
        consent = [grant for grant in grants if before.scope == Erasure.Scope.CONSENT and grant.binding in own]
        _open(subject=subject, ties=own, grants=consent, by="release", now=now)
    return len(subjects)


def _open(*, subject: Subject, ties: list[Binding], grants: list[Grant], by: str, now: datetime) -> Erasure:
    app = ties[0].app if len({tie.app_id for tie in ties}) == 1 else None
    scope = Erasure.Scope.CONSENT if grants else Erasure.Scope.APP if app else Erasure.Scope.EVERYTHING
    erasure = new_erasure(subject=subject, app=app, scope=scope, actor="service", now=now)
    erasure.state = move(State.RECEIVED, Event.STRONG_SESSION)
    erasure.identified_at, erasure.identified_by = now, by
    erasure.save()
    erasure.grants.set(grants)
    decide(erasure=erasure, actor="service", ties=ties, now=now)
    enter_request(erasure=erasure, actor="service", apps={tie.app_id for tie in ties}, now=now)
    if holds_something(erasure):
        enter_decision(erasure=erasure, now=now)
    return erasure
