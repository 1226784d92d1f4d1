"""Celery's door to the verbs of the ledger."""

from celery import shared_task
from django.utils import timezone

from ledger.reserve import expire


@shared_task(name="ledger.expire_reservations")
def expire_reservations() -> None:
    """Delete kept answers that are old enough."""
    expire(now=timezone.now())
