"""The person takes an erasure back, as long as nothing has been destroyed for it.

One transaction: state `cancelled`, entry `erasure.cancelled`. What was paused stays paused until the person lets it go on.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import User
from consent import act_for
from consent.enter import enter
from consent.models import Delegation
from retention.erasure_machine import Event, MoveForbidden, move
from retention.errors import ErasureBegun, ErasureUnknown
from retention.models import Erasure


def cancel(*, erasure_id: uuid.UUID, user: User, now: datetime, by: Delegation | None = None) -> Erasure:
    """Take it back.

    Raises:
        ErasureUnknown: The person has no such request.
        ErasureBegun: It has been decided already.
        consent.errors.DelegationUnknown: Who acts for the person may not.
    """
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        found = Erasure.objects.select_related("subject__tenant").select_for_update(of=("self",))
        erasure = found.filter(id=erasure_id, user=user).first()
        if erasure is None:
            raise ErasureUnknown
        try:
            erasure.state = move(erasure.state, Event.CANCEL)
        except MoveForbidden:
            raise ErasureBegun from None
        erasure.closed_at = now
        erasure.save()
        enter(
            subject=erasure.subject,
            kind="erasure.cancelled",
            actor=actor,
            payload={"erasure": str(erasure.id)},
            now=now,
        )
    return erasure
