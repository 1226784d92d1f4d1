"""Celery's door to the verbs of guard."""

from celery import shared_task
from django.utils import timezone

from guard import answer as answers
from guard import export as siem
from guard import follow_records, forget, look_for_silence, reconcile


@shared_task(name="guard.answer")
def answer() -> None:
    """Do what alerts ask for."""
    answers.answer(clock=timezone.now, steps=answers.ACTS)


@shared_task(name="guard.tell")
def tell() -> None:
    """Write to officers of alerts."""
    answers.answer(clock=timezone.now, steps=answers.LETTERS)


@shared_task(name="guard.watch")
def watch() -> None:
    """Notice what no host reports: files without a record, silence, the rate of records; and give answers that were left."""
    reconcile.reconcile(now=timezone.now())
    look_for_silence.look_for_silence(now=timezone.now())
    follow_records.follow_records(now=timezone.now())
    answers.answer(clock=timezone.now, steps=answers.ACTS)


@shared_task(name="guard.forget")
def forget_old() -> None:
    """Let go of what hosts reported."""
    forget.forget(now=timezone.now())


@shared_task(name="guard.export")
def export() -> None:
    """Tell the SIEM what waits."""
    siem.export(clock=timezone.now)
