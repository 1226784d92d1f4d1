"""What hosts, rules and alerts there are, read for verbs and rooms."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, QuerySet

from guard import sigma
from guard.calls import Setting
from guard.models import Alert, Answer, Event, Host, Playbook, RuleState, Sighting
from guard.pack import pack, pack_without
from guard.playbooks import DEFAULTS, in_order
from retention.models import Place

TOLD_BEFORE: Final = timedelta(seconds=10)
"""So long before a file is closed its record may have come."""


@dataclass(frozen=True)
class Plan:
    """What is done about an alert, and by which playbook: a rule's own, or its level's."""

    key: str
    steps: list[str]
    enabled: bool


def turned_off() -> frozenset[str]:
    """Return the rules that an officer turned off."""
    return frozenset(RuleState.objects.filter(enabled=False).values_list("slug", flat=True))


def rules_in_force() -> sigma.Pack:
    """Return the rules that are on."""
    off = turned_off()
    return pack_without(off) if off else pack()


def setting_of(host: Host) -> Setting:
    """Return what the host's events are judged by beside what they say."""
    return Setting(ZoneInfo(host.timezone), host.profile, host.listens_only, settings.GUARD_PEERS)


def playbook_for(slug: str, level: str) -> Plan:
    """Return what is done about an alert of that rule and level."""
    rows = {row.key: row for row in Playbook.objects.filter(key__in=[slug, level])}
    row = rows.get(slug) or rows.get(level)
    if row is None:
        return Plan(level, in_order(DEFAULTS.get(level, ())), enabled=True)
    return Plan(row.key, in_order(tuple(row.steps)), row.enabled)


def silent(*, before: datetime) -> QuerySet[Host]:
    """Return hosts that were heard once, not since `before`, and whose silence nobody has noticed."""
    return Host.objects.filter(removed_at=None, silent_at=None, last_heartbeat_at__lt=before)


def recorded() -> QuerySet[Sighting]:
    """Return the files that wait for a record and have one: of when they were written, not of what lay there before."""
    known = Place.objects.filter(
        mark=OuterRef("place"), artifact__app=OuterRef("host__app"), told_at__gte=OuterRef("seen_at") - TOLD_BEFORE
    )
    return Sighting.objects.filter(Exists(known), state=Sighting.State.WAITING)


def unrecorded(*, now: datetime) -> QuerySet[Sighting]:
    """Return the files whose record should be there by now."""
    return Sighting.objects.filter(state=Sighting.State.WAITING, due_at__lte=now)


def places_told(*, app_id: uuid.UUID, marks: Collection[bytes]) -> dict[bytes, datetime]:
    """Return those of these places at which something recorded by the app lies, and when that was said last."""
    found = Place.objects.filter(mark__in=list(marks), artifact__app=app_id)
    told = found.values("mark").annotate(last=Max("told_at")).values_list("mark", "last")
    return {bytes(mark): last for mark, last in told}


def answers_left(*, now: datetime) -> QuerySet[Answer]:
    """Return what is still to be done, and may be now, in its order."""
    return Answer.objects.filter(state__in=Answer.OPEN, due_at__lte=now).order_by("due_at", "alert_id", "order")


def process_tree(alert: Alert, *, most: int = 40) -> list[Event]:
    """Return the events of the processes around an alert, as far as they are kept: its own, what began them, and what they began."""
    found = {event.id: event for event in Event.objects.filter(host=alert.host_id, id__in=alert.evidence)}
    names = {name for event in found.values() for name in (event.entity, event.parent) if name}
    asked: set[str] = set()
    while names - asked and len(found) < most:
        now, asked = names - asked, asked | names
        about = Event.objects.filter(host=alert.host_id, code="1")
        for event in [*about.filter(entity__in=now)[:most], *about.filter(parent__in=now)[:most]]:
            found[event.id] = event
            names |= {name for name in (event.entity, event.parent) if name}
    return sorted(found.values(), key=lambda event: (event.at, event.id))[:most]
