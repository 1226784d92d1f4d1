"""Celery's door to the verbs of consent."""

from celery import shared_task
from django.utils import timezone

from consent import check_fallbacks as fallbacks
from consent import end_custody as custody
from consent import tell_of_notice as letters
from consent.lapse import lapse as carry_out


@shared_task(name="consent.lapse")
def lapse() -> None:
    """End what time has ended."""
    carry_out(now=timezone.now())


@shared_task(name="consent.end_custody")
def end_custody() -> None:
    """Finish what a crash left of claims."""
    custody.end_all_custody(now=timezone.now())


@shared_task(name="consent.tell_of_notice")
def tell_of_notice() -> None:
    """Tell people of notices that have changed, a round."""
    letters.tell_of_notice(now=timezone.now())


@shared_task(name="consent.check_fallbacks")
def check_fallbacks() -> None:
    """Look whether each app can be had without consent."""
    fallbacks.check_fallbacks(clock=timezone.now)
