"""Raise and end alarms: what is wrong with a log now, for the officer and the metrics.

One open alarm for each log, thing and detail: raising it again changes nothing, so that a loop may say what it sees each time. A crash
between the trouble and the alarm leaves none; the next round raises it.
"""

from datetime import datetime

from django.db import transaction

from ledger.models import Alarm


def raise_alarm(*, origin: str, what: str, detail: str = "", now: datetime) -> None:
    """Say that something is wrong with the log `origin`: `what` is a dotted word, `detail` a short sentence without personal data."""
    with transaction.atomic():
        Alarm.objects.bulk_create(
            [Alarm(log_id=origin, what=what, detail=detail[:300], raised_at=now)], ignore_conflicts=True
        )


def end_alarm(*, origin: str, what: str, detail: str = "", now: datetime) -> None:
    """Say that it is over: every open alarm of that kind whose detail begins so."""
    Alarm.objects.filter(log=origin, what=what, detail__startswith=detail, ended_at=None).update(ended_at=now)
