"""Decide an erasure: what goes, and what stays on which ground. Then let it begin.

In the caller's transaction: the ties closed and every grant under them withdrawn, always; a living legal hold keeps what it is on (GDPR 17(3)),
each thing is listed with its ground; where all is held nothing is erased yet, and the person is told so. The sweep never takes what is held.
What a hold kept goes when the hold goes: `retention.open_erasures` opens an erasure of its own for it.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, OuterRef

from consent.enter import enter, enter_for_tenant
from consent.models import Binding, Grant, Statement, Subject
from consent.release import release
from hooks.wake import wake
from keyring.errors import KeyGone
from retention.ask_holder import ACKNOWLEDGE_WITHIN
from retention.erase import make_due
from retention.erasure_machine import Event, State, move
from retention.grounds import Ground, ground_of
from retention.models import Artifact, Erasure, Kept
from retention.queries import holds_on, scope_of, taken_along

TAKEN_OVER: Final = "taken_over"
"""Why a request that waited is closed: another erasure has taken all of it."""


def decide(
    *,
    erasure: Erasure,
    actor: str,
    now: datetime,
    reference: bytes | None = None,
    ties: Collection[Binding] | None = None,
) -> bool:
    """Decide on a locked erasure that is `verified`: withdraw, list what is kept, and move it on; say whether there was anything to do.

    `reference`: of the app's user, where the app asked about one of them. Without an open tie nothing is changed: there is nothing to erase.
    `ties`: those it is about, where they are closed already or stay open. What was decided is entered by the caller, after what led to it.
    """
    if ties is None:
        ties = release(subject=erasure.subject, app=erasure.app, reference=reference, actor=actor, now=now)
    if not ties:
        return False
    erasure.bindings.set(ties)
    erasure.state = move(erasure.state, Event.TRIAGE)
    living = {artifact.id: artifact for artifact in scope_of(erasure).exclude(state=Artifact.State.ERASED)}
    standing = [each.id for each in living.values() if each.state in Artifact.LIVING]
    kept = keep(erasure=erasure, among=standing, now=now)
    event = Event.NOTHING_KEPT if not kept else Event.ALL_KEPT if kept == living.keys() else Event.SOME_KEPT
    erasure.state = move(erasure.state, event)
    erasure.decided_at = now
    if erasure.state == State.REFUSED:
        erasure.refusal, erasure.closed_at = "all_kept", now
    else:
        erasure.acks_due_at = now + ACKNOWLEDGE_WITHIN
        _keep_proof(erasure, now=now)
    erasure.save()
    _take_over(erasure, now=now)
    take_along(living.keys() - kept, now=now)
    wake("retention.sweep")
    wake("retention.pursue")
    return True


def _take_over(erasure: Erasure, *, now: datetime) -> None:
    """Close what still waited to know who asked, and of which nothing is left that this one has not taken."""
    waiting = Erasure.objects.select_related("subject__tenant").select_for_update(of=("self",))
    open_ties = Binding.objects.filter(closed_at=None, erasures=OuterRef("pk"))
    mine = waiting.filter(subject=erasure.subject_id, state=State.IDENTITY_PENDING).exclude(id=erasure.id)
    for each in mine.filter(~Exists(open_ties)).order_by("id"):
        each.state, each.refusal, each.closed_at = move(each.state, Event.CANCEL), TAKEN_OVER, now
        each.save()
        payload = {"erasure": str(each.id), "taken_over_by": str(erasure.id)}
        enter_about(each, kind="erasure.cancelled", payload=payload, now=now)


def keep(*, erasure: Erasure, among: Iterable[uuid.UUID], now: datetime) -> set[uuid.UUID]:
    """List what of these things a living hold keeps, with the ground of each; return which. What is held no more is listed no more.

    The records of such a thing are kept with it: without them nobody could say any more what it is.
    """
    among = set(among)
    held = holds_on(among) if among else {}
    gone = erasure.kept.exclude(artifact=None).exclude(artifact__in=held)
    gone.delete()
    rows = [
        Kept(erasure=erasure, artifact_id=artifact, ground=ground_of(holds[0].ground), decided_at=now)
        for artifact, holds in held.items()
    ]
    if rows:
        rows.append(Kept(erasure=erasure, what="records", ground=rows[0].ground, decided_at=now))
    elif erasure.scope != Erasure.Scope.CONSENT:
        erasure.kept.filter(what="records").delete()
    Kept.objects.bulk_create(rows, ignore_conflicts=True)
    return set(held)


def _keep_proof(erasure: Erasure, *, now: datetime) -> None:
    """List what every erasure leaves for its time: what proves the consent and this erasure; of one consent, also what the records say."""
    grants = Grant.objects.filter(binding__in=erasure.bindings.all())
    if erasure.scope == Erasure.Scope.CONSENT:
        grants = erasure.grants.all()
    spoken = Statement.objects.filter(grant__in=grants, recording__isnull=False).exists()
    acted = grants.exclude(delegation=None).exists()
    whats = {
        "consent_proof": (Ground.LEGAL_CLAIMS, True),
        "spoken_consent": (Ground.LEGAL_CLAIMS, spoken),
        "delegate_document": (Ground.LEGAL_CLAIMS, acted),
        "records": (Ground.LEGAL_OBLIGATION, erasure.scope == Erasure.Scope.CONSENT),
    }
    Kept.objects.bulk_create(
        [
            Kept(erasure=erasure, what=what, ground=ground, decided_at=now)
            for what, (ground, there) in whats.items()
            if there
        ],
        ignore_conflicts=True,
    )


def take_along(ids: Collection[uuid.UUID], *, now: datetime) -> None:
    """Make due what was derived from these things and goes with them, wherever it lies."""
    along = taken_along(ids) - set(ids)
    free = Artifact.objects.filter(id__in=along, state__in=Artifact.LIVING)
    make_due(list(free.select_for_update(of=("self",)).order_by("id").values_list("id", flat=True)), now=now)


def enter_decision(*, erasure: Erasure, now: datetime) -> uuid.UUID:
    """Enter what was decided, item by item: what is kept and on which ground."""
    payload = {"erasure": str(erasure.id), "outcome": _outcome(erasure), "kept": kept_of(erasure)}
    return enter_about(erasure, kind="erasure.decided", payload=payload, now=now)


def enter_about(erasure: Erasure, *, kind: str, payload: Mapping[str, Any], now: datetime) -> uuid.UUID:
    """Enter what the service did about an erasure; about nobody, where whom it was about has been forgotten meanwhile."""
    try:
        return enter(subject=erasure.subject, kind=kind, actor="service", payload=payload, now=now)
    except KeyGone:
        if Subject.objects.filter(id=erasure.subject_id, retired_at=None).exists():
            raise
        tenant = erasure.subject.tenant
        return enter_for_tenant(tenant=tenant, kind=kind, actor="service", payload=payload, now=now)


def kept_of(erasure: Erasure) -> list[dict[str, Any]]:
    """Return what is kept and why, as entries and certificates say it."""
    rows = erasure.kept.order_by("what", "artifact_id")
    return [
        {
            "what": row.what,
            "artifact": str(row.artifact_id) if row.artifact_id else None,
            "ground": Ground(row.ground).cited,
        }
        for row in rows
    ]


def holds_something(erasure: Erasure) -> bool:
    """Say whether something that it was asked to take is kept."""
    return erasure.kept.exclude(artifact=None).exists()


def _outcome(erasure: Erasure) -> str:
    if erasure.state == State.REFUSED:
        return "refused"
    return "partially_approved" if holds_something(erasure) else "approved"


def ties_kept(erasure: Erasure) -> set[int]:
    """Return the ties whose records must stay readable, because something under them is held."""
    held = erasure.kept.exclude(artifact=None).values("artifact__grant__binding")
    return set(Binding.objects.filter(id__in=held).values_list("id", flat=True))
