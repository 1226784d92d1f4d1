"""A person takes consent back: one click, at once.

One transaction under the grant's exclusive lock: state, sessions, entries. When it returns no use can be permitted; a use that was
being recorded has been recorded before. The sweep is then woken and destroys what the grant had let in.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import User
from consent import act_for, lock
from consent.errors import GrantEnded, GrantUnknown
from consent.machine import LIVING, WITHDRAWABLE, Event
from consent.models import Delegation, Grant
from consent.move import move


def withdraw(*, grant_id: uuid.UUID, user: User, now: datetime, by: Delegation | None = None) -> Grant:
    """Withdraw one of the person's own grants.

    Raises:
        GrantUnknown: The person has no such grant.
        GrantEnded: It has ended already.
        DelegationUnknown: Who acts for the person may not.
    """
    if not Grant.objects.filter(id=grant_id, subject__user=user).exists():
        raise GrantUnknown
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        grant = lock.for_ending(grant_id)
        if grant.state not in WITHDRAWABLE:
            raise GrantEnded
        move(
            grant=grant,
            event=Event.WITHDRAW,
            reason=f"withdrawn_by_{actor}",
            actor=actor,
            now=now,
            told=act_for.told(by, app=grant.app_id),
        )
    return grant


def stop_all(*, user: User, now: datetime, by: Delegation | None = None) -> list[Grant]:
    """Withdraw every grant of the person that use can still come from; return those that were. Each is its own transaction."""
    stopped = []
    for grant_id in Grant.objects.filter(subject__user=user, state__in=LIVING).values_list("id", flat=True):
        try:
            stopped.append(withdraw(grant_id=grant_id, user=user, now=now, by=by))
        except GrantEnded:
            continue  # it ended by itself a moment ago: that is what was asked
    return stopped
