"""What alerts about hosts are called, in the officer's language, and which are open now."""

from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.translation import get_language

from guard.correlation import Correlation
from guard.models import Alert, Level
from guard.pack import rule_of
from guard.sigma import Rule

MOST: Final = 5
"""Alerts that the first page shows."""
BAD: Final = (Level.CRITICAL, Level.HIGH)


@dataclass(frozen=True)
class Open:
    """An alert that somebody should look at."""

    alert: Alert
    title: str
    address: str


def open_alerts() -> tuple[list[Open], int]:
    """Return the newest of those that are bad and that nobody has undone or closed, and how many there are."""
    found = Alert.objects.filter(level__in=BAD, state__in=Alert.LIVING).select_related("host").order_by("-raised_at")
    shown = [
        Open(alert, title_of(alert.rule), reverse("admin:guard_alert_change", args=[alert.id]))
        for alert in found[:MOST]
    ]
    return shown, found.count()


def title_of(slug: str) -> str:
    """Return a rule's title in the officer's language; its short name where it is not there any more."""
    return _in_language(rule_of(slug), "title") or slug


def description_of(rule: Rule | Correlation | None) -> str:
    """Return what a rule says of itself, in the officer's language."""
    return _in_language(rule, "description")


def _in_language(rule: Rule | Correlation | None, name: str) -> str:
    if rule is None:
        return ""
    chinese = str(getattr(rule, f"{name}_zh")) if (get_language() or "").startswith("zh") else ""
    return chinese or str(getattr(rule, name))
