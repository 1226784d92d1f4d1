"""Open a session: the decision whether an app may use a voice now.

The pure `consent.terms` decides under the grant's lock. Yes: session, count and `session.opened` commit together. No: the refusal is
entered (`use.refused`) and returned as a value.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import App
from consent import lock, terms
from consent.enter import enter_for_grant
from consent.errors import ArtifactsUnnamed
from consent.interact import interacted
from consent.models import Grant, Session


@dataclass(frozen=True)
class Opened:
    """A living session and the entry that says so."""

    session: Session
    entry: uuid.UUID


def open_session(
    *,
    app: App,
    grant_id: uuid.UUID,
    operations: list[str] | None,
    now: datetime,
    combines: Collection[uuid.UUID] = (),
) -> Opened | terms.Refusal:
    """Open a session of `app` under the grant, for `operations` or all it covers, for at most an hour.

    `combines` are the artifacts that a session to combine is about, as the caller has made sure of under the grants' locks.

    Raises:
        GrantUnknown: The app has no such grant. Somebody else's is told apart from none by nothing.
        ArtifactsUnnamed: It is to combine and names none, or names some and is not.
    """
    with transaction.atomic():
        grant = lock.for_use(grant_id, app=app)
        wanted = sorted(set(grant.operations if operations is None else operations))
        decision = terms.decide(grant.facts(), operations=wanted, now=now)
        if isinstance(decision, terms.Refusal):
            refuse_use(grant=grant, refusal=decision, operations=wanted, now=now)
            return decision
        if bool(combines) != (terms.Operation.COMBINE in wanted):
            raise ArtifactsUnnamed
        interacted(grant.binding, now=now)
        session = Session(
            grant=grant,
            app=app,
            operations=wanted,
            combines=sorted(combines),
            opened_at=now,
            expires_at=decision.until,
        )
        if grant.uses_left is not None:
            grant.uses_left -= 1
            grant.save(update_fields=["uses_left"])
        entry = enter_for_grant(
            grant=grant,
            kind="session.opened",
            actor=f"app:{app.id}",
            payload={
                "session": str(session.id),
                "operations": wanted,
                "expires_at": session.expires_at.isoformat(),
                **({"artifacts": [str(each) for each in session.combines]} if combines else {}),
            },
            now=now,
            beside=session,
        )
    return Opened(session, entry)


def refuse_use(
    *, grant: Grant, refusal: terms.Refusal, operations: list[str], now: datetime, session: Session | None = None
) -> uuid.UUID:
    """Enter that a use was refused, and why. Runs in the caller's transaction."""
    return enter_for_grant(
        grant=grant,
        kind="use.refused",
        actor=f"app:{grant.app_id}",
        payload={
            **({"session": str(session.id)} if session else {}),
            "operations": operations,
            "reason": refusal.reason,
        },
        now=now,
    )
