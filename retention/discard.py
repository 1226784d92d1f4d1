"""Let one thing go before its deadline, with what was made from it.

One transaction: their deadline becomes now, and the entry `artifact.discarded` says who wished it. The sweep then finds them due and takes
them out by the ordinary path, whatever crashes between.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import App, User
from consent import act_for
from consent.enter import enter_for_grant
from consent.models import Delegation
from hooks.wake import wake
from retention.erase import make_due
from retention.errors import ArtifactUnknown
from retention.models import Artifact
from retention.queries import taken_along


def by_subject(*, user: User, artifact_id: uuid.UUID, now: datetime, by: Delegation | None = None) -> Artifact:
    """Let go of something made of the person's own voice. `by`: who acts for the person.

    Raises:
        ArtifactUnknown: There is nothing of theirs by this id.
        consent.errors.DelegationUnknown: Who acts for the person may not.
    """
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        artifact = Artifact.objects.filter(id=artifact_id, subject__user=user).first()
        return _discard(artifact, actor=actor, now=now)


def by_app(*, app: App, artifact_id: uuid.UUID, now: datetime) -> Artifact:
    """Let go of an artifact of the app.

    Raises:
        ArtifactUnknown: The app has no such artifact.
    """
    artifact = Artifact.objects.filter(id=artifact_id, app=app).first()
    return _discard(artifact, actor=f"app:{app.id}", now=now)


def _discard(artifact: Artifact | None, *, actor: str, now: datetime) -> Artifact:
    if artifact is None:
        raise ArtifactUnknown
    with transaction.atomic():
        ids = taken_along([artifact.id])
        living = Artifact.objects.filter(id__in=ids, state__in=Artifact.LIVING, expires_at__gt=now)
        going = list(living.select_for_update(of=("self",)).order_by("id").values_list("id", flat=True))
        if going:
            make_due(going, now=now)
            row = Artifact.objects.select_related("grant__binding", "grant__subject__tenant").get(id=artifact.id)
            enter_for_grant(
                grant=row.grant,
                kind="artifact.discarded",
                actor=actor,
                payload={**row.record(), "going": sorted(str(each) for each in going)},
                now=now,
            )
            wake("retention.sweep")
    return Artifact.objects.get(id=artifact.id)
