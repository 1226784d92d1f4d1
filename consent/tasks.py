"""Celery's door to the verbs of consent."""

from celery import shared_task
from django.utils import timezone

from consent.lapse import lapse as carry_out


@shared_task(name="consent.lapse")
def lapse() -> None:
    """End what time has ended."""
    carry_out(now=timezone.now())
