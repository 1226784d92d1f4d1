"""Say where else a voice host keeps an artifact: what the guard sees there has its record.

One transaction under the artifact's lock, so that it cannot be destroyed meanwhile and leave a place behind. Repeated, it
says that the artifact lies there now.
"""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import transaction

from accounts.models import App
from retention.errors import ArtifactGone, ArtifactUnknown, TooManyPlaces
from retention.models import Artifact, Place

MOST: Final = 64


def tell_places(*, app: App, artifact_id: uuid.UUID, places: Collection[bytes], now: datetime) -> Artifact:
    """Add places, each of 32 bytes.

    Raises:
        ArtifactUnknown: The app has no such artifact.
        ArtifactGone: It was destroyed.
        TooManyPlaces: It would lie in more than 64 places.
    """
    with transaction.atomic():
        artifact = Artifact.objects.select_for_update().filter(id=artifact_id, app=app).first()
        if artifact is None:
            raise ArtifactUnknown
        if artifact.state == Artifact.State.ERASED:
            raise ArtifactGone
        known = {bytes(mark) for mark in artifact.places.values_list("mark", flat=True)}
        if len(known | set(places)) > MOST:
            raise TooManyPlaces
        artifact.places.filter(mark__in=list(places)).update(told_at=now)
        Place.objects.bulk_create(
            Place(artifact=artifact, mark=mark, told_at=now) for mark in sorted(set(places) - known)
        )
    return artifact
