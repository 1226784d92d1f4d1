"""A person pauses a consent, and resumes it: use stops and nothing is destroyed.

One transaction each under the grant's exclusive lock. What is paused lapses with its term all the same.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import User
from consent import act_for, lock
from consent.errors import GrantEnded, GrantUnknown, PurposeForbidden
from consent.machine import Event, MoveForbidden
from consent.models import Delegation, Grant
from consent.move import exhaust, move


def pause(*, grant_id: uuid.UUID, user: User, now: datetime, by: Delegation | None = None) -> Grant:
    """Stop use until the person resumes it.

    Raises:
        GrantUnknown, GrantEnded, DelegationUnknown: It cannot be paused.
    """
    return _turn(Event.PAUSE, grant_id=grant_id, user=user, now=now, by=by)


def resume(*, grant_id: uuid.UUID, user: User, now: datetime, by: Delegation | None = None) -> Grant:
    """Let use go on, within the term.

    Raises:
        GrantUnknown, GrantEnded, DelegationUnknown: It cannot be resumed.
        AgeUnsaid, GuardianNeeded: Who resumes cannot give consent.
        PurposeForbidden: Not where the person lives now.
    """
    return _turn(Event.RESUME, grant_id=grant_id, user=user, now=now, by=by)


def _turn(event: Event, *, grant_id: uuid.UUID, user: User, now: datetime, by: Delegation | None) -> Grant:
    if not Grant.objects.filter(id=grant_id, subject__user=user).exists():
        raise GrantUnknown
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        if event == Event.RESUME:
            act_for.must_be_able(user=user, by=by, now=now)
        grant = lock.for_ending(grant_id)
        if now >= grant.valid_until:
            raise GrantEnded
        if event == Event.RESUME and grant.facts().place_forbids:
            raise PurposeForbidden
        try:
            move(
                grant=grant,
                event=event,
                reason=f"{event}d_by_{actor}",
                actor=actor,
                now=now,
                told=act_for.told(by, app=grant.app_id),
            )
        except MoveForbidden:
            raise GrantEnded from None
        exhaust(grant=grant, now=now)  # its one use was in the session that the pause ended
    return grant
