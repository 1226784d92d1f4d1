"""What time ends: sessions past their hour, grants past their term, requests nobody answered.

The decision never waits for this: `consent.terms` reads the clock. Here the record follows, a batch of each kind at a time. Each item is a
transaction of its own, so a crash leaves the rest to the next round, and what cannot be ended is logged and holds up nothing else.
"""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, transaction

from consent import lock
from consent.delegate_end import lapse_delegations
from consent.enter import enter_request
from consent.machine import WITHDRAWABLE, Event, State
from consent.make_stale import outdated, turn_stale
from consent.models import ConsentRequest, Grant, Session
from consent.move import close, exhaust, move
from hooks.wake import wake

log = structlog.get_logger(__name__)
BATCH = 500


def lapse(*, now: datetime) -> int:
    """End what is over, of each kind as much as `BATCH`; return how many sessions, grants and requests that were."""
    stale = outdated(now=now, limit=BATCH)
    sessions = Session.objects.filter(closed_at=None, expires_at__lte=now)
    grants = Grant.objects.filter(state__in=WITHDRAWABLE, valid_until__lte=now)
    unconfirmed = Grant.objects.filter(state=State.STALE, grace_until__lte=now)
    unanswered = ConsentRequest.objects.filter(state__in=ConsentRequest.OPEN, expires_at__lte=now)
    rounds = [
        _each(stale, lambda grant_id: turn_stale(grant_id, reason=stale[grant_id], now=now)),
        _each(sessions.values_list("id", flat=True)[:BATCH], lambda session_id: _session(session_id, now)),
        _each(grants.values_list("id", flat=True)[:BATCH], lambda grant_id: _term(grant_id, now)),
        _each(unconfirmed.values_list("id", flat=True)[:BATCH], lambda grant_id: _grace(grant_id, now)),
        lapse_delegations(now=now),
        _each(unanswered.values_list("id", flat=True)[:BATCH], lambda request_id: _request(request_id, now)),
    ]
    if max(rounds) >= BATCH:
        wake("consent.lapse")  # there may be more
    return sum(rounds)


def _each(ids: Iterable[uuid.UUID], end: Callable[[uuid.UUID], object]) -> int:
    done = 0
    for each in ids:
        try:
            with transaction.atomic():
                end(each)
        except (OperationalError, InterfaceError):
            raise  # the database is away: that is not this one's fault
        except Exception as error:
            log.exception("not_lapsed", id=str(each), error=type(error).__name__)
        else:
            done += 1
    return done


def _session(session_id: uuid.UUID, now: datetime) -> None:
    grant = lock.for_ending(Session.objects.values_list("grant_id", flat=True).get(id=session_id))
    close(grant=grant, session_id=session_id, actor="service", reason="time_over", now=now)
    exhaust(grant=grant, now=now)


def _term(grant_id: uuid.UUID, now: datetime) -> None:
    grant = lock.for_ending(grant_id)
    if grant.state in WITHDRAWABLE and grant.valid_until <= now:
        move(grant=grant, event=Event.TERM_REACHED, reason="term_reached", actor="service", now=now)


def _grace(grant_id: uuid.UUID, now: datetime) -> None:
    grant = lock.for_ending(grant_id)
    if grant.state == State.STALE and grant.grace_until is not None and grant.grace_until <= now:
        move(grant=grant, event=Event.GRACE_ELAPSED, reason="not_confirmed", actor="service", now=now)


def _request(request_id: uuid.UUID, now: datetime) -> None:
    late = ConsentRequest.objects.filter(id=request_id, state__in=ConsentRequest.OPEN, expires_at__lte=now)
    request = late.select_related("app__tenant").select_for_update(of=("self",)).first()
    if request is None:
        return  # answered a moment ago
    late.update(state=ConsentRequest.State.EXPIRED, reference=None, return_url="", client_state="")
    enter_request(request=request, kind="consent.request_expired", actor="service", now=now)
