"""Ask an app to destroy what it holds, by a signed hook; the ledger says that it was asked, and later what it answered.

One transaction an artifact: state `erasing`, the event in the outbox, entry `artifact.erase_requested`. An app without a hook sees the
state when it asks. Until its acknowledgement nothing says that the thing is gone. What a legal hold keeps it is not asked for: that is
looked at in the same transaction, behind the lock that placing one takes.
"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction

from consent.enter import enter_for_grant
from hooks.notify import notify
from retention.erase import bring_along
from retention.hold import lock_shared, set_aside
from retention.models import Artifact, Custody

ACKNOWLEDGE_WITHIN = timedelta(days=7)


def ask_holder(*, artifact_id: uuid.UUID, now: datetime) -> bool:
    """Ask the app that holds the artifact, if that is due and nobody has; say whether that was done."""
    with transaction.atomic():
        lock_shared()
        artifact = (
            Artifact.objects.select_related("grant__binding", "grant__subject__tenant", "grant__app__tenant")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(id=artifact_id, custody=Custody.APP, state__in=Artifact.LIVING, is_held=False, expires_at__lte=now)
            .first()
        )
        if artifact is None or set_aside([artifact.id], now=now):
            return False
        deadline = (now + ACKNOWLEDGE_WITHIN).isoformat()
        artifact.state = Artifact.State.ERASING
        artifact.erase_requested_at = now
        artifact.erase_event = notify(
            app=artifact.grant.app,
            event="artifact.erase_requested",
            data={
                **artifact.record(),
                "grant": str(artifact.grant_id),
                "request": str(artifact.grant.request_id),
                "deadline": deadline,
            },
            now=now,
        )
        artifact.retry_at = None
        artifact.save(update_fields=["state", "erase_requested_at", "erase_event", "retry_at"])
        bring_along(acts=[artifact.act], now=now)
        enter_for_grant(
            grant=artifact.grant,
            kind="artifact.erase_requested",
            actor="service",
            payload={**artifact.record(), "deadline": deadline},
            now=now,
        )
    return True
