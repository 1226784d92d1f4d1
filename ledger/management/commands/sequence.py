"""Run the sequencer: give pending entries of every log their place. One process; a second one waits its turn."""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Exists, OuterRef

from ledger.barrier import refuse_if_behind
from ledger.management.loop import Loop
from ledger.models import Log, Pending
from ledger.sequence import sequence


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        Loop("sequencer", _waiting, _serve).run()


def _waiting() -> Iterable[str]:
    """Name the logs in which entries wait for their place."""
    waits = Pending.objects.filter(log=OuterRef("origin"))
    return list(Log.objects.filter(Exists(waits)).values_list("origin", flat=True))


def _serve(origin: str) -> bool:
    """Do one round of one log; say whether there was something to do."""
    refuse_if_behind(Log.objects.get(origin=origin))
    return sequence(origin=origin) > 0
