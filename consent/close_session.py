"""End a session: by its app, by its hour, or with its grant.

One transaction: the session closed and entered, and an allow-once grant whose one session this was, exhausted and entered. Closing
a closed session changes nothing, so it can be repeated.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import App
from consent import lock
from consent.enter import enter_for_grant
from consent.errors import SessionUnknown
from consent.machine import PERMITTING, State
from consent.models import Grant, Session
from hooks.notify import notify

_TOLD = frozenset({State.WITHDRAWN, State.EXPIRED, State.STALE})
"""What an app is told of by hook."""


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
        said = {"session": str(session_id), "reason": reason}
        notify(app=grant.app, event="session.ended", data={**said, "grant": str(grant.id)}, now=now)
        enter_for_grant(grant=grant, kind="session.closed", actor=actor, payload=said, now=now)


def exhaust(*, grant: Grant, now: datetime) -> None:
    """Mark a grant that is locked for ending as exhausted, if its uses are spent and its last session is over."""
    if grant.uses_left == 0 and grant.state in PERMITTING and not grant.sessions.filter(closed_at=None).exists():
        end(grant=grant, state=State.EXHAUSTED, reason="uses_exhausted", actor="service", now=now)


def end(*, grant: Grant, state: State, reason: str, actor: str, now: datetime) -> None:
    """Move a grant that is locked for ending into a state in which it permits nothing, close its sessions, and enter it."""
    for session_id in grant.sessions.filter(closed_at=None).values_list("id", flat=True):
        close(grant=grant, session_id=session_id, actor=actor, reason=f"consent_{state}", now=now)
    grant.state = state
    grant.ended_at = now
    grant.end_reason = reason
    grant.save(update_fields=["state", "ended_at", "end_reason"])
    if state in _TOLD:
        told = {"grant": str(grant.id), "request": str(grant.request_id)}
        notify(app=grant.app, event=f"consent.{state}", data=told, now=now)
    enter_for_grant(grant=grant, kind=f"consent.{state}", actor=actor, payload={"reason": reason}, now=now)
