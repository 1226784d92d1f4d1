"""The states of a consent and the moves between them. Pure.

They are those of the project's state machine for consent grants: up to the answer a consent is a request, from then on a grant.
`exhausted` is ours beside them: use stops, and what was made lives out its own term. Only `given` and `renewed` permit. Terminal states
never return: a new grant, with an id of its own, replaces.
"""

from enum import Enum
from typing import Final


class _Word(str, Enum):
    """What `enum.StrEnum` is, which Python 3.10 lacks."""

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, format_spec: str) -> str:
        return format(str(self.value), format_spec)


class State(_Word):
    """Where a consent stands."""

    UNKNOWN = "unknown"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    REFUSED = "refused"
    GIVEN = "given"
    RENEWED = "renewed"
    PAUSED = "paused"
    STALE = "stale"
    EXHAUSTED = "exhausted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"


class Event(_Word):
    """What moves it."""

    REQUEST = "request"
    GIVE = "give"
    REFUSE = "refuse"
    DEFER = "defer"
    PAUSE = "pause"
    RESUME = "resume"
    NOTICE_MATERIAL_CHANGE = "notice_material_change"
    REAFFIRM = "reaffirm"
    GRACE_ELAPSED = "grace_elapsed"
    TERM_REACHED = "term_reached"
    USES_EXHAUSTED = "uses_exhausted"
    WITHDRAW = "withdraw"
    REVOKE = "revoke"
    INVALIDATE = "invalidate"


class MoveForbidden(Exception):
    """A consent in this state cannot be moved so."""


PERMITTING: Final = frozenset({State.GIVEN, State.RENEWED})
"""The only states in which a voice may be used."""

ERASING: Final = frozenset({State.WITHDRAWN, State.EXPIRED, State.REVOKED, State.INVALIDATED})
"""The states in which what was collected must go; `exhausted`, `paused` and `stale` only stop use."""

LIVING: Final = frozenset({State.GIVEN, State.RENEWED, State.PAUSED, State.STALE})
"""The states from which use can still come."""

WITHDRAWABLE: Final = LIVING | {State.EXHAUSTED}
"""The states a person can withdraw from: as long as anything of it may be left."""

TERMINAL: Final = ERASING | {State.REFUSED}

_TO: Final[dict[Event, tuple[frozenset[State], State]]] = {
    Event.REQUEST: (frozenset({State.UNKNOWN, State.DEFERRED}), State.REQUESTED),
    Event.GIVE: (frozenset({State.REQUESTED}), State.GIVEN),
    Event.REFUSE: (frozenset({State.REQUESTED}), State.REFUSED),
    Event.DEFER: (frozenset({State.REQUESTED}), State.DEFERRED),
    Event.PAUSE: (PERMITTING, State.PAUSED),
    Event.RESUME: (frozenset({State.PAUSED}), State.GIVEN),
    Event.NOTICE_MATERIAL_CHANGE: (PERMITTING, State.STALE),
    Event.REAFFIRM: (PERMITTING | {State.STALE}, State.RENEWED),
    Event.GRACE_ELAPSED: (frozenset({State.STALE}), State.EXPIRED),
    Event.TERM_REACHED: (WITHDRAWABLE, State.EXPIRED),
    Event.USES_EXHAUSTED: (PERMITTING, State.EXHAUSTED),
    Event.WITHDRAW: (WITHDRAWABLE, State.WITHDRAWN),
    Event.REVOKE: (WITHDRAWABLE, State.REVOKED),
    Event.INVALIDATE: (WITHDRAWABLE | {State.WITHDRAWN, State.EXPIRED}, State.INVALIDATED),
}


def move(state: str, event: Event) -> State:
    """Return the state that `event` leads to.

    A refusal of what has gone stale is a withdrawal. That one is asked again after a refusal, or after an end, is no move of the old
    consent: it is a new one.

    Raises:
        MoveForbidden: It leads nowhere from here.
    """
    sources, target = _TO[event]
    if event == Event.REFUSE and state == State.STALE:
        return State.WITHDRAWN
    if state not in sources:
        raise MoveForbidden
    return target
