"""Run the publisher: sign the head of every log, collect cosignatures, publish; enter the heads in the platform's log. One process; a second one waits its turn."""

import time
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from ledger.enter_heads import enter_heads, open_platform_log
from ledger.management.loop import Loop
from ledger.models import Log
from ledger.publish import publish

LONGEST_PAUSE_SECONDS = 30.0


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        self._again: dict[str, tuple[float, float]] = {}
        self._opened = False
        Loop("publisher", self._serve, after=self._enter).run()

    def _serve(self, origin: str) -> bool:
        """Do one round of one log. Without a quorum wait 1 s before the witnesses are asked again, then 2 s, up to half a minute."""
        at, pause = self._again.get(origin, (0.0, 0.5))
        if time.monotonic() < at:
            return False
        size = Log.objects.values_list("size", flat=True).get(origin=origin)
        if publish(origin=origin, now=timezone.now()) < size:
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._again[origin] = (time.monotonic() + pause, pause)
        else:
            self._again.pop(origin, None)
        return False

    def _enter(self) -> None:
        if not self._opened:
            open_platform_log(now=timezone.now())
            self._opened = True
        enter_heads(now=timezone.now())
