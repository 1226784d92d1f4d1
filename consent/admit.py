"""Admit one operation of an open session, in the transaction that records it.

The grant's lock is held until that transaction ends, so what is recorded was permitted when it was recorded.
"""

import uuid
from collections.abc import Collection
from datetime import datetime

from accounts.models import App
from consent import lock, terms
from consent.errors import SessionUnknown
from consent.models import Session
from consent.open_session import refuse_use


def admit(
    *, app: App, session_id: uuid.UUID, operation: str, about: Collection[str], now: datetime
) -> Session | terms.Refusal:
    """Return the session if it may do `operation` now with what it is `about`, or the refusal, entered.

    Under a counted grant the operation is then spent.

    Raises:
        SessionUnknown: The app has no such session.
    """
    session = lock.sessions_for_use(app=app, ids=[session_id]).get(session_id)
    if session is None:
        raise SessionUnknown
    decision = judge(session=session, operation=operation, about=about, now=now)
    if isinstance(decision, terms.Refusal):
        refuse_use(grant=session.grant, refusal=decision, operations=[operation], now=now, session=session)
        return decision
    if spend(session=session, operation=operation):
        session.save(update_fields=["spent"])
    return session


def judge(*, session: Session, operation: str, about: Collection[str], now: datetime) -> terms.Permit | terms.Refusal:
    """Say whether a session whose grant is locked may do `operation` now; enter and spend nothing."""
    return terms.admits(
        session.grant.facts(),
        session_operations=session.operations,
        spent=session.spent,
        closed=session.closed_at is not None,
        expires_at=session.expires_at,
        operation=operation,
        about=about,
        now=now,
    )


def spend(*, session: Session, operation: str) -> bool:
    """Take the one use of `operation` that a session under a counted, locked grant has; say whether there is something to save."""
    if session.grant.uses_left is None:
        return False
    session.spent = [*session.spent, operation]
    return True
