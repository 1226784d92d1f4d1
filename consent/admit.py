"""Admit one operation of an open session, in the transaction that records it.

The grant's lock is held until that transaction ends, so what is recorded was permitted when it was recorded.
"""

import uuid
from datetime import datetime

from accounts.models import App
from consent import lock, terms
from consent.errors import SessionUnknown
from consent.models import Session
from consent.open_session import refuse_use


def admit(*, app: App, session_id: uuid.UUID, operation: str, now: datetime) -> Session | terms.Refusal:
    """Return the session if it may do `operation` now, or the refusal, entered. Under a counted grant the operation is then spent.

    Raises:
        SessionUnknown: The app has no such session.
    """
    session, decision = judge(app=app, session_id=session_id, operation=operation, now=now)
    if isinstance(decision, terms.Refusal):
        refuse_use(grant=session.grant, refusal=decision, operations=[operation], now=now, session=session)
        return decision
    spend(session=session, operation=operation)
    return session


def judge(
    *, app: App, session_id: uuid.UUID, operation: str, now: datetime
) -> tuple[Session, terms.Permit | terms.Refusal]:
    """Return the session and whether it may do `operation` now, with its grant locked; enter and spend nothing.

    Raises:
        SessionUnknown: The app has no such session.
    """
    grant_id = Session.objects.filter(id=session_id, app=app).values_list("grant_id", flat=True).first()
    if grant_id is None:
        raise SessionUnknown
    grant = lock.for_use(grant_id)
    session = Session.objects.get(id=session_id)
    session.grant = grant
    decision = terms.admits(
        grant.facts(),
        session_operations=session.operations,
        spent=session.spent,
        closed=session.closed_at is not None,
        expires_at=session.expires_at,
        operation=operation,
        now=now,
    )
    return session, decision


def spend(*, session: Session, operation: str) -> None:
    """Take the one use of `operation` that a session under a counted, locked grant has."""
    if session.grant.uses_left is not None:
        session.spent = [*session.spent, operation]
        session.save(update_fields=["spent"])
