"""Celery's door to the verbs of zkp."""

from celery import shared_task
from django.utils import timezone

from zkp.tidy import tidy as carry_out


@shared_task(name="zkp.tidy")
def tidy() -> None:
    """Delete what is over."""
    carry_out(now=timezone.now())
