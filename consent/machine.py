"""The states of a grant and the moves between them. Pure.

The states are those of the project's state machine for consent grants; `exhausted` is ours beside them: use stops, and what was made
lives out its own term. Only `given` and `renewed` permit; terminal states never return.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a grant stands."""

    GIVEN = "given"
    RENEWED = "renewed"
    PAUSED = "paused"
    STALE = "stale"
    EXHAUSTED = "exhausted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"


PERMITTING = frozenset({State.GIVEN, State.RENEWED})
"""The only states in which a voice may be used."""

WITHDRAWABLE = frozenset({State.GIVEN, State.RENEWED, State.PAUSED, State.STALE})
"""The states a person can withdraw from."""

ERASING = frozenset({State.WITHDRAWN, State.EXPIRED, State.REVOKED, State.INVALIDATED})
"""The states in which what was collected must go; `exhausted`, `paused` and `stale` only stop use."""
