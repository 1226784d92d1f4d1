"""Delete what nobody will ask for any more. It can be repeated, and nothing waits for it: each reader looks at the time itself."""

from datetime import datetime, timedelta
from typing import Final

from zkp.models import Challenge, Enrolment, Spent, Verdict, epoch_of

VERDICTS_LIVE: Final = timedelta(hours=1)


def tidy(*, now: datetime) -> None:
    """Delete questions that were not answered in time, verdicts of more than an hour ago, and pseudonyms of epochs before yesterday.

    A challenge of yesterday can still be answered for some minutes of today, so yesterday's pseudonyms stay spent.
    """
    Enrolment.objects.filter(expires_at__lt=now).delete()
    Challenge.objects.filter(expires_at__lt=now).delete()
    Verdict.objects.filter(checked_at__lt=now - VERDICTS_LIVE).delete()
    Spent.objects.filter(epoch__lt=epoch_of(now) - 1).delete()
