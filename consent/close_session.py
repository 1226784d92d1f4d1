"""End a session: by its app, by its hour, or with its grant.

One transaction: the session closed and entered, and an allow-once grant whose one session this was, exhausted and entered. Closing
a closed session changes nothing, so it can be repeated.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import App
from consent import lock
from consent.enter import enter
from consent.errors import SessionUnknown
from consent.machine import PERMITTING, State
from consent.models import Grant, Session


def close_session(*, app: App, session_id: uuid.UUID, now: datetime) -> None:
    """Close the app's session.

    Raises:
        SessionUnknown: The app has no such session.
    """
    grant_id = Session.objects.filter(id=session_id, app=app).values_list("grant_id", flat=True).first()
    if grant_id is None:
        raise SessionUnknown
    with transaction.atomic():
        grant = lock.for_ending(grant_id)
        close(grant=grant, session_id=session_id, actor=f"app:{app.id}", reason="closed_by_app", now=now)
        exhaust(grant=grant, now=now)


def close(*, grant: Grant, session_id: uuid.UUID, actor: str, reason: str, now: datetime) -> None:
    """Close one session of a grant that is locked for ending, unless it is closed."""
    if Session.objects.filter(id=session_id, closed_at=None).update(closed_at=now):
        enter(
            subject=grant.subject,
            kind="session.closed",
            actor=actor,
            payload={**grant.record(), "session": str(session_id), "reason": reason},
            now=now,
        )


def exhaust(*, grant: Grant, now: datetime) -> None:
    """Mark a grant that is locked for ending as exhausted, if its uses are spent and its last session is over."""
    if grant.uses_left == 0 and grant.state in PERMITTING and not grant.sessions.filter(closed_at=None).exists():
        end(grant=grant, state=State.EXHAUSTED, reason="uses_exhausted", actor="service", now=now)


def end(*, grant: Grant, state: State, reason: str, actor: str, now: datetime) -> None:
    """Move a grant that is locked for ending into an end state, close its sessions, and enter it."""
    for session_id in grant.sessions.filter(closed_at=None).values_list("id", flat=True):
        close(grant=grant, session_id=session_id, actor=actor, reason=f"consent_{state}", now=now)
    grant.state = state
    grant.ended_at = now
    grant.end_reason = reason
    grant.save(update_fields=["state", "ended_at", "end_reason"])
    enter(
        subject=grant.subject,
        kind=f"consent.{state}",
        actor=actor,
        payload={**grant.record(), "reason": reason},
        now=now,
    )
