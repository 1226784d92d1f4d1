"""The states of an erasure request and the moves between them. Pure.

They are those of the project's state machine for erasure requests. A request comes from a signed-in person or an app that names its own
user, so it is verified, assessed and approved as it is written; who must be identified first, and what a legal hold keeps, starts earlier.
"""

from enum import StrEnum


class State(StrEnum):
    """Where an erasure stands."""

    APPROVED = "approved"
    DISPATCHING = "dispatching"
    AWAITING_ACKS = "awaiting_acks"
    ESCALATED = "escalated"
    VERIFYING = "verifying"
    FAILED = "failed"
    COMPLETED = "completed"
    CERTIFIED = "certified"


MOVES = frozenset(
    {
        (State.APPROVED, State.DISPATCHING),
        (State.DISPATCHING, State.AWAITING_ACKS),
        (State.AWAITING_ACKS, State.ESCALATED),
        (State.ESCALATED, State.AWAITING_ACKS),
        (State.AWAITING_ACKS, State.VERIFYING),
        (State.VERIFYING, State.COMPLETED),
        (State.VERIFYING, State.FAILED),
        (State.FAILED, State.DISPATCHING),
        (State.COMPLETED, State.CERTIFIED),
    }
)


def path(state: State, *, ours_gone: bool, theirs_gone: bool, acks_overdue: bool, out_of_time: bool) -> State:
    """Return the next state, or the same one when there is nothing to do yet.

    `ours_gone`: nothing in the vault or of custody `none` is left; `theirs_gone`: every app has acknowledged; `out_of_time`: the last day
    has come, and what nobody acknowledged is said so instead of being waited for.
    """
    answered = theirs_gone or out_of_time
    following = {
        State.APPROVED: State.DISPATCHING,
        State.FAILED: State.DISPATCHING,
        State.DISPATCHING: State.AWAITING_ACKS if ours_gone else state,
        State.AWAITING_ACKS: State.VERIFYING if answered else State.ESCALATED if acks_overdue else state,
        State.ESCALATED: State.AWAITING_ACKS if answered else state,
        State.VERIFYING: State.COMPLETED if ours_gone and answered else State.FAILED,
    }
    return following.get(state, state)
