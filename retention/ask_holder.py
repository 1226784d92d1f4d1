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
        bring_along(acts=[artifact.act], now=now)
        ask(artifact, now=now)
    return True


def ask(artifact: Artifact, *, now: datetime, **also: bool) -> None:
    """Ask for an artifact that is locked, and enter it, last in the caller's transaction; `also` is told to the app and entered too."""
    said = {**artifact.record(), "deadline": (now + ACKNOWLEDGE_WITHIN).isoformat(), **also}
    artifact.state, artifact.erase_requested_at = Artifact.State.ERASING, now
    artifact.erased_at = artifact.retry_at = None
    artifact.erase_event = notify(
        app=artifact.grant.app,
        event="artifact.erase_requested",
        data={**said, "grant": str(artifact.grant_id), "request": str(artifact.grant.request_id)},
        now=now,
    )
    artifact.save(update_fields=["state", "erase_requested_at", "erased_at", "retry_at", "erase_event"])
    enter_for_grant(grant=artifact.grant, kind="artifact.erase_requested", actor="service", payload=said, now=now)
