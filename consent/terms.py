"""The decision: may this app use this voice now? Pure, and fails closed.

It takes facts read under the grant's lock and answers `Permit` or `Refusal`; a refusal is a value with a reason an app can act on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consent.machine import LIVING, PERMITTING

SESSION_LIMIT = timedelta(hours=1)


class Operation(StrEnum):
    """What may be done with a voice."""

    UPLOAD = "upload"
    EMBED = "embed"
    SYNTHESIZE = "synthesize"
    COMBINE = "combine"
    """A portrait with a voice: never implied by the others, and asked for alone."""
    PROVIDE = "provide"
    """Hand it to another processor (PIPL 23): asked for alone."""


ALONE = frozenset({Operation.COMBINE, Operation.PROVIDE})
"""What needs a consent of its own."""


@dataclass(frozen=True)
class GrantFacts:
    """What the decision needs to know of a grant."""

    state: str
    operations: Collection[str]
    valid_from: datetime
    valid_until: datetime
    uses_left: int | None
    """None: as many as the term allows."""
    app_suspended: bool
    app_approved: bool = True
    notice_current: bool = True
    """Nothing that matters has changed since the notice that was read."""
    guardian_until: datetime | None = None
    """Given by a guardian, who acts until then."""
    scope: Collection[str] = ("voice",)
    """What it is about: voice, portrait."""
    place_forbids: bool = False
    """The law where the person lives now forbids what the purpose does."""


@dataclass(frozen=True)
class Permit:
    """Yes, until then."""

    until: datetime


@dataclass(frozen=True)
class Refusal:
    """No: a stable reason, a sentence, and what would cure it."""

    reason: str
    sentence: str
    cure: str


_ASK_AGAIN = "Ask the person again with a new consent request."
APP_SUSPENDED = Refusal("app_suspended", "This app is suspended.", "Contact the compliance officer of this service.")
APP_UNAPPROVED = Refusal("app_unapproved", "This app is not approved yet.", "Wait for the officer of this service.")
SESSION_ENDED = Refusal("session_ended", "The session has ended.", "Open a new session.")
SPENT = Refusal("operation_spent", "This session's one use of the operation is spent.", _ASK_AGAIN)
NOT_COVERED = Refusal("operation_not_covered", "The consent does not cover this operation.", _ASK_AGAIN)
SCOPE_NOT_COVERED = Refusal("scope_not_covered", "The consent is not about this kind of material.", _ASK_AGAIN)
COMBINATION_NOT_ALLOWED = Refusal(
    "combination_not_allowed",
    "A portrait and a voice are put together only in a session that was opened to combine these very ones.",
    "Ask for a consent to combine, and open a session that names them.",
)
PURPOSE_EXCEEDED = Refusal(
    "purpose_exceeded",
    "A source was collected for a weaker purpose than this one.",
    "Collect it anew under this consent.",
)
SOURCE_UNPERMITTED = Refusal(
    "source_unpermitted",
    "A source was made without permission and has to be destroyed.",
    "Make it anew with permission.",
)
SOURCE_RESTRICTED = Refusal(
    "source_restricted",
    "A source is restricted: it is kept and may not be used.",
    "Wait until the restriction is lifted.",
)
RESTRICTED = Refusal(
    "restricted", "This is restricted: it is kept and may not be used.", "Wait until the restriction is lifted."
)
EXHAUSTED = Refusal("uses_exhausted", "The consent was for one use, and it has been used.", _ASK_AGAIN)
TERM_OVER = Refusal("term_over", "The consent's term is over.", _ASK_AGAIN)
STALE = Refusal(
    "consent_stale",
    "The person has to confirm this consent again.",
    "Wait until the person has, or ask with a new request.",
)
PLACE_FORBIDS = Refusal(
    "place_forbids",
    "What this purpose does with a voiceprint is forbidden where the person lives, or may live.",
    "Do without it: no consent can allow it there.",
)
_BY_STATE = {
    "withdrawn": Refusal("consent_withdrawn", "The person has withdrawn this consent.", _ASK_AGAIN),
    "expired": TERM_OVER,
    "exhausted": EXHAUSTED,
    "paused": Refusal("consent_paused", "The person has paused this consent.", "Wait until the person resumes it."),
    "stale": STALE,
    "revoked": Refusal("consent_revoked", "This consent was revoked.", _ASK_AGAIN),
    "invalidated": Refusal("consent_invalidated", "This consent was found invalid.", _ASK_AGAIN),
}
UNKNOWN = Refusal("consent_unknown", "There is no such consent.", _ASK_AGAIN)


def decide(facts: GrantFacts, *, operations: Collection[str], now: datetime) -> Permit | Refusal:
    """Decide whether a session for `operations` may be opened now."""
    standing = stands(facts, now=now)
    if isinstance(standing, Refusal):
        return standing
    if not operations or not set(operations) <= set(facts.operations):
        return NOT_COVERED
    if facts.uses_left is not None and facts.uses_left < 1:
        return EXHAUSTED
    return Permit(min(now + SESSION_LIMIT, facts.valid_until))


def may_ask(*, suspended: bool, approved: bool) -> Refusal | None:
    """Return why an app may not ask anybody, or None if it may."""
    return APP_SUSPENDED if suspended else None if approved else APP_UNAPPROVED


def stands(facts: GrantFacts, *, now: datetime) -> Permit | Refusal:
    """Decide whether use under this grant may go on now; an open session's use has been counted already."""
    if refusal := may_ask(suspended=facts.app_suspended, approved=facts.app_approved):
        return refusal
    if facts.place_forbids and facts.state in LIVING:
        return PLACE_FORBIDS
    if facts.state not in PERMITTING:
        return _BY_STATE.get(facts.state, UNKNOWN)
    if not facts.notice_current or (facts.guardian_until is not None and now >= facts.guardian_until):
        return STALE
    if not facts.valid_from <= now < facts.valid_until:
        return TERM_OVER
    return Permit(facts.valid_until)


def was_admitted(  # noqa: PLR0913
    facts: GrantFacts,
    *,
    session_operations: Collection[str],
    spent: Collection[str],
    operation: str,
    now: datetime,
    about: Collection[str] = (),
) -> bool:
    """Decide whether an operation that is told of after its session's end was allowed in it: the use was, and the consent has not fallen.

    That a counted grant is exhausted by now is no fall: it lived out what was allowed. `about`: what it was done with.
    """
    standing = stands(facts, now=now)
    fell = isinstance(standing, Refusal) and standing != EXHAUSTED
    used = facts.uses_left is not None and operation in spent
    return not fell and operation in session_operations and set(about) <= set(facts.scope) and not used


def admits(  # noqa: PLR0913
    facts: GrantFacts,
    *,
    session_operations: Collection[str],
    spent: Collection[str],
    closed: bool,
    expires_at: datetime,
    operation: str,
    now: datetime,
    about: Collection[str] = (),
) -> Permit | Refusal:
    """Decide whether an open session may do `operation` now, with what it is `about`. Under a counted grant each is admitted once."""
    standing = stands(facts, now=now)
    if isinstance(standing, Refusal):
        return standing
    if closed or now >= expires_at:
        return SESSION_ENDED
    if operation not in session_operations:
        return NOT_COVERED
    if not set(about) <= set(facts.scope):
        return SCOPE_NOT_COVERED
    if facts.uses_left is not None and operation in spent:
        return SPENT
    return Permit(min(expires_at, standing.until))
