"""Send what is due, each event at least once, and say `delivered` only after a 2xx.

(1) transaction: claim a batch with SKIP LOCKED; the claim counts the try and puts the next one behind a lease; (2) send, in threads that
do nothing else; (3) a transaction for each outcome, guarded by the try it was claimed for. A crash after the send and before (3) sends it
again when the lease is over, under the same `webhook-id`, by which receivers drop repeats. One target that does not answer holds up two
threads of eight and no other target. Suspended apps are told too: they have to learn what to erase.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import structlog
from django.conf import settings
from django.db import transaction
from standardwebhooks.webhooks import Webhook

from hooks import cloudevent, target
from hooks.errors import TargetRefused
from hooks.models import Delivery, Subscription
from hooks.queries import due, secret_of
from hooks.schedule import delay_after
from hooks.unsubscribe import end
from keyring.errors import KeyGone
from keyring.keys import store

log = structlog.get_logger(__name__)
BATCH = 50
LOOKED_AT = 500
PER_HOST = 2
THREADS = 8
LEASE = timedelta(seconds=30)
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
            _settle(sending[sent], sent.result(), now=clock())
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
    hosts = Counter[str]()
    with transaction.atomic():
        found = due(now=now).select_related("subscription__app__tenant")
        for delivery in found.select_for_update(of=("self",), skip_locked=True)[:LOOKED_AT]:
            host = urlsplit(delivery.subscription.target_url).netloc
            if hosts[host] >= PER_HOST or len(claims) >= BATCH:
                continue
            try:
                secret = secret_of(delivery.subscription)
            except KeyGone:
                delivery.state, delivery.last_error = Delivery.State.DEAD, "unsubscribed"
                delivery.save(update_fields=["state", "last_error"])
                continue
            hosts[host] += 1
            delivery.tries += 1
            delivery.next_try_at = now + LEASE
            delivery.save(update_fields=["tries", "next_try_at"])
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
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        return _Outcome(None, "unreachable")
    return _Outcome(answer.status_code, "" if answer.is_success else "status")


def _settle(claim: _Claim, outcome: _Outcome, *, now: datetime) -> None:
    """Write what came of a try, unless another has been begun since or the subscription has ended."""
    wait = delay_after(claim.tries)
    mine = Delivery.objects.filter(id=claim.delivery.id, state=Delivery.State.PENDING, tries=claim.tries)
    if not outcome.error:
        changes = {"state": Delivery.State.DELIVERED, "delivered_at": now}
    elif outcome.status == _GONE or wait is None:
        changes = {"state": Delivery.State.DEAD}
    else:
        changes = {"next_try_at": now + wait}
    mine.update(last_status=outcome.status, last_error=outcome.error, **changes)
    if outcome.status == _GONE:
        end(subscription=claim.delivery.subscription, actor="service", reason="gone", now=now)
    if outcome.error:
        log.warning("hook_not_delivered", delivery=str(claim.delivery.id), error=outcome.error, tries=claim.tries)


def tidy(*, now: datetime) -> None:
    """Delete what was settled long ago, and the secrets that no living subscription has."""
    Delivery.objects.exclude(state=Delivery.State.PENDING).filter(created_at__lt=now - KEPT_FOR).delete()
    for names in store().older_than(now - SECRET_GRACE, prefix=KEY_PREFIX):
        ids = {uuid.UUID(name.removeprefix(KEY_PREFIX)) for name in names}
        living = Subscription.objects.filter(id__in=ids, state=Subscription.State.ACTIVE)
        store().destroy(f"{KEY_PREFIX}{each}" for each in ids - set(living.values_list("id", flat=True)))
