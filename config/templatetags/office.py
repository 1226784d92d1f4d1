"""What the officer's pages say in their own way."""

from datetime import datetime

from django import template
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

register = template.Library()
SECONDS_UP_TO = 120


@register.filter
def span(since: datetime, now: datetime) -> str:
    """Say how long it is since then: in seconds while seconds count, then as everywhere."""
    seconds = max(0, int((now - since).total_seconds()))
    return _("%(seconds)d s") % {"seconds": seconds} if seconds < SECONDS_UP_TO else timesince(since, now)


@register.filter
def lines(items: list[str]) -> str:
    """Put each on a line of its own."""
    return "\n".join(items)
