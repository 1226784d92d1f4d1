"""Celery's door to the verbs of hooks; in a queue of their own, for a target can take its time."""

from celery import shared_task
from django.utils import timezone

from hooks import deliver as verbs

ROUNDS = 3


@shared_task(name="hooks.deliver")
def deliver() -> None:
    """Send what is due; not without end, so that a courier that is told to stop can."""
    for _ in range(ROUNDS):
        if not verbs.deliver(clock=timezone.now):
            return


@shared_task(name="hooks.tidy")
def tidy() -> None:
    """Delete what was settled long ago."""
    verbs.tidy(now=timezone.now())
