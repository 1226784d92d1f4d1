"""What time ends: sessions past their hour, grants past their term, requests nobody answered.

The decision never waits for this: `consent.terms` reads the clock. Here the record follows. Each item is a transaction of its own, so
a crash leaves the rest to the next round.
"""

from datetime import datetime

from django.db import transaction

from consent import lock
from consent.delegate_end import lapse_delegations
from consent.enter import enter_request
from consent.machine import WITHDRAWABLE, Event, State
from consent.make_stale import outdated
from consent.models import ConsentRequest, Grant, Session
from consent.move import close, exhaust, move

BATCH = 500


def lapse(*, now: datetime) -> int:
    """End what is over; return how many sessions, grants and requests that were."""
    ended = outdated(now=now)
    for session_id, grant_id in Session.objects.filter(closed_at=None, expires_at__lte=now).values_list(
        "id", "grant_id"
    )[:BATCH]:
        with transaction.atomic():
            grant = lock.for_ending(grant_id)
            close(grant=grant, session_id=session_id, actor="service", reason="time_over", now=now)
            exhaust(grant=grant, now=now)
        ended += 1
    for grant_id in Grant.objects.filter(state__in=WITHDRAWABLE, valid_until__lte=now).values_list("id", flat=True)[
        :BATCH
    ]:
        with transaction.atomic():
            grant = lock.for_ending(grant_id)
            if grant.state in WITHDRAWABLE and grant.valid_until <= now:
                move(grant=grant, event=Event.TERM_REACHED, reason="term_reached", actor="service", now=now)
        ended += 1
    for grant_id in Grant.objects.filter(state=State.STALE, grace_until__lte=now).values_list("id", flat=True)[:BATCH]:
        with transaction.atomic():
            grant = lock.for_ending(grant_id)
            if grant.state == State.STALE and grant.grace_until is not None and grant.grace_until <= now:
                move(grant=grant, event=Event.GRACE_ELAPSED, reason="not_confirmed", actor="service", now=now)
        ended += 1
    ended += lapse_delegations(now=now)
    unanswered = ConsentRequest.objects.filter(state__in=ConsentRequest.OPEN, expires_at__lte=now)
    for request_id in unanswered.values_list("id", flat=True)[:BATCH]:
        with transaction.atomic():
            request = (
                unanswered.select_related("app__tenant").select_for_update(of=("self",)).filter(id=request_id).first()
            )
            if request is None:
                continue  # answered a moment ago
            expired = ConsentRequest.objects.filter(id=request_id)
            expired.update(state=ConsentRequest.State.EXPIRED, reference=None, return_url="", client_state="")
            enter_request(request=request, kind="consent.request_expired", actor="service", now=now)
        ended += 1
    return ended
