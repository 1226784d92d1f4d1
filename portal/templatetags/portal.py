"""The words of `portal.words`, for templates; and the public logs that every page's foot names."""

from datetime import datetime, timedelta

from django import template
from django.utils.safestring import SafeString

from consent.models import Grant
from consent.queries import Record
from ledger.models import Log
from ledger.queries import logs
from portal import words
from retention.models import Artifact

register = template.Library()


@register.filter
def purpose(slug: str) -> str:
    """Name a purpose."""
    return words.purpose(slug)


@register.filter
def operations(codes: list[str]) -> list[str]:
    """Say what operations do."""
    return words.operations(codes)


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
def seconds(milliseconds: float, places: int = 1) -> str:
    """Say milliseconds as seconds."""
    return words.seconds(milliseconds, places=places)


@register.filter
def standing(grant: Grant, now: datetime) -> words.Standing:
    """Say where a grant stands."""
    return words.standing(grant, now)


@register.filter
def keeping(artifact: Artifact, now: datetime) -> str:
    """Say whether a recording is still there."""
    return words.keeping(artifact, now)


@register.filter
def tell(record: Record) -> words.Told:
    """Tell an entry."""
    return words.tell(record)


@register.simple_tag
def public_logs() -> list[Log]:
    """Return the logs that anyone may read."""
    return logs()
