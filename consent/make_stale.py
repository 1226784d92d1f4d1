"""Make every consent that permits a use stale: what happened since may be missing here, so people are asked again.

After a restore the database may not know a withdrawal. Use stops at once; nothing is destroyed. Each grant is a transaction of its own
under its exclusive lock; a crash leaves the rest to the next call.
"""

from datetime import datetime

from django.db import transaction

from consent import lock
from consent.close_session import end
from consent.machine import PERMITTING, State
from consent.models import Grant


def make_stale(*, now: datetime) -> int:
    """Make every permitting grant stale and end its sessions; return how many there were."""
    done = 0
    for grant_id in Grant.objects.filter(state__in=PERMITTING).values_list("id", flat=True):
        with transaction.atomic():
            grant = lock.for_ending(grant_id)
            if grant.state in PERMITTING:
                end(grant=grant, state=State.STALE, reason="records_restored", actor="service", now=now)
                done += 1
    return done
