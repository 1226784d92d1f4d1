"""What the verbs, the portal and the admin read of artifacts and erasures."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet

from accounts.models import App, User
from consent.machine import ERASING
from consent.models import Delegation, Statement
from hooks.queries import deliveries_of
from ledger.prepared import run
from retention.lineage import Source
from retention.models import Artifact, Custody, Erasure, Policy
from vault.blobs import Kind as Stored

_NAMES = [field.attname for field in Policy._meta.concrete_fields]  # noqa: SLF001
_GONE = Q(state=Artifact.State.ERASED)


def due(*, now: datetime) -> QuerySet[Artifact]:
    """Return what must go, shortest deadline first.

    That is what is past its deadline, of a grant that was taken back, of a person who asked to be erased, or never stored and its
    session over.
    """
    session_over = Q(custody=Custody.NONE, session__closed_at__isnull=False)
    taken_back = Q(grant__state__in=ERASING) | Q(grant__binding__closed_at__isnull=False)
    return Artifact.objects.filter(
        Q(state=Artifact.State.ACTIVE) & (Q(expires_at__lte=now) | taken_back | session_over)
    ).order_by("expires_at")


def unfinished() -> QuerySet[Artifact]:
    """Return what is on its way out of the vault: its key or its bytes may still be there."""
    return Artifact.objects.filter(
        custody=Custody.VAULT, state__in=[Artifact.State.ERASING, Artifact.State.SHREDDED]
    ).order_by("?")


_POLICIES = f"SELECT {', '.join(_NAMES)} FROM retention_policy WHERE kind = ANY(%s) AND (app_id IS NULL OR app_id = %s)"  # noqa: S608


def policies_of(*, app: App, kinds: Collection[str]) -> list[Policy]:
    """Return the policies about such things that can apply to the app."""
    rows = run(_POLICIES, [[str(kind) for kind in kinds], app.id]).fetchall()
    return [Policy.from_db(connection.alias, _NAMES, row) for row in rows]


def sources(*, app: App, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Source]:
    """Return those of the app's artifacts as what something can be made from."""
    if not ids:
        return {}
    rows = Artifact.objects.filter(id__in=ids, app=app).values_list(
        "id",
        "subject_id",
        "session_id",
        "media",
        "standing",
        "grant__purpose__strength",
        "grant__state",
        "grant__binding__closed_at",
    )
    return {
        row[0]: Source(
            id=row[0],
            subject=row[1],
            session=row[2],
            media=frozenset(row[3]),
            strength=row[5],
            permitted=row[4] != Artifact.Standing.UNPERMITTED,
            taken_back=row[6] in ERASING or row[7] is not None,
        )
        for row in rows
    }


def artifacts_of(*, user: User) -> QuerySet[Artifact]:
    """Return the artifacts made of a person's voice, newest first, with what they were made from and what was made of them."""
    return (
        Artifact.objects.select_related("app", "grant__purpose")
        .prefetch_related("parents", "children")
        .filter(subject__user=user)
        .order_by("-recorded_at", "-id")
    )


def known(*, ids: Collection[uuid.UUID], kind: Stored = Stored.ARTIFACT) -> set[uuid.UUID]:
    """Return of which of the ids a row says that their bytes may be there."""
    match kind:
        case Stored.ARTIFACT:
            return set(Artifact.objects.filter(id__in=ids).exclude(_GONE).values_list("id", flat=True))
        case Stored.DOCUMENT:
            return set(Delegation.objects.filter(id__in=ids).exclude(document_type="").values_list("id", flat=True))
        case Stored.STATEMENT:
            spoken = Statement.objects.filter(recording__in=ids).values_list("recording", flat=True)
            return {recording for recording in spoken if recording}


def scope_of(erasure: Erasure) -> QuerySet[Artifact]:
    """Return the artifacts that an erasure takes."""
    return Artifact.objects.filter(grant__binding__in=erasure.bindings.all())


def erasures_of(*, user: User) -> QuerySet[Erasure]:
    """Return the erasures a person asked for or that were asked for them, newest first."""
    return (
        Erasure.objects.select_related("app", "subject__tenant")
        .defer("sealed")
        .filter(user=user)
        .order_by("-requested_at")
    )


@dataclass(frozen=True)
class Holder:
    """Who holds, or held, something that an erasure takes; times are of the last such thing."""

    app: App
    custody: str
    """`vault`: this service, for the app; `app`: the app itself; `none`: nobody."""
    total: int
    gone: int
    asked_at: datetime | None
    delivered_at: datetime | None
    """When the app took the word; None while it has not, or has no hook."""
    delivery_failed: bool
    """Every try has failed."""
    acknowledged_at: datetime | None
    """When all of it was gone; None before."""
    overdue: bool


def holders_of(erasure: Erasure) -> list[Holder]:
    """Return where each holder stands."""
    scope = scope_of(erasure)
    rows = (
        scope.values("app", "custody")
        .annotate(
            total=Count("id"), gone=Count("id", filter=_GONE), asked=Min("erase_requested_at"), last=Max("erased_at")
        )
        .order_by("custody", "app")
    )
    apps = App.objects.in_bulk([row["app"] for row in rows])
    asked = scope.exclude(erase_event=None).values_list("erase_event", "app")
    events = {event: app for event, app in asked if event is not None}
    sent = deliveries_of(events=events)
    holders = []
    for row in rows:
        mine = [
            delivery
            for event, found in sent.items()
            if events[event] == row["app"] and row["custody"] == Custody.APP
            for delivery in found
        ]
        times = [delivery.delivered_at for delivery in mine if delivery.delivered_at]
        done = row["gone"] == row["total"]
        holders.append(
            Holder(
                app=apps[row["app"]],
                custody=row["custody"],
                total=row["total"],
                gone=row["gone"],
                asked_at=row["asked"],
                delivered_at=max(times, default=None),
                delivery_failed=bool(mine) and all(delivery.state == "dead" for delivery in mine),
                acknowledged_at=row["last"] if done else None,
                overdue=not done and erasure.escalated_at is not None and row["custody"] == Custody.APP,
            )
        )
    return holders
