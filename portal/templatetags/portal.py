"""The words of `portal.words`, for templates; and what every page's foot names: the public logs, and the last tour."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString

from accounts.models import App
from consent.models import Grant
from consent.queries import Record
from ledger.models import Log
from ledger.queries import logs
from portal import words
from portal.acting import acting
from portal.words import entries, tour

register = template.Library()


@register.filter
def purpose(slug: str) -> str:
    """Name a purpose."""
    return words.purpose(slug)


@register.filter
def operations(codes: list[str], scope: list[str]) -> list[str]:
    """Say what operations do with what a consent is about."""
    return words.operations(codes, scope)


@register.filter
def listed(items: list[str]) -> str:
    """Join items."""
    return words.listed(items)


@register.filter
def term(span: timedelta) -> str:
    """Say a length of time."""
    return words.term(span)


@register.filter
def moment(at: datetime) -> SafeString:
    """Say a time."""
    return words.moment(at)


@register.filter
def instant(at: datetime) -> SafeString:
    """Say a time to the second."""
    return words.moment(at, exact=True)


@register.filter
def leaf_time(at: datetime) -> str:
    """Write a time as an entry's leaf does."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


@register.filter
def seconds(milliseconds: float, places: int = 1) -> str:
    """Say milliseconds as seconds."""
    return words.seconds(milliseconds, places=places)


@register.filter
def standing(grant: Grant, now: datetime) -> words.Standing:
    """Say where a grant stands."""
    return words.standing(grant, now)


@register.filter
def names(apps: Iterable[App]) -> list[str]:
    """Name apps."""
    return [app.name for app in apps]


@register.filter
def tell(record: Record) -> entries.Told:
    """Tell an entry."""
    return entries.tell(record)


@register.simple_tag
def public_logs() -> list[Log]:
    """Return the logs that anyone may read."""
    return logs()


@register.simple_tag
def tour_is_taken() -> bool:
    """Say whether there is a tour to look at."""
    return tour.is_taken()


@register.inclusion_tag("portal/acting_banner.html", takes_context=True)
def acting_banner(context: Context) -> dict[str, Any]:
    """Say for whom the person acts, if they act for somebody."""
    request = context.get("request")
    if request is None or not hasattr(request, "session") or not hasattr(request, "user"):
        return {"by": None}  # a page of trouble may know none of them
    return {"by": acting(request)}
