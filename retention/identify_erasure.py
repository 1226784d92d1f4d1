"""Show who asked for an erasure that waits for it (GDPR 12(6)), or give up waiting.

One transaction: the clock goes on where it stood still, the request is decided as one that was sure from the start, entries
`erasure.identified` and `erasure.decided`. Who shows nothing within thirty days is refused: nothing was destroyed, and uses that were paused
stay paused until the person lets them go on.
"""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import User
from consent import act_for
from consent.enter import enter
from consent.models import Delegation, Subject
from retention.decide_erasure import TAKEN_OVER, decide, enter_decision
from retention.erasure_clock import Law, due
from retention.erasure_machine import Event, State, move
from retention.errors import ErasureUnknown, OwnErasure
from retention.models import Erasure

ANSWER_WITHIN = timedelta(days=30)
WAYS = ("document", "call_back", "in_person", "known_channel")
"""By what an officer can know somebody."""


def by_person(*, erasure_id: uuid.UUID, user: User, shown: str, now: datetime, by: Delegation | None = None) -> Erasure:
    """Go on with the person's own request, who has shown just now who they are: by a `fresh_sign_in` or a `second_factor`.

    Raises:
        ErasureUnknown: The person has no such request.
        consent.errors.DelegationUnknown: Who acts for the person may not.
    """
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        if not Erasure.objects.filter(id=erasure_id, user=user).exists():
            raise ErasureUnknown
        return identify(erasure_id=erasure_id, shown=shown, actor=actor, now=now)


def by_officer(*, erasure_id: uuid.UUID, way: str, officer: str, now: datetime) -> Erasure:
    """Go on with a request of somebody whom an officer knows to be the person, by a `document`, say.

    Raises:
        ErasureUnknown: There is no such request.
        OwnErasure: It is the officer's own: they show who they are as everybody does.
        ValueError: It is none of the ways.
    """
    if way not in WAYS:
        raise ValueError(way)
    with transaction.atomic():
        person = Erasure.objects.filter(id=erasure_id).values_list("user", flat=True).first()
        if str(person) == officer:
            raise OwnErasure
        return identify(erasure_id=erasure_id, shown=f"officer_{way}", actor=f"officer:{officer}", now=now)


def identify(*, erasure_id: uuid.UUID, shown: str, actor: str, now: datetime) -> Erasure:
    """Take it as asked by the person, and decide; one that does not wait for it is returned as it stands. In the caller's transaction.

    Raises:
        ErasureUnknown: There is no such request.
    """
    # The subject first, as whoever asks for an erasure does: else the two could wait for each other.
    Subject.objects.select_for_update(no_key=True, of=("self",)).filter(erasures=erasure_id).first()
    erasure = (
        Erasure.objects.select_related("subject__tenant", "subject__user", "app")
        .select_for_update(of=("self",))
        .filter(id=erasure_id)
        .first()
    )
    if erasure is None:
        raise ErasureUnknown
    if erasure.state != State.IDENTITY_PENDING:
        return erasure
    erasure.state = move(erasure.state, Event.IDENTIFY)
    erasure.identified_at, erasure.identified_by = now, shown
    erasure.due_at = due_of(erasure)
    decided = decide(erasure=erasure, actor=erasure.asked_by, now=now)
    if not decided:  # another erasure has taken all of it meanwhile
        erasure.state, erasure.refusal, erasure.closed_at = move(erasure.state, Event.CANCEL), TAKEN_OVER, now
        erasure.save()
    enter(
        subject=erasure.subject,
        kind="erasure.identified",
        actor=actor,
        payload={"erasure": str(erasure.id), "by": shown, "due_at": erasure.due_at.isoformat()},
        now=now,
    )
    if decided:
        enter_decision(erasure=erasure, now=now)
    return erasure


def due_of(erasure: Erasure) -> datetime:
    """Return when it is due: where the law lets the clock stand, without the time in which it was not known who asks."""
    asked, shown = erasure.identity_asked_at, erasure.identified_at
    return due(
        Law(erasure.law),
        received=erasure.requested_at,
        unidentified=shown - asked if asked and shown else timedelta(0),
        extended=erasure.extended_at is not None,
        working_days=settings.ERASURE_WORKING_DAYS,
        holidays=settings.ERASURE_HOLIDAYS,
        worked=settings.ERASURE_WORKED_WEEKENDS,
    )


def give_up(*, now: datetime) -> int:
    """Refuse what nobody has shown to be asked by the person; return how many."""
    waiting = Erasure.objects.filter(state=State.IDENTITY_PENDING, identity_asked_at__lte=now - ANSWER_WITHIN)
    given_up = 0
    for erasure_id in list(waiting.values_list("id", flat=True)):
        with transaction.atomic():
            erasure = (
                waiting.select_related("subject__tenant").select_for_update(of=("self",)).filter(id=erasure_id).first()
            )
            if erasure is None:
                continue  # shown a moment ago
            erasure.state = move(erasure.state, Event.NO_ANSWER)
            erasure.refusal, erasure.closed_at, erasure.decided_at = "no_answer", now, now
            erasure.save()
            enter_decision(erasure=erasure, now=now)
            given_up += 1
    return given_up
