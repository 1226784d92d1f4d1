"""End a subscription: by its app, or because its address said 410.

One transaction: the row, what was on its way, the entry. Then its secrets are destroyed; a crash before that leaves them to `hooks.tidy`.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import App
from hooks.errors import SubscriptionUnknown
from hooks.models import Delivery, Subscription
from keyring.keys import store
from ledger.append import append


def unsubscribe(*, app: App, subscription_id: uuid.UUID, now: datetime) -> None:
    """End the app's subscription; repeating it changes nothing.

    Raises:
        SubscriptionUnknown: The app has no such subscription.
    """
    subscription = Subscription.objects.select_related("app__tenant").filter(id=subscription_id, app=app).first()
    if subscription is None:
        raise SubscriptionUnknown
    end(subscription=subscription, actor=f"app:{app.id}", reason="unsubscribed", now=now)


def end(*, subscription: Subscription, actor: str, reason: str, now: datetime) -> None:
    """End a subscription, and give up what was on its way to it."""
    with transaction.atomic():
        living = Subscription.objects.filter(id=subscription.id, state=Subscription.State.ACTIVE)
        if living.update(state=Subscription.State.ENDED, ended_at=now, end_reason=reason):
            pending = Delivery.objects.filter(subscription=subscription, state=Delivery.State.PENDING)
            pending.update(state=Delivery.State.DEAD, last_error=reason)
            append(
                origin=subscription.app.tenant.origin,
                kind="hook.ended",
                actor=actor,
                payload={"app": str(subscription.app_id), "hook": str(subscription.id), "reason": reason},
                holder=subscription.app.tenant.key_name,
                now=now,
            )
    subscription.refresh_from_db(fields=["secret", "previous"])  # it may have been given a new one since
    store().destroy(name for name in (subscription.key_name, subscription.previous_name) if name)
