"""What the verbs, the portal and the admin read of hooks."""

import uuid
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.db.models import QuerySet

from accounts.models import App
from hooks.models import Delivery, Subscription
from hooks.signature import secret_text
from keyring.errors import KeyGone
from keyring.keys import store

OWN_KEY: Final = "deliveries:platform"


def secrets_of_one(subscription: Subscription, *, now: datetime) -> list[str]:
    """Return the secrets under which it is signed now, the newest first, as Standard Webhooks writes them.

    Raises:
        keyring.errors.KeyGone: They were destroyed with the subscription.
    """
    newest, *before = subscription.key_names(now=now)
    return [secret_text(store().get(name)) for name in (newest, *(old for old in before if store().has(old)))]


def active(*, app: App, event: str) -> QuerySet[Subscription]:
    """Return the subscriptions of an app to an event."""
    return Subscription.objects.filter(app=app, event=event, state=Subscription.State.ACTIVE)


def secrets_of(*, app: App, event: str, now: datetime) -> list[str]:
    """Return the secrets of an app's active subscriptions to an event."""
    found = []
    for subscription in active(app=app, event=event):
        try:
            found += secrets_of_one(subscription, now=now)
        except KeyGone:
            continue  # it is being ended at this moment
    return found


def deliveries_of(*, events: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Delivery]]:
    """Return the deliveries of each event; an event that nobody listened to has none."""
    found: dict[uuid.UUID, list[Delivery]] = {event: [] for event in events}
    for delivery in Delivery.objects.filter(event_id__in=events).order_by("created_at"):
        found[delivery.event_id].append(delivery)
    return found


def own_key(*, now: datetime) -> Ed25519PrivateKey:
    """Return the key by which the service signs deliveries, making it on first use."""
    return Ed25519PrivateKey.from_private_bytes(store().make(OWN_KEY, now=now))


_DUE = """
SELECT waiting.id, hook.app_id, hook.target, hook.failures
FROM hooks_subscription hook
CROSS JOIN LATERAL (
    SELECT id, next_try_at FROM hooks_delivery
    WHERE subscription_id = hook.id AND state = 'pending' AND next_try_at <= %(now)s
    ORDER BY next_try_at, id LIMIT %(per_app)s
) waiting
WHERE hook.state = 'active' AND (hook.not_before IS NULL OR hook.not_before <= %(now)s)
ORDER BY waiting.next_try_at, waiting.id
"""


def due(*, now: datetime, most: int, per_app: int) -> list[uuid.UUID]:
    """Return up to `most` deliveries to send now, the longest due first.

    Of each app no more than leaves `per_app` on their way; of a target of its that was not reached the last time, one.
    """
    leased = Delivery.objects.filter(state=Delivery.State.PENDING, leased_until__gt=now)
    on_their_way = list(leased.values_list("subscription__app", "subscription__target"))
    busy, there = Counter(app for app, _ in on_their_way), Counter(on_their_way)
    chosen: list[uuid.UUID] = []
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "per_app": per_app})
        for delivery_id, app, target, failures in cursor:
            if len(chosen) == most:
                break
            if busy[app] < per_app and there[app, target] < (1 if failures else per_app):
                busy[app] += 1
                there[app, target] += 1
                chosen.append(delivery_id)
    return chosen
