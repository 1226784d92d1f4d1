"""What the verbs, the portal and the admin read of artifacts and erasures."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, Q, QuerySet

from accounts.models import App, User
from consent.machine import ERASING
from hooks.queries import deliveries_of
from retention.models import Artifact, Custody, Erasure, Kind, Policy
from retention.policy import Rule

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


def rules_for(*, kind: Kind, custody: Custody, purpose: str, app: uuid.UUID) -> list[Rule]:
    """Return the policies that apply."""
    policies = Policy.objects.filter(
        Q(app=app) | Q(app=None), Q(purpose=purpose) | Q(purpose=None), kind=kind, custody=custody
    )
    return [policy.rule() for policy in policies]


def artifacts_of(*, user: User) -> QuerySet[Artifact]:
    """Return the artifacts made of a person's voice, newest first, with what they were made from and what was made of them."""
    return (
        Artifact.objects.select_related("app", "grant__purpose")
        .prefetch_related("parents", "children")
        .filter(subject__user=user)
        .order_by("-recorded_at", "-id")
    )


def known(*, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of the ids are artifacts whose bytes may be there."""
    return set(Artifact.objects.filter(id__in=ids).exclude(_GONE).values_list("id", flat=True))


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
