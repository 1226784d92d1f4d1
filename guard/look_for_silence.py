"""Notice hosts that are not heard any more: who stops the agent is heard by its silence.

One transaction a host, under its lock: when it was noticed, and the alert. A host that was never heard alarms nobody: it is being set up.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from guard.beat import INTERVAL
from guard.notice import notice
from guard.queries import silent

PATIENCE: Final = 3 * INTERVAL
"""Two heartbeats may be lost."""


def look_for_silence(*, now: datetime, patience: timedelta = PATIENCE) -> int:
    """Raise the alarm for each host that has become silent; return how many."""
    found = 0
    for host_id in list(silent(before=now - patience).values_list("id", flat=True)):
        with transaction.atomic():
            still = silent(before=now - patience).select_for_update(of=("self",), no_key=True)
            host = still.select_related("tenant", "app").filter(id=host_id).first()
            if host is None or host.last_heartbeat_at is None:
                continue  # it was heard meanwhile
            host.silent_at = now
            host.save(update_fields=["silent_at"])
            notice(
                host=host,
                action="heartbeat.missing",
                at=now,
                now=now,
                consonant={"last_heard": host.last_heartbeat_at.isoformat(timespec="milliseconds")},
            )
            found += 1
    return found
