"""Celery's door to the verbs of retention."""

from celery import shared_task
from django.utils import timezone

from retention import pursue as erasures
from retention import sweep as verbs


@shared_task(name="retention.sweep")
def sweep() -> None:
    """Destroy what is due."""
    verbs.sweep(clock=timezone.now)


@shared_task(name="retention.sweep_orphans")
def sweep_orphans() -> None:
    """Destroy what a crash left behind."""
    verbs.sweep_orphans(now=timezone.now())


@shared_task(name="retention.pursue")
def pursue() -> None:
    """See erasures through."""
    erasures.pursue(clock=timezone.now)
