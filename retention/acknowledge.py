"""Take an app's word that it has destroyed what it held.

One transaction: state `erased`, entry `artifact.erase_acknowledged`. The entry says what the app said, and when; nobody here saw it
happen. Repeating it changes nothing.
"""

import hmac
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.db import transaction
from standardwebhooks.webhooks import Webhook

from accounts.models import App
from consent.enter import enter_for_grant
from hooks.queries import secrets_of
from hooks.wake import wake
from retention.errors import ArtifactUnknown, NotHeldByApp, Unsigned
from retention.models import Artifact, Custody

SIGNED_WITHIN = timedelta(minutes=5)
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far an app's clock may be ahead of ours."""


@dataclass(frozen=True)
class Signature:
    """An acknowledgement's signature: Standard Webhooks `v1` over the text of `statement`, with the artifact's id as message id."""

    signed_at: datetime
    value: str


def statement(*, outcome: str, deleted_at: datetime) -> str:
    """Return the text that an app signs: `<outcome>.<deleted_at in whole seconds since 1970>`."""
    return f"{outcome}.{int(deleted_at.timestamp())}"


def acknowledge(  # noqa: PLR0913
    *,
    app: App,
    artifact_id: uuid.UUID,
    outcome: Literal["deleted", "not_found"],
    deleted_at: datetime,
    signature: Signature | None,
    now: datetime,
) -> Artifact:
    """Record that `app` says the artifact is gone since `deleted_at`; an app that is asked by hooks signs with a hook's secret.

    Raises:
        ArtifactUnknown: The app has no such artifact.
        NotHeldByApp: The vault holds it, or nobody.
        Unsigned: The app has hooks for this, and none of their secrets made the signature within the last five minutes.
    """
    with transaction.atomic():
        artifact = (
            Artifact.objects.select_related("grant__binding", "grant__subject__tenant")
            .select_for_update(of=("self",))
            .filter(id=artifact_id, app=app)
            .first()
        )
        if artifact is None:
            raise ArtifactUnknown
        if artifact.custody != Custody.APP:
            raise NotHeldByApp
        if artifact.state == Artifact.State.ERASED:
            return artifact
        signed = _is_signed(app, artifact_id, statement(outcome=outcome, deleted_at=deleted_at), signature, now)
        artifact.state = Artifact.State.ERASED
        artifact.erased_at = now
        artifact.save(update_fields=["state", "erased_at"])
        enter_for_grant(
            grant=artifact.grant,
            kind="artifact.erase_acknowledged",
            actor=f"app:{app.id}",
            payload={
                **artifact.record(),
                "outcome": outcome,
                "deleted_at": deleted_at.isoformat(),
                "signed": signed,
            },
            now=now,
        )
        wake("retention.pursue")
    return artifact


def _is_signed(app: App, artifact_id: uuid.UUID, said: str, signature: Signature | None, now: datetime) -> bool:
    secrets = secrets_of(app=app, event="artifact.erase_requested", now=now)
    if not secrets:
        return False
    if signature is None or abs(now - signature.signed_at) > SIGNED_WITHIN:
        raise Unsigned
    # `sign` reads the clock's numbers without their zone, so it is given UTC.
    at = signature.signed_at.astimezone(UTC)
    made = [Webhook(secret).sign(str(artifact_id), at, said) for secret in secrets]
    if not any(hmac.compare_digest(each, signature.value) for each in made):
        raise Unsigned
    return True
