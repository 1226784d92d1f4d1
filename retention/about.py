"""All that is known of a person, as values that JSON can hold, section by section (GDPR 15(1) and 20, PIPL 45).

Each section is an iterator, so that a long life is never in memory whole.
"""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.duration import duration_iso_string

from accounts.models import User
from consent.models import Delegation, Grant, Notice, Purpose
from consent.queries import grants_of, records_of
from retention.models import Artifact, Custody, Kind, Policy
from retention.queries import artifacts_of, erasures_of, holders_of, recipients_known

BATCH = 200
Section = Iterator[dict[str, Any]]


def person(user: User) -> dict[str, Any]:
    """Return what the account holds."""
    fresh = User.objects.get(id=user.id)
    return {
        "id": fresh.id,
        "email": fresh.email,
        "joined": fresh.date_joined,
        "residence": fresh.residence,
        "is_adult": fresh.is_adult,
        "born_on": fresh.born_on,
        "relatives_may_act": fresh.relatives_may_act,
    }


def sections(user: User, *, files: Mapping[uuid.UUID, str]) -> dict[str, Section]:
    """Return the sections by name. `files` names the file of an artifact, a statement, a grant's receipt or a delegation's document."""
    return {
        "grants": _grants(user, files),
        "notices": _notices(user),
        "purposes": _purposes(user),
        "artifacts": _artifacts(user, files),
        "holders": _holders(user),
        "recipients": _recipients(user),
        "periods": _periods(user),
        "erasures": _erasures(user),
        "delegations": _delegations(user, files),
        "records": _records(user),
    }


def _grants(user: User, files: Mapping[uuid.UUID, str]) -> Section:
    grants = grants_of(user=user).select_related("app__tenant", "notice").prefetch_related("sessions", "statements")
    for grant in grants.iterator(chunk_size=BATCH):
        yield {
            "id": grant.id,
            "app": {"id": grant.app_id, "name": grant.app.name, "website": grant.app.website},
            "controller": {
                "name": grant.app.tenant.name,
                "address": grant.app.tenant.address,
                "contact": grant.app.tenant.contact,
                "country": grant.app.tenant.country,
            },
            "purpose": grant.purpose_id,
            "operations": grant.operations,
            "scope": grant.scope,
            "state": grant.state,
            "given_by": grant.actor,
            "delegation": grant.delegation_id,
            "jurisdiction": grant.jurisdiction,
            "notice": grant.notice_id,
            "notice_sha256": grant.notice.shown()["sha256"],
            "screen_sha256": grant.screen_id,
            "valid_from": grant.valid_from,
            "valid_until": grant.valid_until,
            "uses_left": grant.uses_left,
            "ended_at": grant.ended_at,
            "end_reason": grant.end_reason,
            "receipt": files.get(grant.id),
            "sessions": [
                {
                    "id": session.id,
                    "operations": session.operations,
                    "opened_at": session.opened_at,
                    "expires_at": session.expires_at,
                    "closed_at": session.closed_at,
                }
                for session in grant.sessions.all()
            ],
            "statements": [
                {
                    "id": said.id,
                    "locale": said.locale,
                    "phrase": said.phrase,
                    "spoken_at": said.spoken_at,
                    "speech": said.speech,
                    "speaker": said.speaker,
                    "file": files.get(said.id),
                }
                for said in grant.statements.all()
            ],
        }


def _notices(user: User) -> Section:
    read = Notice.objects.filter(id__in=Grant.objects.filter(subject__user=user).values("notice"))
    for notice in read.order_by("id").iterator(chunk_size=BATCH):
        yield {**notice.shown(), "app": notice.app_id, "purpose": notice.purpose_id, "body": notice.body}


def _purposes(user: User) -> Section:
    mine = Grant.objects.filter(subject__user=user).values("purpose")
    for purpose in Purpose.objects.filter(slug__in=mine).order_by("slug"):
        yield {
            "slug": purpose.slug,
            "names": purpose.names,
            "use_class": purpose.use_class,
            "is_sensitive": purpose.is_sensitive,
        }


def _artifacts(user: User, files: Mapping[uuid.UUID, str]) -> Section:
    for artifact in artifacts_of(user=user).iterator(chunk_size=BATCH):
        yield {
            "id": artifact.id,
            "kind": artifact.kind,
            "source": "collected_by_app" if artifact.kind == Kind.UPLOAD else "made_by_app",
            "custody": artifact.custody,
            "state": artifact.state,
            "standing": artifact.standing,
            "app": artifact.app_id,
            "grant": artifact.grant_id,
            "session": artifact.session_id,
            "derived_from": [parent.pk for parent in artifact.parents.all()],
            "recorded_at": artifact.recorded_at,
            "expires_at": artifact.expires_at,
            "key_destroyed_at": artifact.key_destroyed_at,
            "erased_at": artifact.erased_at,
            "duration_ms": artifact.duration_ms,
            "sample_rate": artifact.sample_rate,
            "dimensions": artifact.dimensions,
            "marking": artifact.marking,
            "audible_label": artifact.audible_label,
            "file": files.get(artifact.id),
        }


def _holders(user: User) -> Section:
    """Who has something that was made of the person: this service for an app, or the app itself."""
    living = Artifact.objects.filter(subject__user=user).exclude(state=Artifact.State.ERASED)
    held = living.exclude(custody=Custody.NONE).values_list("app", "app__name", "app__tenant__name", "custody")
    for app, name, controller, custody in held.order_by("app", "custody").distinct():
        yield {"app": app, "name": name, "controller": controller, "custody": custody}


def _recipients(user: User) -> Section:
    """To whom else something was passed on, on what basis, and what became of it there."""
    for row in recipients_known(user=user).iterator(chunk_size=BATCH):
        yield {
            "artifact": row.artifact_id,
            "recipient": row.processor.name,
            "app": row.processor.app_id,
            "basis": row.basis,
            "reference": row.reference,
            "disclosed_at": row.disclosed_at,
            "state": row.state,
            "deleted_at": row.deleted_at,
        }


def _periods(user: User) -> Section:
    """How long things may be kept: the rules that can apply; the shortest holds, and no life outlasts its consent. None: whatever it is."""
    mine = Grant.objects.filter(subject__user=user)
    rules = Policy.objects.filter(Q(app=None) | Q(app__in=mine.values("app")))
    rules = rules.filter(Q(purpose=None) | Q(purpose__in=mine.values("purpose")))
    for rule in rules.order_by("kind", "custody", "id"):
        yield {
            "kind": rule.kind,
            "custody": rule.custody,
            "purpose": rule.purpose_id,
            "app": rule.app_id,
            "shows": rule.medium or None,
            "lives_in": rule.residence or None,
            "counted_from": rule.since,
            "at_most": rule.ttl,
            "source": rule.source or None,
        }


def _erasures(user: User) -> Section:
    for erasure in erasures_of(user=user):
        yield {
            "id": erasure.id,
            "app": erasure.app_id,
            "asked_by": erasure.asked_by.partition(":")[0],
            "scope": erasure.scope,
            "state": erasure.state,
            "requested_at": erasure.requested_at,
            "due_at": erasure.due_at,
            "extended_at": erasure.extended_at,
            "extension_reason": erasure.extension_reason,
            "kept": [
                {"what": row.what, "artifact": row.artifact_id, "ground": row.get_ground_display(), "until": row.until}
                for row in erasure.kept.order_by("what", "artifact_id")
            ],
            "completed_at": erasure.completed_at,
            "certified_at": erasure.certified_at,
            "told": [
                {
                    "app": holder.app.id,
                    "name": holder.app.name,
                    "custody": holder.custody,
                    "total": holder.total,
                    "gone": holder.gone,
                    "asked_at": holder.asked_at,
                    "delivered_at": holder.delivered_at,
                    "acknowledged_at": holder.acknowledged_at,
                }
                for holder in holders_of(erasure)
            ],
        }


def _delegations(user: User, files: Mapping[uuid.UUID, str]) -> Section:
    both = Delegation.objects.select_related("delegate").filter(Q(principal=user) | Q(delegate=user))
    for delegation in both.order_by("requested_at"):
        mine = delegation.delegate_id == user.id
        yield {
            "id": delegation.id,
            "relationship": delegation.relationship,
            # How a delegate calls a person is the delegate's, and who acts for a person is the person's to know.
            **({"you_act_for": delegation.label} if mine else {"acts_for_you": delegation.delegate.email}),
            "state": delegation.state,
            "requested_at": delegation.requested_at,
            "agreed_at": delegation.agreed_at,
            "decided_at": delegation.decided_at,
            "valid_until": delegation.valid_until,
            "ended_at": delegation.ended_at,
            "end_reason": delegation.end_reason,
            "document_type": delegation.document_type,
            "document": files.get(delegation.id),
        }


def papers_of(user: User) -> list[tuple[uuid.UUID, bool]]:
    """Return the delegations whose documents are of the person: handed in by them, or by which somebody may, or might, act for them.

    Of each also whether it is restricted: what an erasure left is kept for a case at law alone. What was not approved shows nothing of
    the person.
    """
    theirs = Q(delegate=user) | Q(principal=user, decided_at__isnull=False)
    kept = Delegation.objects.filter(theirs).exclude(document_type="").order_by("id")
    return [(delegation, until is not None) for delegation, until in kept.values_list("id", "evidence_until")]


def _records(user: User) -> Section:
    """The entries about the person, newest first, each with the opening that proves what its leaf says."""
    before: datetime | None = None
    while page := records_of(user=user, limit=BATCH, before=before):
        for record in page:
            yield {
                "ref": record.ref,
                "log": record.origin,
                "index": record.index,
                "at": record.at,
                "kind": record.kind,
                "payload": record.payload,
                "opening": {"payload_salt": record.salt, "payload": record.sealed_text},
            }
        before = page[-1].at


def plain(value: object) -> str:
    """Return a value that JSON does not know, as a text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return duration_iso_string(value) if isinstance(value, timedelta) else str(value)
