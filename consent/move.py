"""Move a grant from one state to the next, under its exclusive lock, in the caller's transaction.

The state, the sessions that end with it, the word to the app and the entry commit together. What the move leads to is decided by
`consent.machine` alone.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from consent.enter import Fact, enter_for_grants
from consent.machine import ERASING, PERMITTING, Event, State
from consent.machine import move as target_of
from consent.models import Grant, Notice, Session
from hooks.notify import notify, notify_all
from hooks.wake import wake

GRACE: Final = timedelta(days=30)
"""How long what has gone stale can be confirmed."""


def move(  # noqa: PLR0913
    *,
    grant: Grant,
    event: Event,
    reason: str,
    actor: str,
    now: datetime,
    notice: Notice | None = None,
    told: Mapping[str, object] | None = None,
) -> uuid.UUID:
    """Move a grant that is locked for ending; return the entry. `notice`: what the person read just now; `told`: more for the entry.

    Raises:
        consent.machine.MoveForbidden: It cannot move so from where it stands.
    """
    state = target_of(grant.state, event)
    ended = [] if state in PERMITTING else _ended(grant, grant.sessions.all(), reason=f"consent_{state}", now=now)
    grant.state = state
    grant.end_reason = "" if state in PERMITTING else reason
    grant.ended_at = now if state in ERASING | {State.EXHAUSTED} else None
    grant.grace_until = min(now + GRACE, grant.valid_until) if state == State.STALE else None
    if notice is not None:
        grant.notice = notice
    grant.save(
        update_fields=["state", "end_reason", "ended_at", "grace_until", "notice", "screen", "actor", "delegation"]
    )
    kind = f"consent.{_KINDS.get(event, state)}"
    ids = {"grant": str(grant.id), "request": str(grant.request_id)}
    if kind != "consent.exhausted":
        notify(app=grant.app, event=kind, data=ids, now=now)
    if state in ERASING:
        wake("retention.sweep")
    facts = [*ended, Fact(grant, kind, {"reason": reason, **(told or {})})]
    return enter_for_grants(facts=facts, actor=actor, now=now)[-1]


_KINDS: Final = {Event.RESUME: "resumed"}


def close(*, grant: Grant, session_id: uuid.UUID, actor: str, reason: str, now: datetime) -> None:
    """Close one session of a grant that is locked for ending, unless it is closed."""
    if ended := _ended(grant, grant.sessions.filter(id=session_id), reason=reason, now=now):
        enter_for_grants(facts=ended, actor=actor, now=now)


def _ended(grant: Grant, sessions: QuerySet[Session], *, reason: str, now: datetime) -> list[Fact]:
    """Close those of these sessions that are open, and tell the app; return what is to be entered."""
    living = sessions.filter(closed_at=None)
    said = [{"session": str(each), "reason": reason} for each in living.order_by("id").values_list("id", flat=True)]
    if said:
        living.update(closed_at=now)
        notify_all(
            app=grant.app, event="session.ended", data=[{**each, "grant": str(grant.id)} for each in said], now=now
        )
    return [Fact(grant, "session.closed", each) for each in said]


def exhaust(*, grant: Grant, now: datetime) -> None:
    """Mark a grant that is locked for ending as exhausted, if its uses are spent and its last session is over."""
    if grant.uses_left == 0 and grant.state in PERMITTING and not grant.sessions.filter(closed_at=None).exists():
        move(grant=grant, event=Event.USES_EXHAUSTED, reason="uses_exhausted", actor="service", now=now)
