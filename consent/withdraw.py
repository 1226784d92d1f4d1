"""A person takes consent back: one click, at once.

One transaction under the grant's exclusive lock: state, sessions, entries. When it returns no use can be permitted; a use that was
being recorded has been recorded before. The sweep is then woken and destroys what the grant had let in.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import User
from consent import lock
from consent.close_session import end
from consent.errors import GrantEnded, GrantUnknown
from consent.machine import WITHDRAWABLE, State
from consent.models import Grant
from hooks.wake import wake


def withdraw(*, grant_id: uuid.UUID, user: User, now: datetime) -> Grant:
    """Withdraw one of the person's own grants.

    Raises:
        GrantUnknown: The person has no such grant.
        GrantEnded: It has ended already.
    """
    if not Grant.objects.filter(id=grant_id, subject__user=user).exists():
        raise GrantUnknown
    with transaction.atomic():
        grant = lock.for_ending(grant_id)
        if grant.state not in WITHDRAWABLE:
            raise GrantEnded
        end(grant=grant, state=State.WITHDRAWN, reason="withdrawn_by_subject", actor="subject", now=now)
        wake("retention.sweep")
    return grant


def stop_all(*, user: User, now: datetime) -> list[Grant]:
    """Withdraw every grant of the person that can be; return those that were. Each is its own transaction."""
    stopped = []
    for grant_id in Grant.objects.filter(subject__user=user, state__in=WITHDRAWABLE).values_list("id", flat=True):
        try:
            stopped.append(withdraw(grant_id=grant_id, user=user, now=now))
        except GrantEnded:
            continue  # it ended by itself a moment ago: that is what was asked
    return stopped
