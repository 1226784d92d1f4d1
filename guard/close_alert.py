"""Close an alert: an officer has looked at it. What was done stays done, and it happens again as a new alert.

One transaction: the row and the entry `alert.closed`.
"""

import uuid
from datetime import datetime

from django.db import transaction

from consent.enter import enter_for_tenant
from guard.errors import AlertUnknown
from guard.models import Alert
from guard.ship import ship


def close_alert(*, alert_id: uuid.UUID, officer: str, now: datetime) -> Alert:
    """Close it; closing a closed alert changes nothing.

    Raises:
        AlertUnknown: There is no such alert.
    """
    with transaction.atomic():
        found = Alert.objects.select_for_update(of=("self",)).select_related("host__tenant", "app")
        alert = found.filter(id=alert_id).first()
        if alert is None:
            raise AlertUnknown
        if alert.state != Alert.State.CLOSED:
            alert.state, alert.closed_at, alert.closed_by = Alert.State.CLOSED, now, officer
            alert.save(update_fields=["state", "closed_at", "closed_by"])
            ship(alert=alert, act="closed", now=now)
            enter_for_tenant(
                tenant=alert.host.tenant,
                kind="alert.closed",
                actor=f"officer:{officer}",
                payload={"alert": str(alert_id), "rule": alert.rule},
                now=now,
            )
    return alert
