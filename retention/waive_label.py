"""Somebody got speech without the audible label that announces it as AI-made: at their own request, under an agreement (标识办法, art. 9).

The log that the law wants kept for six months is an entry, `label.waived`, about the person whose voice it is, under their evidence key:
an erasure leaves that for six months after the last tie has gone. Who got it is the app's name for them, of which an HMAC is kept: enough
to find it again for who has the app's books, and for nobody else.
"""

import hmac
import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import App
from consent.enter import enter_for_grant
from keyring.keys import reference_key
from retention.errors import ArtifactUnknown, NoLabel
from retention.marks import Waiver
from retention.models import Artifact, Kind

KIND = "label.waived"


def said_of(waiver: Waiver, *, artifact: Artifact, now: datetime) -> dict[str, Any]:
    """Return what the entry says, besides its grant's ids."""
    recipient = hmac.digest(reference_key(), b"recipient" + artifact.app_id.bytes + waiver.recipient.encode(), "sha256")
    return {
        **artifact.record(),
        "request": waiver.request,
        "agreement": waiver.agreement,
        "recipient": recipient.hex(),
        "delivered_at": (waiver.delivered_at or now).isoformat(),
    }


def waive_label(*, app: App, artifact_id: uuid.UUID, waiver: Waiver, now: datetime) -> uuid.UUID:
    """Enter that the app gave out a clip without its audible label; return the entry's `ref`.

    Raises:
        ArtifactUnknown: The app has no such artifact.
        NoLabel: It is no synthetic speech.
    """
    with transaction.atomic():
        artifact = own_synthesis(app=app, artifact_id=artifact_id)
        return enter_for_grant(
            grant=artifact.grant,
            kind=KIND,
            actor=f"app:{app.id}",
            payload=said_of(waiver, artifact=artifact, now=now),
            now=now,
        )


def own_synthesis(*, app: App, artifact_id: uuid.UUID) -> Artifact:
    """Return the app's synthetic speech of that id.

    Raises:
        ArtifactUnknown, NoLabel: As above.
    """
    found = Artifact.objects.select_related("grant__binding", "grant__subject__tenant").filter(id=artifact_id, app=app)
    artifact = found.first()
    if artifact is None:
        raise ArtifactUnknown
    if artifact.kind != Kind.SYNTHESIS:
        raise NoLabel
    return artifact
