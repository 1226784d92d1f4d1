"""An officer ends a consent: it is revoked, or found invalid from the start.

One transaction under the grant's exclusive lock. What it had let in is destroyed, as after a withdrawal.
"""

import uuid
from datetime import datetime
from typing import Final

from django.db import transaction

from consent import lock
from consent.errors import GrantEnded
from consent.machine import Event, MoveForbidden
from consent.models import Grant
from consent.move import move

REVOKED_FOR: Final = ("controller", "app_removed")
"""The controller steps back, or the app is removed."""
INVALID_FOR: Final = ("court", "fraud", "wrong_speaker", "minor_found")
"""It never was a consent."""


def revoke(*, grant_id: uuid.UUID, reason: str, officer: str, now: datetime) -> Grant:
    """End a grant for one of `REVOKED_FOR`, or as invalid for one of `INVALID_FOR`.

    Raises:
        GrantEnded: It cannot be ended so any more.
        ValueError: There is no such reason.
    """
    if reason not in {*REVOKED_FOR, *INVALID_FOR}:
        raise ValueError(reason)
    event = Event.REVOKE if reason in REVOKED_FOR else Event.INVALIDATE
    with transaction.atomic():
        grant = lock.for_ending(grant_id)
        try:
            move(grant=grant, event=event, reason=reason, actor=f"officer:{officer}", now=now)
        except MoveForbidden:
            raise GrantEnded from None
    return grant
