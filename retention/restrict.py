"""Restrict a thing, and lift that: it is kept, and may not be used (GDPR 18, PIPL 47).

One transaction: the state of it and of all that was derived from it and goes with it, and an entry `artifact.restricted` or
`artifact.unrestricted`. Nothing restricted is read by an app or made into anything; its deadline stays what it was.
"""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from consent import act_for
from consent.enter import enter_for_grant
from consent.models import Delegation
from retention.errors import ArtifactUnknown, NotRestricted
from retention.models import Artifact
from retention.queries import taken_along

_SAID = (Artifact.Restriction.OBJECTION, Artifact.Restriction.ACCURACY, Artifact.Restriction.CLAIM)
"""What a person, or an officer for one, can say; the rest comes about by itself."""


def by_subject(
    *,
    user: User,
    artifact_id: uuid.UUID,
    reason: Artifact.Restriction,
    now: datetime,
    by: Delegation | None = None,
) -> Artifact:
    """Restrict something made of the person's own voice, as they say. `by`: who acts for the person.

    Raises:
        ArtifactUnknown: There is nothing of theirs by this id.
        NotRestricted: It is on its way out, or that is no reason.
        consent.errors.DelegationUnknown: Who acts for the person may not.
    """
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        return _restrict(Artifact.objects.filter(id=artifact_id, subject__user=user), reason, actor=actor, now=now)


def by_officer(*, artifact_id: uuid.UUID, reason: Artifact.Restriction, actor: str, now: datetime) -> Artifact:
    """Restrict something, as a person asked an officer to.

    Raises:
        ArtifactUnknown: There is none.
        NotRestricted: It is on its way out, or that is no reason.
    """
    return _restrict(Artifact.objects.filter(id=artifact_id), reason, actor=actor, now=now)


def lift(*, artifact_id: uuid.UUID, actor: str, now: datetime) -> Artifact:
    """End a restriction of what a person said; that of a legal hold ends with the hold.

    What was made from it is lifted with it, where it was restricted for the same reason. GDPR 18(3): the person is told before.

    Raises:
        ArtifactUnknown: There is none.
        NotRestricted: It is not restricted so.
    """
    with transaction.atomic():
        artifact = Artifact.objects.filter(id=artifact_id).first()
        if artifact is None:
            raise ArtifactUnknown
        ids = taken_along([artifact.id])
        mine = Artifact.objects.filter(
            id__in=ids, state=Artifact.State.RESTRICTED, restriction=artifact.restriction, is_held=False
        )
        going = list(mine.select_for_update(of=("self",)).order_by("id").values_list("id", flat=True))
        if artifact.id not in going or artifact.restriction not in _SAID:
            raise NotRestricted
        Artifact.objects.filter(id__in=going).update(state=Artifact.State.ACTIVE, restriction="")
        _enter(artifact, "artifact.unrestricted", going, artifact.restriction, actor=actor, now=now)
    return Artifact.objects.get(id=artifact_id)


def _restrict(found: QuerySet[Artifact], reason: str, *, actor: str, now: datetime) -> Artifact:
    with transaction.atomic():
        artifact = found.first()
        if artifact is None:
            raise ArtifactUnknown
        if reason not in _SAID:
            raise NotRestricted
        usable = Q(state=Artifact.State.ACTIVE, expires_at__gt=now)
        mine = Artifact.objects.filter(usable, id__in=taken_along([artifact.id]))
        going = list(mine.select_for_update(of=("self",)).order_by("id").values_list("id", flat=True))
        if artifact.id not in going:
            raise NotRestricted
        Artifact.objects.filter(id__in=going).update(state=Artifact.State.RESTRICTED, restriction=reason)
        _enter(artifact, "artifact.restricted", going, reason, actor=actor, now=now)
    return Artifact.objects.get(id=artifact.id)


def _enter(  # noqa: PLR0913
    artifact: Artifact, kind: str, ids: Collection[uuid.UUID], reason: str, *, actor: str, now: datetime
) -> None:
    row = Artifact.objects.select_related("grant__binding", "grant__subject__tenant").get(id=artifact.id)
    payload = {**row.record(), "reason": reason, "all": sorted(str(each) for each in ids)}
    enter_for_grant(grant=row.grant, kind=kind, actor=actor, payload=payload, now=now)
