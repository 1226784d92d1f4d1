"""An app reports that it has processed something, or that the purpose of it is met: from then its life may be counted.

One transaction: the moment, the deadline, entry `artifact.processed`. The earliest report counts; a later one changes nothing, so that no
report lengthens a life.
"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import App
from consent.enter import enter_for_grant
from hooks.wake import wake
from retention.errors import ArtifactGone, ArtifactUnknown, NotProcessed
from retention.follow import settle
from retention.models import Artifact

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far an app's clock may be ahead of ours."""


def report(
    *,
    app: App,
    artifact_id: uuid.UUID,
    processed_at: datetime | None,
    purpose_met_at: datetime | None,
    now: datetime,
) -> Artifact:
    """Take the app's word for when processing ended, and for when the purpose was met.

    Raises:
        ArtifactUnknown: The app has no such artifact.
        ArtifactGone: It is destroyed, or being destroyed.
        NotProcessed: A moment lies in the future, or before the recording by more than clocks differ.
    """
    with transaction.atomic():
        artifact = Artifact.objects.select_for_update(of=("self",)).filter(id=artifact_id, app=app).first()
        if artifact is None:
            raise ArtifactUnknown
        if artifact.state not in Artifact.LIVING:
            raise ArtifactGone
        changed = {}
        for name, said in (("processed_at", processed_at), ("purpose_met_at", purpose_met_at)):
            if said is None:
                continue
            if not artifact.recorded_at - CLOCKS_DIFFER <= said <= now + CLOCKS_DIFFER:
                raise NotProcessed
            known, at = getattr(artifact, name), max(artifact.recorded_at, min(said, now))
            if known is None or at < known:
                changed[name] = at
        if changed:
            Artifact.objects.filter(id=artifact.id).update(**changed)
            settle([artifact.id], now=now)
            row = Artifact.objects.select_related("grant__binding", "grant__subject__tenant").get(id=artifact.id)
            if row.expires_at <= now:
                wake("retention.sweep")
            moments = {name: at.isoformat() for name, at in changed.items()}
            payload = {**row.record(), **moments, "expires_at": row.expires_at.isoformat()}
            enter_for_grant(grant=row.grant, kind="artifact.processed", actor=f"app:{app.id}", payload=payload, now=now)
    return Artifact.objects.get(id=artifact_id)
