"""Celery's door to the verbs of the ledger."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from ledger.anchor import anchor
from ledger.reserve import expire
from ledger.verify_now import carry_out


@shared_task(name="ledger.expire_reservations")
def expire_reservations() -> None:
    """Delete kept answers that are old enough."""
    expire(now=timezone.now())


@shared_task(name="ledger.verify_now")
def verify_now() -> None:
    """Verify the logs that officers asked for."""
    carry_out(clock=timezone.now)


@shared_task(name="ledger.anchor")
def anchor_platform_log() -> None:
    """Have the newest head of the platform's log anchored, which covers the heads of all others."""
    anchor(origin=settings.PLATFORM_ORIGIN, now=timezone.now())
