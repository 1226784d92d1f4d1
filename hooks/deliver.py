"""Send what is due, each event at least once, and say `delivered` only after a 2xx.

(1) transaction: claim as many as there are threads; the claim counts the try and puts the next one behind a lease; (2) send, in threads
that do nothing else; (3) a transaction for each outcome, guarded by the try it was claimed for. A crash after the send and before (3)
sends it again when the lease is over, under the same `webhook-id`, by which receivers drop repeats. Of one app at most four are on their
way at a time, over all couriers, and a target that was not reached is left alone for a moment: its backlog holds up no other app.
Suspended apps are told too: they have to learn what to erase.
"""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import structlog
from django.conf import settings
from django.db import connection, transaction
from standardwebhooks.webhooks import Webhook

from hooks import cloudevent, target
from hooks.errors import TargetRefused
from hooks.models import Delivery, Subscription
from hooks.queries import due, secret_of
from hooks.schedule import delay_after
from hooks.unsubscribe import end
from keyring.errors import KeyGone
from keyring.keys import store
from ledger.barrier import refuse_if_any_is_behind

log = structlog.get_logger(__name__)
THREADS = 8
PER_APP = 4
LEASE = timedelta(seconds=30)
"""Longer than a send can take."""
LEFT_ALONE = timedelta(seconds=5)
_CLAIMING = 0x686F6F6B
"""The advisory lock under which couriers claim, one at a time."""
KEPT_FOR = timedelta(days=30)
SECRET_GRACE = timedelta(hours=1)
KEY_PREFIX = "hook:"
_GONE = 410


@dataclass(frozen=True)
class _Claim:
    delivery: Delivery
    secret: str
    tries: int


@dataclass(frozen=True)
class _Outcome:
    status: int | None
    error: str = ""


def deliver(*, clock: Callable[[], datetime]) -> int:
    """Send what is due, a batch; return how many were taken."""
    claims = _claim(now=clock())
    if not claims:
        return 0
    with (
        target.client(private=settings.HOOK_TARGETS_PRIVATE) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        sending = {pool.submit(_send, client, claim, clock): claim for claim in claims}
        for sent in as_completed(sending):
            claim = sending[sent]
            try:
                _settle(claim, sent.result(), now=clock())
            except Exception as error:  # noqa: BLE001 - the others' outcomes are written; this one is sent again
                log.error("outcome_lost", delivery=str(claim.delivery.id), error=type(error).__name__)  # noqa: TRY400
    return len(claims)


def post(  # noqa: PLR0913
    client: httpx.Client, url: str, *, event_id: uuid.UUID, body: str, secret: str, now: datetime
) -> httpx.Response:
    """Send one signed event (Standard Webhooks); read at most 64 KiB of the answer, and for no longer than it may take.

    Raises:
        TargetRefused: The address leads inside.
        httpx.HTTPError, OSError: It was not reached, or did not answer in time.
    """
    at = now.astimezone(UTC)
    headers = {
        "Content-Type": cloudevent.CONTENT_TYPE,
        "webhook-id": str(event_id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(str(event_id), at, body),
    }
    deadline = time.monotonic() + target.ANSWER_WITHIN.total_seconds()
    with client.stream("POST", url, content=body.encode(), headers=headers) as answer:
        read = bytearray()
        for chunk in answer.iter_raw():
            read += chunk
            if len(read) > target.MOST_BYTES:
                raise httpx.RemoteProtocolError("the answer is too long")
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer takes too long")
        return httpx.Response(answer.status_code, headers={"Content-Type": "application/json"}, content=bytes(read))


def _claim(*, now: datetime) -> list[_Claim]:
    claims: list[_Claim] = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIMING])
        chosen = due(now=now, most=THREADS, per_app=PER_APP)
        found = Delivery.objects.select_related("subscription__app__tenant").filter(
            id__in=chosen, state=Delivery.State.PENDING, next_try_at__lte=now
        )
        for delivery in found.select_for_update(of=("self",), skip_locked=True):
            try:
                secret = secret_of(delivery.subscription)
            except KeyGone:
                delivery.state, delivery.last_error = Delivery.State.DEAD, "secret_gone"
                delivery.save(update_fields=["state", "last_error"])
                continue
            delivery.tries += 1
            delivery.next_try_at = delivery.leased_until = now + LEASE
            delivery.save(update_fields=["tries", "next_try_at", "leased_until"])
            claims.append(_Claim(delivery, secret, delivery.tries))
    return claims


def _send(client: httpx.Client, claim: _Claim, clock: Callable[[], datetime]) -> _Outcome:
    delivery = claim.delivery
    url = delivery.subscription.target_url
    try:
        answer = post(client, url, event_id=delivery.event_id, body=delivery.body, secret=claim.secret, now=clock())
    except TargetRefused:
        return _Outcome(None, "target_refused")
    except httpx.TimeoutException:
        return _Outcome(None, "timeout")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return _Outcome(None, "unreachable")
    return _Outcome(answer.status_code, "" if answer.is_success else "status")


def _settle(claim: _Claim, outcome: _Outcome, *, now: datetime) -> None:
    """Write what came of a try, unless another has been begun since or the subscription has ended."""
    wait = delay_after(claim.tries)
    subscription = claim.delivery.subscription
    changes: dict[str, Any] = {"next_try_at": now + wait} if wait is not None else {"state": Delivery.State.DEAD}
    if not outcome.error:
        changes = {"state": Delivery.State.DELIVERED, "delivered_at": now}
    elif outcome.status == _GONE:
        changes = {"state": Delivery.State.DEAD}
    with transaction.atomic():
        mine = Delivery.objects.filter(id=claim.delivery.id, state=Delivery.State.PENDING, tries=claim.tries)
        mine.update(last_status=outcome.status, last_error=outcome.error, leased_until=None, **changes)
        if outcome.error and outcome.status is None:
            Subscription.objects.filter(id=subscription.id).update(not_before=now + LEFT_ALONE)
    if (
        outcome.status == _GONE
    ):  # by itself, for it destroys the secret: a crash before it, and the next delivery is answered 410 too
        end(subscription=subscription, actor="service", reason="gone", now=now)
    if outcome.error:
        log.warning("hook_not_delivered", delivery=str(claim.delivery.id), error=outcome.error, tries=claim.tries)


def tidy(*, now: datetime) -> None:
    """Delete what was settled long ago, and the secrets that no living subscription has.

    Raises:
        ledger.errors.Behind: The database is older than what was published: its missing rows prove nothing.
    """
    refuse_if_any_is_behind()
    pending = Delivery.objects.filter(state=Delivery.State.PENDING, subscription__state=Subscription.State.ENDED)
    pending.update(state=Delivery.State.DEAD, last_error="unsubscribed")
    Delivery.objects.exclude(state=Delivery.State.PENDING).filter(created_at__lt=now - KEPT_FOR).delete()
    for names in store().older_than(now - SECRET_GRACE, prefix=KEY_PREFIX):
        ids = {uuid.UUID(name.removeprefix(KEY_PREFIX)) for name in names}
        living = Subscription.objects.filter(id__in=ids, state=Subscription.State.ACTIVE)
        store().destroy(f"{KEY_PREFIX}{each}" for each in ids - set(living.values_list("id", flat=True)))
