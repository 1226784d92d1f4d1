"""The compliance audit of an organisation over a span of time (PIPL 54): what was configured, what happened, what is late. About no person.

What was said of somebody who was erased since can be counted no more: the log has the entries, and nobody can open them.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q

from accounts.models import App, Tenant
from consent.models import Assessment, Declaration
from hooks.models import Delivery
from ledger.models import Opening
from ledger.queries import last_checkpoint
from retention import duties
from retention.models import Artifact, Erasure, Hold
from retention.ropa import ropa
from retention.schedule import document


def audit(*, tenant: Tenant, since: datetime, now: datetime) -> dict[str, Any]:
    """Return what an auditor asks for first."""
    head = last_checkpoint(origin=tenant.origin)
    entries = Opening.objects.filter(log=tenant.origin, at__gte=since, at__lte=now)
    standing = duties.standing(now=now, tenant=tenant)
    return {
        "at": now.isoformat(),
        "since": since.isoformat(),
        "log": {
            "origin": tenant.origin,
            "size": head.size if head else 0,
            "root": bytes(head.root).hex() if head else None,
        },
        "entries_that_can_be_opened": dict(entries.values_list("kind").annotate(Count("ref")).order_by("kind")),
        "artifacts": {
            "by_state": _counts(Artifact.objects.filter(app__tenant=tenant), "state"),
            "by_level": _counts(Artifact.objects.filter(app__tenant=tenant).exclude(state="erased"), "level"),
            "unpermitted": Artifact.objects.filter(
                app__tenant=tenant, standing=Artifact.Standing.UNPERMITTED, recorded_at__gte=since
            ).count(),
        },
        "duties": {
            name: getattr(standing, name) for name in ("due", "late", "failed", "held", "waiting", "waiting_long")
        },
        "erasures": _erasures(tenant, since=since, now=now),
        "holds": [
            {
                "hold": str(hold.id),
                "ground": hold.ground,
                "reference": hold.reference,
                "about": [name for name in ("subject", "app", "artifact") if getattr(hold, f"{name}_id")],
                "placed_at": hold.placed_at.isoformat(),
                "released_at": _text(hold.released_at),
            }
            for hold in Hold.objects.filter(tenant=tenant).filter(Q(released_at=None) | Q(released_at__gte=since))
        ],
        "assessments": [
            {
                "purpose": each.purpose_id,
                "reference": each.reference,
                "made_on": each.made_on.isoformat(),
                "keep_until": each.keep_until.isoformat(),
            }
            for each in Assessment.objects.filter(purpose__in=_purposes(tenant)).order_by("purpose", "-made_on")
        ],
        "unassessed": sorted(_sensitive(tenant) - _assessed(now)),
        "apps": [
            {
                "id": str(app.id),
                "name": app.name,
                "approved_at": _text(app.approved_at),
                "suspended_at": _text(app.suspended_at),
                "undelivered": Delivery.objects.filter(subscription__app=app, state="dead").count(),
            }
            for app in App.objects.filter(tenant=tenant).order_by("name")
        ],
        "schedule": document(now=now),
        "record_of_processing": ropa(tenant=tenant, now=now),
    }


def _erasures(tenant: Tenant, *, since: datetime, now: datetime) -> dict[str, Any]:
    asked = Erasure.objects.filter(subject__tenant=tenant, requested_at__gte=since)
    times = asked.values_list("requested_at", "completed_at")
    done = [(completed - requested).total_seconds() for requested, completed in times if completed]
    return {
        "asked": asked.count(),
        "by_state": _counts(asked, "state"),
        "overdue": Erasure.objects.filter(subject__tenant=tenant, completed_at=None, due_at__lt=now)
        .exclude(state__in=["refused", "cancelled"])
        .count(),
        "longest": str(timedelta(seconds=max(done))) if done else None,
    }


def _purposes(tenant: Tenant) -> list[str]:
    return sorted(Declaration.objects.filter(app__tenant=tenant).values_list("purpose", flat=True).distinct())


def _sensitive(tenant: Tenant) -> set[str]:
    declared = Declaration.objects.filter(app__tenant=tenant, purpose__is_sensitive=True)
    return set(declared.values_list("purpose", flat=True))


def _assessed(now: datetime) -> set[str]:
    return set(Assessment.objects.filter(keep_until__gt=now.date()).values_list("purpose", flat=True))


def _counts(rows: Any, name: str) -> dict[str, int]:
    return dict(rows.values_list(name).annotate(Count("id")).order_by(name))


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
