"""Compare what a host did with what the ledger was told: a file without a record is an unrecorded voice.

What has its record is forgotten here: its place lives with the artifact alone. What has none in its time is alarmed, a host a transaction,
under the host's lock.
"""

import uuid
from datetime import datetime
from typing import Final

from django.db import transaction

from guard.models import Host, Sighting
from guard.notice import notice
from guard.queries import recorded, unrecorded

A_ROUND: Final = 100
"""Files of one host: the next round takes more, so that a host that floods keeps no other waiting."""


def reconcile(*, now: datetime) -> int:
    """Look at every file that waits for its record; return for how many there was none."""
    Sighting.objects.filter(id__in=list(recorded().values_list("id", flat=True))).delete()
    hosts = set(unrecorded(now=now).values_list("host_id", flat=True))
    return sum(_alarm(host_id, now) for host_id in sorted(hosts))


def _alarm(host_id: uuid.UUID, now: datetime) -> int:
    with transaction.atomic():
        found = Host.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "app")
        host = found.filter(id=host_id, removed_at=None).first()
        if host is None:
            return 0
        late = list(unrecorded(now=now).filter(host=host).order_by("seen_at", "id")[:A_ROUND])
        Sighting.objects.filter(id__in=[each.id for each in late]).update(state=Sighting.State.ALARMED)
        for each in late:
            said = {"folder": each.folder, "suffix": each.suffix}
            notice(host=host, action="file.unrecorded", at=each.seen_at, now=now, consonant=said)
    return len(late)
