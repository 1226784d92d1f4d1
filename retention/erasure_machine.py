"""The states of an erasure request and the moves between them. Pure.

They are those of the project's state machine for erasure requests; `extended` is a flag beside them. What a person or an officer does is an
event; what follows from how things stand is `path`.
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where an erasure stands."""

    RECEIVED = "received"
    IDENTITY_PENDING = "identity_pending"
    VERIFIED = "verified"
    ASSESSING = "assessing"
    REFUSED = "refused"
    PARTIALLY_APPROVED = "partially_approved"
    APPROVED = "approved"
    DISPATCHING = "dispatching"
    AWAITING_ACKS = "awaiting_acks"
    ESCALATED = "escalated"
    VERIFYING = "verifying"
    FAILED = "failed"
    COMPLETED = "completed"
    CERTIFIED = "certified"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What moves it."""

    DOUBT = "doubt"
    """Nobody can be sure yet that the person asked."""
    STRONG_SESSION = "strong_session"
    """Who asked has shown just now that it is them, or an app named its own user."""
    IDENTIFY = "identify"
    NO_ANSWER = "no_answer"
    TRIAGE = "triage"
    NOTHING_KEPT = "nothing_kept"
    SOME_KEPT = "some_kept"
    ALL_KEPT = "all_kept"
    CANCEL = "cancel"
    FAN_OUT = "fan_out"
    ALL_SENT = "all_sent"
    ACK_MISSING = "ack_missing"
    ACK = "ack"
    ANSWERED = "answered"
    """All acknowledged, or the last day has come."""
    ABSENT = "absent"
    FOUND = "found"
    RE_DISPATCH = "re_dispatch"
    SIGN = "sign"


class MoveForbidden(Exception):
    """An erasure in this state cannot be moved so."""


CANCELLABLE: Final = frozenset({State.RECEIVED, State.IDENTITY_PENDING, State.VERIFIED, State.ASSESSING})
"""Nothing has been destroyed for it yet, so the person may take it back."""

CLOSED: Final = frozenset({State.REFUSED, State.CANCELLED, State.CERTIFIED})
"""Nothing follows."""

UNDECIDED: Final = CANCELLABLE
"""Before the answer."""

_APPROVED: Final = frozenset({State.APPROVED, State.PARTIALLY_APPROVED})
_TO: Final[dict[Event, tuple[frozenset[State], State]]] = {
    Event.DOUBT: (frozenset({State.RECEIVED}), State.IDENTITY_PENDING),
    Event.STRONG_SESSION: (frozenset({State.RECEIVED}), State.VERIFIED),
    Event.IDENTIFY: (frozenset({State.IDENTITY_PENDING}), State.VERIFIED),
    Event.NO_ANSWER: (frozenset({State.IDENTITY_PENDING}), State.REFUSED),
    Event.TRIAGE: (frozenset({State.VERIFIED}), State.ASSESSING),
    Event.NOTHING_KEPT: (frozenset({State.ASSESSING}), State.APPROVED),
    Event.SOME_KEPT: (frozenset({State.ASSESSING}), State.PARTIALLY_APPROVED),
    Event.ALL_KEPT: (frozenset({State.ASSESSING}), State.REFUSED),
    Event.CANCEL: (CANCELLABLE, State.CANCELLED),
    Event.FAN_OUT: (_APPROVED, State.DISPATCHING),
    Event.ALL_SENT: (frozenset({State.DISPATCHING}), State.AWAITING_ACKS),
    Event.ACK_MISSING: (frozenset({State.AWAITING_ACKS}), State.ESCALATED),
    Event.ACK: (frozenset({State.ESCALATED}), State.AWAITING_ACKS),
    Event.ANSWERED: (frozenset({State.AWAITING_ACKS}), State.VERIFYING),
    Event.ABSENT: (frozenset({State.VERIFYING}), State.COMPLETED),
    Event.FOUND: (frozenset({State.VERIFYING}), State.FAILED),
    Event.RE_DISPATCH: (frozenset({State.FAILED}), State.DISPATCHING),
    Event.SIGN: (frozenset({State.COMPLETED}), State.CERTIFIED),
}

MOVES: Final = frozenset((source, target) for sources, target in _TO.values() for source in sources)


def move(state: str, event: Event) -> State:
    """Return the state that `event` leads to.

    Raises:
        MoveForbidden: It leads nowhere from here.
    """
    sources, target = _TO[event]
    if state not in sources:
        raise MoveForbidden(f"{event} leads nowhere from {state}")
    return target


def path(state: State, *, ours_gone: bool, theirs_gone: bool, acks_overdue: bool, out_of_time: bool) -> State:
    """Return the next state of one that was decided, or the same when there is nothing to do yet.

    `ours_gone`: nothing in the vault or of custody `none` is left, and every app and processor has been asked; `theirs_gone`: each of them has answered
    and nothing of what they said turned out to be wrong; `out_of_time`: the last day has come, and what nobody acknowledged is said so
    instead of being waited for. What is kept on a ground counts as neither.
    """
    answered = theirs_gone or out_of_time
    following: dict[State, Event | None] = {
        State.APPROVED: Event.FAN_OUT,
        State.PARTIALLY_APPROVED: Event.FAN_OUT,
        State.FAILED: Event.RE_DISPATCH,
        State.DISPATCHING: Event.ALL_SENT if ours_gone else None,
        State.AWAITING_ACKS: Event.ANSWERED if answered else Event.ACK_MISSING if acks_overdue else None,
        State.ESCALATED: Event.ACK if answered else None,
        State.VERIFYING: Event.ABSENT if ours_gone and answered else Event.FOUND,
    }
    event = following.get(state)
    return move(state, event) if event else state
