"""Take a host out: its agent's tokens end at once, and its silence alarms nobody. What it reported goes with its time; its alerts stay.

One transaction: the row and the entry `host.removed`.
"""

import uuid
from datetime import datetime

from django.db import transaction

from consent.enter import enter_for_tenant
from guard.errors import HostUnknown
from guard.models import Host, Sighting


def remove_host(*, host_id: uuid.UUID, actor: str, now: datetime) -> Host:
    """Remove it; removing a removed host changes nothing.

    Raises:
        HostUnknown: There is no such host.
    """
    with transaction.atomic():
        host = Host.objects.select_for_update(of=("self",)).select_related("tenant").filter(id=host_id).first()
        if host is None:
            raise HostUnknown
        if host.removed_at is None:
            host.removed_at = now
            host.save(update_fields=["removed_at"])
            Sighting.objects.filter(host=host).delete()
            enter_for_tenant(
                tenant=host.tenant, kind="host.removed", actor=actor, payload={"host": str(host_id)}, now=now
            )
    return host
