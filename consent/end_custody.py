"""End the custody of a person's keys once their wallet has claimed: the last steps of `consent.claim`, which a crash may have left."""

from datetime import datetime
from uuid import UUID

from consent.models import Subject
from keyring.keys import store
from ledger.barrier import refuse_if_any_is_behind


def end_custody(*, subject_id: UUID, now: datetime) -> None:
    """Destroy the service's own keys for somebody whose wallet has claimed. It can be repeated."""
    subject = Subject.objects.get(id=subject_id, claimed_at__isnull=False)
    store().destroy([subject.custody_name])
    Subject.objects.filter(id=subject_id, custody_ended_at=None).update(custody_ended_at=now)


def end_all_custody(*, now: datetime) -> None:
    """Finish claims that a crash cut short.

    Raises:
        ledger.errors.Behind: The database is older than what was published: its rows prove nothing.
    """
    refuse_if_any_is_behind()
    unfinished = Subject.objects.filter(claimed_at__isnull=False, custody_ended_at=None)
    for subject_id in unfinished.values_list("id", flat=True):
        end_custody(subject_id=subject_id, now=now)
