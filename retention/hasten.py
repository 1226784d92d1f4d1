"""Let go now of all that one app has: somebody may be at its voices who should not.

A batch a transaction: their deadline becomes now, and an entry `artifact.hastened` about each says so to whom it is of. The sweep takes them
out by the ordinary path, whatever crashes between. What a legal hold keeps stays kept, and goes when the hold is released; what was never
stored is over with its session.
"""

import uuid
from datetime import datetime

from django.db import transaction

from hooks.wake import wake
from retention.erase import BATCH, enter_what_can, make_due
from retention.models import Artifact, Custody


def hasten(*, app_id: uuid.UUID, now: datetime) -> int:
    """Make due all that the app has, in the vault and with itself; return how many. Repeating it finds what is left."""
    hastened = 0
    while count := _batch(app_id, now):
        hastened += count
    return hastened


@transaction.atomic
def _batch(app_id: uuid.UUID, now: datetime) -> int:
    living = Artifact.objects.filter(app=app_id, state__in=Artifact.LIVING, expires_at__gt=now)
    mine = living.exclude(custody=Custody.NONE).select_for_update(of=("self",)).order_by("id")
    rows = list(mine[:BATCH])
    if rows:
        make_due([row.id for row in rows], now=now)
        enter_what_can(rows, kind="artifact.hastened", now=now)
        wake("retention.sweep")
    return len(rows)
