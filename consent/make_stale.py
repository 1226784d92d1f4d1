"""Make consents stale: use stops, nothing is destroyed, and the person is asked to confirm.

After a restore the database may not know a withdrawal: every consent that permits goes stale. When a notice has changed in what matters,
a child has grown up, or somebody lives now where the law forbids what they allowed, those it concerns do. The decision does not wait for
this: `consent.terms` knows them all. Each grant is a transaction of its own under its exclusive lock; a crash leaves the rest to the next
call.
"""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from consent import lock
from consent.machine import PERMITTING, Event
from consent.models import Delegation, Grant, Notice
from consent.move import move
from consent.use_class import FORBIDDEN_IN


def make_stale(*, now: datetime) -> int:
    """Make every permitting grant stale and end its sessions; return how many there were."""
    permitting = Grant.objects.filter(state__in=PERMITTING).values_list("id", flat=True)
    return sum(turn_stale(grant_id, reason="records_restored", now=now) for grant_id in permitting)


def outdated(*, now: datetime, limit: int) -> dict[uuid.UUID, str]:
    """Return permitting grants that stand no more, each with why; of each reason at most `limit`.

    Given under a notice that has since changed in what matters; or by a guardian of who is an adult now; or forbidden where the person lives.
    """
    # Few, and by id: so that the grants are found by the indexes over those that permit, however many have ended.
    of_old = Notice.objects.filter(
        app__declarations__purpose=F("purpose"), version__lt=F("app__declarations__material_version")
    )
    grown = Delegation.objects.filter(relationship="guardian", valid_until__lte=now)
    elsewhere = Q(subject__user__residence__in=FORBIDDEN_IN) | Q(subject__user=None)
    reasons = {
        "residence": Q(elsewhere, purpose__trades_voiceprints=True),
        "majority": Q(actor="guardian", delegation__in=list(grown.values_list("id", flat=True))),
        "notice_changed": Q(notice__in=list(of_old.values_list("id", flat=True))),
    }
    permitting = Grant.objects.filter(state__in=PERMITTING)
    return {
        grant_id: reason
        for reason, concerned in reasons.items()
        for grant_id in permitting.filter(concerned).values_list("id", flat=True)[:limit]
    }


@transaction.atomic
def turn_stale(grant_id: uuid.UUID, *, reason: str, now: datetime) -> bool:
    """Make one grant stale, if it permits; say whether it did."""
    grant = lock.for_ending(grant_id)
    if grant.state not in PERMITTING:
        return False
    move(grant=grant, event=Event.NOTICE_MATERIAL_CHANGE, reason=reason, actor="service", now=now)
    return True
