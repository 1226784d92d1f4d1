"""Remind an app that has not acknowledged: the same event once more, four days and one day before its time is up, then every week.

One transaction: the events in the outbox, entry `erasure.reminded`.
"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction

from hooks.notify import notify
from retention.decide_erasure import enter_about
from retention.erasure_machine import State
from retention.models import Artifact, Custody, Erasure
from retention.queries import scope_of

BEFORE = (timedelta(days=4), timedelta(days=1))
AFTERWARDS = timedelta(days=7)
MOST = 1_000
"""Events in one reminder."""


def remind(*, erasure_id: uuid.UUID, now: datetime) -> bool:
    """Remind the apps, if it is time to; say whether that was done."""
    with transaction.atomic():
        erasure = (
            Erasure.objects.defer("sealed")
            .select_related("subject__tenant")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(id=erasure_id, state__in=[State.AWAITING_ACKS, State.ESCALATED])
            .first()
        )
        if erasure is None or now < due_next(erasure):
            return False
        silent = scope_of(erasure).filter(custody=Custody.APP, state=Artifact.State.ERASING)
        waiting = list(silent.select_related("app", "grant").select_for_update(of=("self",)).order_by("id")[:MOST])
        erasure.reminders += 1
        erasure.reminded_at = now
        erasure.save(update_fields=["reminders", "reminded_at"])
        for artifact in waiting:
            artifact.erase_event = notify(
                app=artifact.app,
                event="artifact.erase_requested",
                data={
                    **artifact.record(),
                    "grant": str(artifact.grant_id),
                    "request": str(artifact.grant.request_id),
                    "deadline": erasure.acks_due_at.isoformat(),
                    "reminder": erasure.reminders,
                },
                now=now,
            )
            artifact.save(update_fields=["erase_event"])
        if waiting:
            apps = sorted({str(artifact.app_id) for artifact in waiting})
            payload = {"erasure": str(erasure.id), "apps": apps, "reminder": erasure.reminders}
            enter_about(erasure, kind="erasure.reminded", payload=payload, now=now)
    return bool(waiting)


def due_next(erasure: Erasure) -> datetime:
    """Return when the next reminder is due."""
    if erasure.reminders < len(BEFORE):
        return erasure.acks_due_at - BEFORE[erasure.reminders]
    return max(erasure.reminded_at or erasure.acks_due_at, erasure.acks_due_at) + AFTERWARDS
