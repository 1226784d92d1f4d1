"""What a policy would do to what lives: which deadlines it brings forward, and to when.

A policy reaches back only to shorten: no deadline that was set moves later. What the simulator shows is what `retention.change_policy` does,
for both ask the same expression.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, DateTimeField, ExpressionWrapper, F, Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Least

from accounts.models import App
from retention.models import Artifact, Policy
from retention.policy import EEA, Since

_ANCHORS: Final[dict[str, Any]] = {
    Since.RECORDED: F("recorded_at"),
    Since.PROCESSED: Least("processed_at", "session__closed_at", "session__expires_at"),
    Since.SESSION: Least("session__closed_at", "session__expires_at"),
    Since.INTERACTION: Coalesce("grant__binding__last_interaction_at", "grant__binding__bound_at"),
    Since.PURPOSE: Least("purpose_met_at", "grant__ended_at"),
}
"""From which moment a policy counts, as the rows know it; null while it is not known. The sweep's SQL says the same (`retention.follow`)."""

WITHIN: Final = (timedelta(0), timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""When what would go earlier is due, counted."""


@dataclass(frozen=True)
class Going:
    """What would go earlier, of one app and kind: how many, how many of them within each of `WITHIN`, and the first of their deadlines."""

    app: App
    kind: str
    count: int
    within: tuple[int, ...]
    first: datetime


@dataclass(frozen=True)
class Effect:
    """What a policy is about, and what of it would go earlier."""

    covered: int
    earlier: int
    at_once: int
    held: int
    """Of those that would go earlier, under a legal hold that was found: they stay."""
    going: list[Going]


def covered_by(policy: Policy) -> QuerySet[Artifact]:
    """Return what lives and a policy is about."""
    living = Artifact.objects.filter(state__in=Artifact.LIVING, kind=policy.kind)
    if policy.medium:
        living = living.filter(media__contains=[policy.medium])
    if policy.custody:
        living = living.filter(custody=policy.custody)
    if policy.purpose_id:
        living = living.filter(grant__purpose=policy.purpose_id)
    if policy.app_id:
        living = living.filter(app=policy.app_id)
    return living.filter(_lives_in(policy.residence)) if policy.residence else living


def brought_forward(policy: Policy) -> QuerySet[Artifact]:
    """Return what would have an earlier deadline, with it as `would_end`."""
    anchor = _ANCHORS[policy.since]
    would_end = ExpressionWrapper(anchor + Value(policy.ttl), output_field=DateTimeField())
    return covered_by(policy).annotate(would_end=would_end).filter(would_end__lt=F("expires_at"))


def effect(policy: Policy, *, now: datetime) -> Effect:
    """Say what this policy, stored or not, would delete, and when."""
    earlier = brought_forward(policy)
    counts = {f"within_{place}": Count("id", filter=Q(would_end__lte=now + span)) for place, span in enumerate(WITHIN)}
    found = earlier.values("app", "kind").annotate(count=Count("id"), first=Min("would_end"), **counts)
    rows: list[dict[str, Any]] = [dict(row) for row in found.order_by("-count")]
    apps = App.objects.in_bulk([row["app"] for row in rows])
    going = [
        Going(
            app=apps[row["app"]],
            kind=row["kind"],
            count=row["count"],
            within=tuple(row[name] for name in counts),
            first=max(row["first"], now),
        )
        for row in rows
    ]
    return Effect(
        covered=covered_by(policy).count(),
        earlier=sum(each.count for each in going),
        at_once=sum(each.within[0] for each in going),
        held=earlier.filter(is_held=True).count(),
        going=going,
    )


def batches(policy: Policy, *, size: int, since: datetime | None = None) -> Iterator[list[Any]]:
    """Yield the ids of what a policy is about, in their order; with `since`, only of what was recorded after it."""
    last = None
    while True:
        rest = covered_by(policy).order_by("id")
        rest = rest.filter(recorded_at__gt=since) if since else rest
        ids = list((rest.filter(id__gt=last) if last else rest).values_list("id", flat=True)[:size])
        if not ids:
            return
        yield ids
        last = ids[-1]


def _lives_in(region: str) -> Q:
    """Say of whom such a policy is, as `retention.policy.covers` does."""
    unsaid = Q(grant__jurisdiction="")
    if region == "EU":
        return unsaid | Q(grant__jurisdiction__regex=rf"^({'|'.join(sorted(EEA))})(-|$)")
    whole = Q(grant__jurisdiction=region.partition("-")[0])
    return unsaid | whole | Q(grant__jurisdiction=region) | Q(grant__jurisdiction__startswith=f"{region}-")
