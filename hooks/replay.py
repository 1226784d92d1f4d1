"""Send a delivery again: an officer's act, which is entered.

One transaction: the delivery pending anew, the entry. The same event under the same id: a receiver that had it drops it.
"""

import uuid
from datetime import datetime

from django.db import transaction

from hooks.errors import DeliveryUnknown
from hooks.models import Delivery, Subscription
from hooks.wake import wake
from ledger.append import append


def replay(*, delivery_id: uuid.UUID, officer: str, now: datetime) -> bool:
    """Put a settled delivery back on its way; say whether that was done: not while it is on its way, nor to an ended subscription.

    Raises:
        DeliveryUnknown: There is none.
    """
    with transaction.atomic():
        delivery = (
            Delivery.objects.select_related("subscription__app__tenant")
            .select_for_update(of=("self",))
            .filter(id=delivery_id)
            .first()
        )
        if delivery is None:
            raise DeliveryUnknown
        subscription = delivery.subscription
        if delivery.state == Delivery.State.PENDING or subscription.state != Subscription.State.ACTIVE:
            return False
        delivery.state, delivery.tries, delivery.next_try_at = Delivery.State.PENDING, 0, now
        delivery.delivered_at = None
        delivery.save(update_fields=["state", "tries", "next_try_at", "delivered_at"])
        # An officer who sends again has reason to think that somebody is there.
        Subscription.objects.filter(app=subscription.app_id, target=subscription.target).update(not_before=None)
        wake("hooks.deliver")
        append(
            origin=subscription.app.tenant.origin,
            kind="hook.replayed",
            actor=f"officer:{officer}",
            payload={"app": str(subscription.app_id), "hook": str(subscription.id), "delivery": str(delivery.id)},
            holder=subscription.app.tenant.key_name,
            now=now,
        )
    return True
