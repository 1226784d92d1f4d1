"""Send what is due, each event at least once, and say `delivered` only after a 2xx.

(1) transaction: claim as many as threads are free; the claim counts the try and puts the next one behind a lease; (2) send, in threads
that do nothing else; (3) a transaction for each outcome, guarded by the try it was claimed for. What a thread has done, another delivery
takes its place: a target that takes its time holds one thread, and no batch. A crash after the send and before (3) sends it again when
the lease is over, under the same `webhook-id`, by which receivers drop repeats.

Of one app at most four are on their way at a time, over all couriers. A target that was not reached, or answers that it has too much to
do, is left alone, twice as long each time, and then tried with one delivery until it answers: its backlog holds up no other. Suspended
apps are told too: they have to learn what to erase.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from hooks import cloudevent, target
from hooks.errors import TargetRefused
from hooks.models import Delivery, Subscription
from hooks.queries import due, own_key, secrets_of_one
from hooks.schedule import GIVEN_UP_AFTER, delay_after, rest_after
from hooks.signature import sign
from hooks.unsubscribe import end
from keyring.errors import KeyGone
from keyring.keys import store
from ledger.barrier import refuse_if_any_is_behind, refuse_if_database_is_restored

log = structlog.get_logger(__name__)
THREADS = 16
PER_APP = 4
LEASE = timedelta(seconds=30)
"""Longer than a send can take."""
ROUND_SECONDS = 20.0
"""So long threads that are done take more; a courier that is told to stop can, soon after."""
_REFILL_SECONDS = 0.02
_CLAIMING = 0x686F6F6B
"""The advisory lock under which couriers claim, one at a time."""
KEPT_FOR = timedelta(days=30)
SECRET_GRACE = timedelta(hours=1)
_TIDIED_AT_ONCE = 5_000
KEY_PREFIX = "hook:"
_GONE = 410
_BUSY = {429, 502, 503, 504}
"""Answers of who has too much to do (Standard Webhooks, "Response codes")."""


@dataclass(frozen=True, eq=False)
class _Claim:
    delivery: Delivery
    secrets: Sequence[str]
    tries: int


@dataclass(frozen=True)
class _Outcome:
    status: int | None
    error: str = ""
    wished: timedelta | None = None
    """For how long the target wants to be left alone."""

    @property
    def reached(self) -> bool:
        """Whether the target answered, and not that it has too much to do."""
        return self.status is not None and self.status not in _BUSY


def deliver(*, clock: Callable[[], datetime]) -> int:
    """Send what is due, for a while; return how many were taken.

    Raises:
        ledger.errors.Behind: The database is older than what was published: what is due in it was sent, or is not so any more.
    """
    refuse_if_database_is_restored()
    taken = 0
    sending: dict[Future[_Outcome], _Claim] = {}
    until, claimed_at = time.monotonic() + ROUND_SECONDS, 0.0
    key = own_key(now=clock())
    with (
        target.client(private=settings.HOOK_TARGETS_PRIVATE) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        while True:
            free, at = THREADS - len(sending), time.monotonic()
            more: list[_Claim] = []
            if at < until and free and (free > THREADS // 2 or at > claimed_at + _REFILL_SECONDS):
                more, claimed_at = _claim(now=clock(), most=free), at
                taken += len(more)
                sending |= {pool.submit(_send, client, claim, key, clock): claim for claim in more}
            if not sending:
                return taken
            done, _ = wait(sending, timeout=_REFILL_SECONDS if at < until else None, return_when=FIRST_COMPLETED)
            if done:
                _write({sending.pop(sent): sent for sent in done}, now=clock())


def post(  # noqa: PLR0913
    client: httpx.Client,
    url: str,
    *,
    event_id: uuid.UUID,
    body: str,
    secrets: Sequence[str],
    now: datetime,
    key: Ed25519PrivateKey | None = None,
) -> httpx.Response:
    """Send one signed event (Standard Webhooks); read at most 64 KiB of the answer, and for no longer than it may take.

    Raises:
        TargetRefused: The address leads inside.
        httpx.HTTPError, OSError: It was not reached, or did not answer in time.
    """
    headers = {
        "Content-Type": cloudevent.CONTENT_TYPE,
        "webhook-id": str(event_id),
        "webhook-timestamp": str(int(now.astimezone(UTC).timestamp())),
        "webhook-signature": sign(secrets, message_id=str(event_id), at=now, body=body, key=key),
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
        wish = answer.headers.get("Retry-After", "").encode("ascii", "ignore")
        said = {b"Content-Type": b"application/json", b"Retry-After": wish}
        return httpx.Response(answer.status_code, headers=said, content=bytes(read))


def _claim(*, now: datetime, most: int = THREADS) -> list[_Claim]:
    claims: list[_Claim] = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIMING])
        chosen = due(now=now, most=most, per_app=PER_APP)
        found = Delivery.objects.select_related("subscription__app__tenant").filter(
            id__in=chosen, state=Delivery.State.PENDING, next_try_at__lte=now
        )
        for delivery in found.select_for_update(of=("self",), skip_locked=True):
            try:
                secrets = secrets_of_one(delivery.subscription, now=now)
            except KeyGone:
                delivery.state, delivery.last_error = Delivery.State.DEAD, "secret_gone"
                delivery.save(update_fields=["state", "last_error"])
                continue
            delivery.tries += 1
            delivery.next_try_at = delivery.leased_until = now + LEASE
            claims.append(_Claim(delivery, secrets, delivery.tries))
        Delivery.objects.filter(id__in=[claim.delivery.id for claim in claims]).update(
            tries=F("tries") + 1, next_try_at=now + LEASE, leased_until=now + LEASE
        )
    return claims


def _send(client: httpx.Client, claim: _Claim, key: Ed25519PrivateKey, clock: Callable[[], datetime]) -> _Outcome:
    delivery, now = claim.delivery, clock()
    url = delivery.subscription.target_url
    try:
        answer = post(
            client, url, event_id=delivery.event_id, body=delivery.body, secrets=claim.secrets, now=now, key=key
        )
        return _Outcome(answer.status_code, "" if answer.is_success else "status", _wish(answer, now))
    except TargetRefused:
        return _Outcome(None, "target_refused")
    except httpx.TimeoutException:
        return _Outcome(None, "timeout")
    except Exception:  # noqa: BLE001 - what a stranger answers is a failure of this delivery, and of no other
        return _Outcome(None, "unreachable")


def _wish(answer: httpx.Response, now: datetime) -> timedelta | None:
    """Return for how long the target wants to be left alone (RFC 9110, 10.2.3)."""
    said = answer.headers["Retry-After"]
    if said.isascii() and said.isdigit():
        return timedelta(seconds=min(int(said[:9]), 10**6))
    try:
        return parsedate_to_datetime(said) - now
    except (ValueError, TypeError, OverflowError):
        return None


def _write(done: "Mapping[_Claim, Future[_Outcome]]", *, now: datetime) -> None:
    """Write what came of some tries: those that went well together, the others each by itself."""
    outcomes = {claim: sent.result() for claim, sent in done.items()}
    well = [
        claim for claim, outcome in outcomes.items() if not outcome.error and not claim.delivery.subscription.failures
    ]
    if well:
        _delivered(well, outcomes, now=now)
    for claim in outcomes.keys() - set(well):
        try:
            _settle(claim, outcomes[claim], now=now)
        except Exception as error:  # noqa: BLE001 - the others' outcomes are written; this one is sent again
            log.error("outcome_lost", delivery=str(claim.delivery.id), error=type(error).__name__)  # noqa: TRY400


def _delivered(claims: Sequence[_Claim], outcomes: "Mapping[_Claim, _Outcome]", *, now: datetime) -> None:
    """Say of several that they were delivered, but of one for which another try has been begun since."""
    rows = [(claim.delivery.id, claim.tries, outcomes[claim].status) for claim in claims]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE hooks_delivery SET state = 'delivered', delivered_at = %s, last_status = said.status, last_error = '',
                leased_until = NULL
            FROM unnest(%s::uuid[], %s::int[], %s::int[]) AS said (id, tries, status)
            WHERE hooks_delivery.id = said.id AND hooks_delivery.tries = said.tries AND state = 'pending'
            """,
            [now, *(list(column) for column in zip(*rows, strict=True))],
        )


def _settle(claim: _Claim, outcome: _Outcome, *, now: datetime) -> None:
    """Write what came of a try, unless another has been begun since or the subscription has ended."""
    wait_for = delay_after(claim.tries)
    subscription = claim.delivery.subscription
    changes: dict[str, Any] = (
        {"next_try_at": now + wait_for} if wait_for is not None else {"state": Delivery.State.DEAD}
    )
    if not outcome.error:
        changes = {"state": Delivery.State.DELIVERED, "delivered_at": now}
    elif outcome.status == _GONE:
        changes = {"state": Delivery.State.DEAD}
    with transaction.atomic():
        mine = Delivery.objects.filter(id=claim.delivery.id, state=Delivery.State.PENDING, tries=claim.tries)
        mine.update(last_status=outcome.status, last_error=outcome.error, leased_until=None, **changes)
        _note_target(subscription, outcome, now=now)
    if (
        outcome.status == _GONE
    ):  # by itself, for it destroys the secret: a crash before it, and the next delivery is answered 410 too
        end(subscription=subscription, actor="service", reason="gone", now=now)
    if outcome.error:
        log.warning("hook_not_delivered", delivery=str(claim.delivery.id), error=outcome.error, tries=claim.tries)


def _note_target(subscription: Subscription, outcome: _Outcome, *, now: datetime) -> None:
    """Leave a target alone that was not reached, whichever of the app's hooks lead there; another app's do not say anything of it here."""
    there = Subscription.objects.filter(app=subscription.app_id, target=subscription.target)
    if not outcome.reached:
        failures = subscription.failures + 1
        rest = rest_after(failures, wished=outcome.wished)
        there.update(failures=failures, not_before=now + rest)
    elif subscription.failures:
        there.update(failures=0, not_before=None)


def tidy(*, now: datetime) -> None:
    """Delete what was settled long ago, and the secrets that no living subscription has; give up what waits for who does not answer.

    Raises:
        ledger.errors.Behind: The database is older than what was published: its missing rows prove nothing.
    """
    refuse_if_any_is_behind()
    waiting = Delivery.objects.filter(state=Delivery.State.PENDING)
    waiting.filter(subscription__state=Subscription.State.ENDED).update(
        state=Delivery.State.DEAD, last_error="unsubscribed"
    )
    unanswered = waiting.filter(subscription__failures__gt=0, next_try_at__lt=now - GIVEN_UP_AFTER)
    unanswered.update(state=Delivery.State.DEAD, last_error="unreachable")
    while _delete_settled(before=now - KEPT_FOR) == _TIDIED_AT_ONCE:
        pass
    Subscription.objects.filter(previous_until__lte=now).update(previous=None, previous_until=None)
    for names in store().older_than(now - SECRET_GRACE, prefix=KEY_PREFIX):
        store().destroy(set(names) - _living(names))


def _delete_settled(*, before: datetime) -> int:
    """Delete some that were settled; return how many. Ids grow with time (UUIDv7), so the oldest are found by them."""
    first = uuid.UUID(int=int(before.timestamp() * 1000) << 80)
    old = Delivery.objects.filter(id__lt=first).exclude(state=Delivery.State.PENDING).order_by("id")
    ids = list(old.values_list("id", flat=True)[:_TIDIED_AT_ONCE])
    return Delivery.objects.filter(id__in=ids).exclude(state=Delivery.State.PENDING).delete()[0] if ids else 0


def _living(names: Sequence[str]) -> set[str]:
    """Return which of the secrets a subscription has."""
    ids = [uuid.UUID(name.removeprefix(KEY_PREFIX)) for name in names]
    active = Subscription.objects.filter(state=Subscription.State.ACTIVE)
    found = active.filter(id__in=ids) | active.filter(secret__in=ids) | active.filter(previous__in=ids)
    return {name for each in found for name in (each.key_name, each.previous_name) if name}
