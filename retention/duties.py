"""What is due, late, held and stuck: what the officer has to see at a glance, and an auditor asks for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.models import Tenant
from retention.models import Artifact, Custody

LATE_AFTER = timedelta(seconds=10)
"""What the vault still has so long after its deadline is late: it goes within a second as a rule."""
ACKNOWLEDGED_WITHIN = timedelta(days=7)
SOON = timedelta(hours=1)


@dataclass(frozen=True)
class Standing:
    """How many things stand where."""

    living: int
    soon: int
    """Due within the hour."""
    due: int
    """Past the deadline, and not yet begun."""
    late: int
    """Of the vault's, for longer than it ever takes."""
    failed: int
    """Could not be destroyed, and is tried again."""
    held: int
    """Kept beyond its time by a legal hold."""
    restricted: int
    """Kept and not used, as the person said."""
    waiting: int
    """Asked of an app, which has not confirmed."""
    waiting_long: int
    """For longer than a week."""


def rows(name: str, *, now: datetime, tenant: Tenant | None = None) -> QuerySet[Artifact]:
    """Return the artifacts of one of the counts of `Standing`, by its name."""
    every = Artifact.objects.filter(app__tenant=tenant) if tenant else Artifact.objects.all()
    living = every.filter(state__in=Artifact.LIVING)
    past = living.filter(is_held=False, expires_at__lte=now)
    asked = every.filter(custody=Custody.APP, state=Artifact.State.ERASING)
    ours = every.filter(custody=Custody.VAULT, state__in=[Artifact.State.ERASING, Artifact.State.SHREDDED])
    found = {
        "living": living,
        "soon": living.filter(is_held=False, expires_at__gt=now, expires_at__lte=now + SOON),
        "due": past,
        "late": past.filter(custody=Custody.VAULT, expires_at__lte=now - LATE_AFTER)
        | ours.filter(expires_at__lte=now - LATE_AFTER),
        "failed": every.filter(state=Artifact.State.ERASE_FAILED),
        "held": every.filter(is_held=True, state=Artifact.State.RESTRICTED),
        "restricted": every.filter(is_held=False, state=Artifact.State.RESTRICTED),
        "waiting": asked,
        "waiting_long": asked.filter(erase_requested_at__lte=now - ACKNOWLEDGED_WITHIN),
    }
    return found[name]


def standing(*, now: datetime, tenant: Tenant | None = None) -> Standing:
    """Count everything."""
    names = Standing.__dataclass_fields__
    return Standing(**{name: rows(name, now=now, tenant=tenant).count() for name in names})
