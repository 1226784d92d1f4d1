"""What the verbs, the portal and the admin read of hooks."""

import base64
import uuid
from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

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


def due(*, now: datetime) -> QuerySet[Delivery]:
    """Return what is to be sent now, the longest due first."""
    return Delivery.objects.filter(state=Delivery.State.PENDING, next_try_at__lte=now).order_by("next_try_at", "id")
