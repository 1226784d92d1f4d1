"""Run the sequencer: give pending entries of every log their place. One process; a second one waits its turn."""

from typing import Any

from django.core.management.base import BaseCommand

from ledger.barrier import refuse_if_behind
from ledger.management.loop import Loop
from ledger.models import Log, Pending
from ledger.sequence import sequence


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        Loop("sequencer", _serve).run()


def _serve(origin: str) -> bool:
    """Do one round of one log; say whether there was something to do."""
    if not Pending.objects.filter(log=origin).exists():
        return False
    refuse_if_behind(Log.objects.get(origin=origin))
    return sequence(origin=origin) > 0
