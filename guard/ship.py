"""Put an alert, or what became of it, on the way to the SIEM: a transactional outbox.

A row in the caller's transaction, where a SIEM is set: it is told exactly if the thing happened, in this order. The sending follows after
the commit, by `guard.export`.
"""

from datetime import datetime

from django.conf import settings

from guard.models import Alert, Answer, Shipment
from hooks.wake import wake


def ship(*, alert: Alert, act: str, now: datetime, answer: Answer | None = None) -> None:
    """Note that the SIEM is to be told; `act` is `raised`, `answered`, `undone` or `closed`."""
    if settings.SIEM_URL:
        Shipment.objects.create(alert=alert, answer=answer, act=act, at=now)
        wake("guard.export")
