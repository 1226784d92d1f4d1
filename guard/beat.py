"""Take a host's heartbeat: it lives, and so do its monitors; tell it how it stands.

One transaction under the host's lock. A monitor that has stopped is noticed with each beat that says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from guard.errors import HostUnknown
from guard.models import Host
from guard.notice import notice

INTERVAL: Final = timedelta(seconds=15)
"""Between two heartbeats."""
_YEARS: Final = 1e8
"""Seconds, some three years."""


@dataclass(frozen=True)
class Standing:
    """How a host stands."""

    app_suspended: bool
    isolated: bool


def beat(*, host: Host, agent: str, status: Mapping[str, Any], sent_at: datetime, now: datetime) -> Standing:
    """Note the heartbeat, and by `sent_at`, the host's word for when, how far its clock is behind ours.

    `status`: `sequence`, `queued`, `watched`, `ports`, and `monitors`, each true, false or None.

    Raises:
        HostUnknown: It was removed meanwhile.
    """
    with transaction.atomic():
        found = Host.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "app")
        locked = found.filter(id=host.id, removed_at=None).first()
        if locked is None:
            raise HostUnknown
        locked.last_heartbeat_at, locked.silent_at = now, None
        locked.agent, locked.status = agent, {**status, "behind": _behind(sent_at, now)}
        locked.save(update_fields=["last_heartbeat_at", "silent_at", "agent", "status"])
        for monitor, works in sorted(status.get("monitors", {}).items()):
            if works is False:
                notice(host=locked, action="monitor.stopped", at=now, now=now, consonant={"monitor": monitor})
    return Standing(locked.app.suspended_at is not None, locked.isolated_at is not None)


def _behind(sent_at: datetime, now: datetime) -> float:
    """Return by how many seconds the host's clock is behind ours; a clock that is years off tells nothing."""
    seconds = (now - sent_at).total_seconds()
    return seconds if abs(seconds) < _YEARS else 0.0
