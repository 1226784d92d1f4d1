"""The record of processing activities (GDPR 30, PIPL 56), from the live configuration: nobody has to keep it, so it cannot be out of date."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.duration import duration_iso_string

from accounts.models import App, Tenant
from consent.models import Declaration, Notice
from retention.models import Policy, Processor


def ropa(*, tenant: Tenant, now: datetime) -> dict[str, Any]:
    """Return an organisation's record: an activity for each app and purpose that it declares."""
    declared = Declaration.objects.filter(app__tenant=tenant).select_related("app", "purpose")
    return {
        "at": now.isoformat(),
        "controller": {
            "name": tenant.name,
            "address": tenant.address,
            "contact": tenant.contact,
            "country": tenant.country,
        },
        "activities": [_activity(each) for each in declared.order_by("app__name", "purpose")],
        "security": {
            "keys": "Each artifact is sealed under a key of its own, outside the database, wrapped by key-encryption keys in epochs.",
            "erasure": "By destroying the key, synced, then the bytes; each step is an entry in a public, signed log.",
            "separation": "Voices and faces lie in stores of their own, under keys of their own.",
            "access": "Officers sign in with a second factor; each look at a person's record is an entry.",
            "log": f"{settings.LOG_ORIGIN}/{tenant.slug}",
        },
    }


def _activity(declared: Declaration) -> dict[str, Any]:
    app, purpose = declared.app, declared.purpose
    read = Notice.objects.filter(app=app, purpose=purpose, published_at__isnull=False)
    notices = read.order_by("locale", "-version").distinct("locale")
    bodies = {notice.locale: notice.body for notice in notices}
    assessments = purpose.assessments.order_by("-made_on")
    return {
        "app": {"id": str(app.id), "name": app.name, "website": app.website, "approved_at": _text(app.approved_at)},
        "purpose": {
            "slug": purpose.slug,
            "names": purpose.names,
            "use_class": purpose.use_class,
            "sensitive": purpose.is_sensitive,
        },
        "legal_basis": "consent: GDPR 6(1)(a) and 9(2)(a), PIPL 13(1)(1) and 29",
        "data_subjects": "people whose voice or face it is",
        "operations": declared.operations,
        "categories": sorted(_kinds(declared.operations)),
        "recipients": [_recipient(each) for each in _processors(app)]
        + [
            {"name": body["recipient_name"], "purpose": body.get("recipient_purpose", "")}
            for body in bodies.values()
            if purpose.provides and body.get("recipient_name")
        ],
        "transfers": sorted(
            {each.country for each in _processors(app) if each.country and each.country != app.tenant.country}
        ),
        "retention": [
            {
                "kind": policy.kind,
                "shows": policy.medium or None,
                "held_by": policy.custody or None,
                "lives_in": policy.residence or None,
                "counted_from": str(policy.since),
                "lives_at_most": duration_iso_string(policy.ttl),
                "source": policy.source or None,
            }
            for policy in _policies(declared)
        ],
        "notices": [
            {"locale": notice.locale, "version": notice.version, "sha256": notice.shown()["sha256"]}
            for notice in notices
        ],
        "assessments": [
            {
                "reference": each.reference,
                "made_on": each.made_on.isoformat(),
                "keep_until": each.keep_until.isoformat(),
            }
            for each in assessments
        ],
        "fallback": declared.fallback_url or None,
    }


_MADE = {"upload": ("upload", "transcript"), "embed": ("embedding", "features", "model"), "synthesize": ("synthesis",)}


def _kinds(operations: list[str]) -> set[str]:
    return {kind for operation in operations for kind in _MADE.get(operation, ())}


def _policies(declared: Declaration) -> list[Policy]:
    about = Policy.objects.filter(kind__in=_kinds(declared.operations))
    about = about.filter(Q(app=None) | Q(app=declared.app), Q(purpose=None) | Q(purpose=declared.purpose))
    return list(about.order_by("kind", "medium", "custody", "residence", "since"))


def _processors(app: App) -> list[Processor]:
    return list(Processor.objects.filter(app=app, ended_at=None).order_by("name"))


def _recipient(processor: Processor) -> dict[str, Any]:
    return {
        "name": processor.name,
        "service": processor.service,
        "country": processor.country,
        "contact": processor.contact,
        "agreement": processor.agreement,
        "keeps_for": duration_iso_string(processor.keeps_for),
    }


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
