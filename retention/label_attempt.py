"""What a clip was marked with stays: nothing here takes a label away or changes it, and that it was tried is an entry (标识办法, art. 10)."""

import uuid
from datetime import datetime
from typing import NoReturn

from django.db import transaction

from accounts.models import App
from consent.enter import enter_for_grant
from retention.errors import LabelFixed
from retention.waive_label import own_synthesis


def refuse(*, app: App, artifact_id: uuid.UUID, change: str, now: datetime) -> NoReturn:
    """Enter that the app tried to change a label, and refuse. `change`: by what. Not within a transaction, which would take it back.

    Raises:
        LabelFixed: Always, naming the entry, but:
        ArtifactUnknown: The app has no such artifact.
        NoLabel: It is no synthetic speech.
    """
    with transaction.atomic():
        artifact = own_synthesis(app=app, artifact_id=artifact_id)
        entry = enter_for_grant(
            grant=artifact.grant,
            kind="label.change_refused",
            actor=f"app:{app.id}",
            payload={**artifact.record(), "change": change},
            now=now,
        )
    raise LabelFixed(entry)
