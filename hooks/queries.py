"""What the verbs, the portal and the admin read of hooks."""

import base64
import uuid
from collections import Counter
from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet, Window
from django.db.models.functions import RowNumber

from accounts.models import App
from hooks.models import Delivery, Subscription
from keyring.errors import KeyGone
from keyring.keys import store


def secret_of(subscription: Subscription) -> str:
    """Return the secret as Standard Webhooks writes it.

    Raises:
        keyring.errors.KeyGone: It was destroyed with the subscription.
    """
    return "whsec_" + base64.b64encode(store().get(subscription.key_name)).decode()


def active(*, app: App, event: str) -> QuerySet[Subscription]:
    """Return the subscriptions of an app to an event."""
    return Subscription.objects.filter(app=app, event=event, state=Subscription.State.ACTIVE)


def secrets_of(*, app: App, event: str) -> list[str]:
    """Return the secrets of an app's active subscriptions to an event."""
    found = []
    for subscription in active(app=app, event=event):
        try:
            found.append(secret_of(subscription))
        except KeyGone:
            continue  # it is being ended at this moment
    return found


def deliveries_of(*, events: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Delivery]]:
    """Return the deliveries of each event; an event that nobody listened to has none."""
    found: dict[uuid.UUID, list[Delivery]] = {event: [] for event in events}
    for delivery in Delivery.objects.filter(event_id__in=events).order_by("created_at"):
        found[delivery.event_id].append(delivery)
    return found


def due(*, now: datetime, most: int, per_app: int) -> list[uuid.UUID]:
    """Return up to `most` deliveries to send now, the longest due first; of each app no more than leaves `per_app` on their way."""
    waiting = Delivery.objects.filter(state=Delivery.State.PENDING)
    living = waiting.filter(next_try_at__lte=now, subscription__state=Subscription.State.ACTIVE)
    reached = living.filter(Q(subscription__not_before=None) | Q(subscription__not_before__lte=now))
    place = Window(RowNumber(), partition_by="subscription__app", order_by=["next_try_at", "id"])
    first = reached.annotate(place=place).filter(place__lte=per_app).order_by("next_try_at", "id")
    busy = Counter(waiting.filter(leased_until__gt=now).values_list("subscription__app", flat=True))
    chosen: list[uuid.UUID] = []
    for delivery_id, app in first.values_list("id", "subscription__app"):
        if busy[app] < per_app and len(chosen) < most:
            busy[app] += 1
            chosen.append(delivery_id)
    return chosen
