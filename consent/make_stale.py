"""Make consents stale: use stops, nothing is destroyed, and the person is asked to confirm.

After a restore the database may not know a withdrawal: every consent that permits goes stale. When a notice has changed in what matters,
or a child has grown up, those it concerns do. The decision does not wait for this: `consent.terms` knows both. Each grant is a
transaction of its own under its exclusive lock; a crash leaves the rest to the next call.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from consent import lock
from consent.machine import PERMITTING, Event
from consent.models import Delegation, Grant, Notice
from consent.move import move


def make_stale(*, now: datetime) -> int:
    """Make every permitting grant stale and end its sessions; return how many there were."""
    return _all(Grant.objects.all(), reason="records_restored", now=now)


def outdated(*, now: datetime) -> int:
    """Make stale what was given under a notice that has since changed in what matters, or by a guardian of who is an adult now."""
    # Few, and by id: so that the grants are found by the indexes over those that permit, however many have ended.
    of_old = Notice.objects.filter(
        app__declarations__purpose=F("purpose"), version__lt=F("app__declarations__material_version")
    )
    grown = Delegation.objects.filter(relationship="guardian", valid_until__lte=now)
    return _all(
        Grant.objects.filter(notice__in=list(of_old.values_list("id", flat=True))), reason="notice_changed", now=now
    ) + _all(
        Grant.objects.filter(actor="guardian", delegation__in=list(grown.values_list("id", flat=True))),
        reason="majority",
        now=now,
    )


def _all(grants: QuerySet[Grant], *, reason: str, now: datetime) -> int:
    done = 0
    for grant_id in grants.filter(state__in=PERMITTING).values_list("id", flat=True):
        with transaction.atomic():
            grant = lock.for_ending(grant_id)
            if grant.state in PERMITTING:
                move(grant=grant, event=Event.NOTICE_MATERIAL_CHANGE, reason=reason, actor="service", now=now)
                done += 1
    return done
