"""Open a session to put a portrait and a voice together: a consent of its own, and the very things it is about (S1.3).

One transaction under the locks of all consents concerned, taken in the order of their ids: what is named was there, and its consents
stood, when the session was opened.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from accounts.models import App
from consent import lock, terms
from consent.errors import ArtifactsUnnamed
from consent.models import Grant
from consent.open_session import Opened, open_session, refuse_use
from retention.models import Artifact, Medium


def open_combining(
    *,
    app: App,
    grant_id: uuid.UUID,
    operations: list[str] | None,
    artifacts: Collection[uuid.UUID],
    now: datetime,
) -> Opened | terms.Refusal:
    """Open a session of `app` that may combine these artifacts: exactly one portrait and something of the voice, of the grant's person.

    Raises:
        GrantUnknown: The app has no such grant.
        ArtifactsUnnamed: They are not what can be combined under it: unknown, of another person, gone, or no consent stands for them.
    """
    with transaction.atomic():
        concerned = Artifact.objects.filter(id__in=artifacts, app=app).values_list("grant_id", flat=True)
        ids = {grant_id, *concerned}
        lock.all_for_use(ids, app=app)
        grant = lock.for_use(grant_id, app=app)
        wanted = sorted(set(grant.operations if operations is None else operations))
        if isinstance(terms.decide(grant.facts(), operations=wanted, now=now), terms.Permit):
            named = _named(grant, artifacts)
            if len(named) != len(set(artifacts)) or not _can_be_combined(named, now=now):
                raise ArtifactsUnnamed
            if refusal := _objection(grant, named):
                refuse_use(grant=grant, refusal=refusal, operations=wanted, now=now)
                return refusal
        return open_session(app=app, grant_id=grant_id, operations=operations, combines=set(artifacts), now=now)


def _named(grant: Grant, ids: Collection[uuid.UUID]) -> list[Artifact]:
    related = ("app", "binding", "notice", "declaration", "delegation", "purpose")
    found = Artifact.objects.filter(id__in=ids, app=grant.app, subject=grant.subject)
    return list(found.select_related("grant", *(f"grant__{name}" for name in related)))


def _can_be_combined(named: Sequence[Artifact], *, now: datetime) -> bool:
    shown = [each.media for each in named]
    portraits, voices = shown.count([Medium.PORTRAIT]), shown.count([Medium.VOICE])
    return (
        portraits == 1
        and voices >= 1
        and portraits + voices == len(named)
        and all(_stands(each, now) for each in named)
    )


def _stands(artifact: Artifact, now: datetime) -> bool:
    """Say whether it is still there, and the consent under which it came has not fallen; that one's uses may be spent."""
    standing = terms.stands(artifact.grant.facts(), now=now)
    return (
        artifact.state == Artifact.State.ACTIVE
        and artifact.recorded_at <= now < artifact.expires_at
        and artifact.standing != Artifact.Standing.UNPERMITTED
        and artifact.grant.binding.closed_at is None
        and (isinstance(standing, terms.Permit) or standing == terms.EXHAUSTED)
    )


def _objection(grant: Grant, named: Collection[Artifact]) -> terms.Refusal | None:
    if not {Medium.PORTRAIT, Medium.VOICE} <= set(grant.scope):
        return terms.SCOPE_NOT_COVERED
    weaker = any(each.grant.purpose.strength < grant.purpose.strength for each in named)
    return terms.PURPOSE_EXCEEDED if weaker else None
