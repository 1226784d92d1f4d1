"""Subscribe an app to an event, once its address has answered a challenge.

One transaction, in which one app subscribes one at a time: address checked; challenged; secret stored and synced; row and entry. A crash
before the commit leaves at most a secret without a subscription, which `hooks.tidy` destroys. The challenge is signed like every delivery, with the secret that the
app learns afterwards: a receiver sees what a delivery looks like, and can check it only from the first delivery on.
"""

import hashlib
import os
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from accounts.models import App
from hooks import cloudevent, target
from hooks.deliver import post
from hooks.errors import ChallengeFailed, ChallengeUnderWay, TargetRefused, TooManySubscriptions
from hooks.models import Subscription
from hooks.signature import secret_text
from keyring.keys import store
from ledger.append import append

MOST = 20


@dataclass(frozen=True)
class Subscribed:
    """A subscription and its secret, which is shown once."""

    subscription: Subscription
    secret: str


def subscribe(*, app: App, event: str, target_url: str, now: datetime) -> Subscribed:
    """Subscribe `app` to `event` at `target_url`.

    Raises:
        TargetRefused: The address may not be called.
        ChallengeFailed: It did not answer as it must.
        TooManySubscriptions: The app has twenty already.
        ChallengeUnderWay: Another of the app's addresses is being challenged.
    """
    target.check_url(target_url, private=settings.HOOK_TARGETS_PRIVATE)
    key = os.urandom(32)
    secret = secret_text(key)
    with transaction.atomic():
        _take_turn(app)
        _refuse_more(app)
        _challenge(target_url, secret, now=now)
        subscription = Subscription(
            id=uuid7(), app=app, event=event, target_url=target_url, target=target.of(target_url), created_at=now
        )
        store().put({subscription.key_name: key}, now=now)
        subscription.save(force_insert=True)
        append(
            origin=app.tenant.origin,
            kind="hook.subscribed",
            actor=f"app:{app.id}",
            payload={
                "app": str(app.id),
                "hook": str(subscription.id),
                "event": event,
                "host": urlsplit(target_url).hostname,
            },
            holder=app.tenant.key_name,
            now=now,
        )
    return Subscribed(subscription, secret)


def _take_turn(app: App) -> None:
    """Hold the app's turn until the transaction ends: a challenge takes a thread for up to ten seconds, and an app gets one."""
    key = int.from_bytes(hashlib.sha256(b"hook" + app.id.bytes).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise ChallengeUnderWay


def _refuse_more(app: App) -> None:
    if Subscription.objects.filter(app=app, state=Subscription.State.ACTIVE).count() >= MOST:
        raise TooManySubscriptions


def _challenge(target_url: str, secret: str, *, now: datetime) -> None:
    word = secrets.token_urlsafe(24)
    event_id = uuid.UUID(str(uuid7()))
    body = cloudevent.encode(
        event_id=event_id,
        source=settings.PUBLIC_URL,
        event=cloudevent.CHALLENGE,
        data={"challenge": word},
        now=now,
    )
    try:
        with target.client(private=settings.HOOK_TARGETS_PRIVATE) as client:
            answer = post(client, target_url, event_id=event_id, body=body, secrets=[secret], now=now)
            said = answer.json()
    except TargetRefused:
        raise
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError):
        raise ChallengeFailed from None
    same = isinstance(said, dict) and said.get("challenge") == word
    if not answer.is_success or not same:
        raise ChallengeFailed
