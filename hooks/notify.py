"""Tell an app of an event: a transactional outbox.

One row for each subscription, in the caller's transaction: the app is told exactly if the thing happened. The word itself goes out after
the commit.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from uuid_utils.compat import uuid7

from accounts.models import App
from hooks.cloudevent import encode
from hooks.models import Delivery
from hooks.queries import active
from hooks.wake import wake


def notify(*, app: App, event: str, data: Mapping[str, Any], now: datetime) -> uuid.UUID:
    """Put the event into the outbox of the app's subscriptions to it; return the event's id, also when nobody listens."""
    [event_id] = notify_all(app=app, event=event, data=[data], now=now)
    return event_id


def notify_all(*, app: App, event: str, data: Sequence[Mapping[str, Any]], now: datetime) -> list[uuid.UUID]:
    """Put an event for each of `data` into the outbox, as `notify` does; return their ids."""
    ids = [uuid7() for _ in data]
    subscriptions = list(active(app=app, event=event))
    if subscriptions:
        Delivery.objects.bulk_create(
            Delivery(
                subscription=subscription, event_id=event_id, event=event, body=body, created_at=now, next_try_at=now
            )
            for event_id, said in zip(ids, data, strict=True)
            for body in [encode(event_id=event_id, source=settings.PUBLIC_URL, event=event, data=said, now=now)]
            for subscription in subscriptions
        )
        wake("hooks.deliver")
    return ids
