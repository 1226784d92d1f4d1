"""What the verbs, the portal and the admin read of artifacts."""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.models import App, User
from consent.machine import ERASING
from retention.models import Artifact, Kind, Policy
from retention.policy import Rule


def due(*, now: datetime) -> QuerySet[Artifact]:
    """Return what must go: past its deadline, or of a grant that was taken back; shortest deadline first."""
    return Artifact.objects.filter(
        Q(state=Artifact.State.ACTIVE) & (Q(expires_at__lte=now) | Q(grant__state__in=ERASING))
    ).order_by("expires_at")


def unfinished() -> QuerySet[Artifact]:
    """Return what is on its way out: its key or its bytes may still be there."""
    return Artifact.objects.filter(state__in=[Artifact.State.ERASING, Artifact.State.SHREDDED]).order_by("?")


def rules_for(*, kind: Kind, app: App) -> list[Rule]:
    """Return the policies that apply."""
    return [policy.rule() for policy in Policy.objects.filter(Q(app=app) | Q(app=None), kind=kind)]


def artifacts_of(*, user: User) -> QuerySet[Artifact]:
    """Return the artifacts made of a person's voice, newest first."""
    return Artifact.objects.select_related("app", "grant__purpose").filter(subject__user=user).order_by("-recorded_at")


def known(*, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of the ids are artifacts whose bytes may be there."""
    return set(Artifact.objects.filter(id__in=ids).exclude(state=Artifact.State.ERASED).values_list("id", flat=True))
