"""Give a subscription a new secret, with an overlap in which the old one signs too.

One transaction under the row's lock: secret stored and synced; row and entry. A crash before the commit leaves a secret that no
subscription has, which `hooks.tidy` destroys; the old one signs on. A secret before the old one ends at once.
"""

import os
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.models import App
from hooks.errors import SubscriptionUnknown
from hooks.models import Subscription
from hooks.signature import secret_text
from keyring.keys import store
from ledger.append import append

OVERLAP: Final = timedelta(days=1)
LONGEST_OVERLAP: Final = timedelta(days=7)


@dataclass(frozen=True)
class Rotated:
    """A subscription and its new secret, which is shown once."""

    subscription: Subscription
    secret: str


def rotate(*, app: App, subscription_id: uuid.UUID, overlap: timedelta, now: datetime) -> Rotated:
    """Give it a new secret; until `overlap` is over, deliveries are signed under both.

    Raises:
        SubscriptionUnknown: The app has no such subscription, or it has ended.
    """
    key = os.urandom(32)
    with transaction.atomic():
        living = Subscription.objects.select_related("app__tenant").select_for_update(of=("self",))
        subscription = living.filter(id=subscription_id, app=app, state=Subscription.State.ACTIVE).first()
        if subscription is None:
            raise SubscriptionUnknown
        subscription.previous, subscription.previous_until = subscription.secret or subscription.id, now + overlap
        subscription.secret = uuid7()
        store().put({subscription.key_name: key}, now=now)
        subscription.save(update_fields=["secret", "previous", "previous_until"])
        append(
            origin=app.tenant.origin,
            kind="hook.secret_rotated",
            actor=f"app:{app.id}",
            payload={
                "app": str(app.id),
                "hook": str(subscription.id),
                "previous_until": subscription.previous_until.isoformat(),
            },
            holder=app.tenant.key_name,
            now=now,
        )
    return Rotated(subscription, secret_text(key))
