"""Read an artifact's bytes while its use is permitted: the grant stands, a session of it lives, the deadline is ahead."""

from datetime import datetime

from django.db import transaction

import vault.blobs
from consent import lock, terms
from consent.queries import standing_of
from retention.errors import ArtifactGone
from retention.lockers import opener
from retention.models import Artifact
from vault.errors import BlobGone


def read(*, artifact: Artifact, now: datetime) -> bytes | terms.Refusal:
    """Return the plain bytes, or why not.

    Raises:
        ArtifactGone: It is destroyed, or due to be.
        vault.errors.BlobLocked: It is locked with the person's passphrase, and they have not opened it.
    """
    if artifact.state not in {Artifact.State.ACTIVE, Artifact.State.RESTRICTED} or now >= artifact.expires_at:
        raise ArtifactGone
    if artifact.state == Artifact.State.RESTRICTED:
        return terms.RESTRICTED
    with transaction.atomic():
        lock.for_use(artifact.grant_id)  # a withdrawal waits until the bytes are read
        standing = standing_of(session_id=artifact.session_id, now=now)
        if isinstance(standing, terms.Refusal):
            return standing
        try:
            return vault.blobs.read(blob=artifact.id, opener=opener(now=now))
        except BlobGone:
            raise ArtifactGone from None
