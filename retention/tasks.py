"""Celery's door to the verbs of retention."""

from celery import shared_task
from django.utils import timezone

from retention import ask_processors as processors
from retention import change_policy, follow, lock_up, probe
from retention import make_exports as exports
from retention import mend as mending
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


@shared_task(name="retention.ask_processors")
def ask_processors() -> None:
    """Ask who else got something to erase it."""
    processors.ask_processors(clock=timezone.now)


@shared_task(name="retention.look")
def look() -> None:
    """Look whether things are gone where they were said to be."""
    probe.look(clock=timezone.now)


@shared_task(name="retention.make_exports")
def make_exports() -> None:
    """Make what people asked to take with them, and let go of what they had a week for."""
    exports.make_exports(clock=timezone.now)


@shared_task(name="retention.close_lockers")
def close_lockers() -> None:
    """Lock again what people had opened for a while."""
    lock_up.close_over(now=timezone.now())


@shared_task(name="retention.apply_policies")
def apply_policies() -> None:
    """Bring what lives under policies that are new."""
    change_policy.apply_pending(now=timezone.now())


@shared_task(name="retention.look_for_overlooked")
def look_for_overlooked() -> None:
    """Find what ended without a row that told of it."""
    follow.look_for_overlooked(now=timezone.now())


@shared_task(name="retention.mend")
def mend() -> None:
    """Look for what belongs together and lies apart."""
    mending.mend(clock=timezone.now)
