"""Run the publisher: sign the head of every log, collect cosignatures, publish; enter the heads in the platform's log. One process; a second one waits its turn."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from ledger.enter_heads import enter_heads, open_platform_log
from ledger.management.loop import Loop
from ledger.models import Log
from ledger.publish import publish

LOOK_AGAIN_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 30.0
ENTER_SECONDS = 1.0


@dataclass
class _Seen:
    """What became of a log's last round: the size that was published, when to look again though it has not grown, and the last pause."""

    published: int = -1
    again: float = 0.0
    pause: float = 0.5


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        self._seen: dict[str, _Seen] = {}
        self._enter_at = 0.0
        self._opened = False
        Loop("publisher", self._grown, self._serve, after=self._enter).run()

    def _grown(self) -> Iterable[str]:
        """Name the logs whose head is not published, and now and then all: files can be lost."""
        now = time.monotonic()
        for origin, size in list(Log.objects.values_list("origin", "size")):
            seen = self._seen.setdefault(origin, _Seen())
            if now >= seen.again or (size != seen.published and seen.published >= 0):
                yield origin

    def _serve(self, origin: str) -> bool:
        """Do one round of one log. Without a quorum wait 1 s before the witnesses are asked again, then 2 s, up to half a minute."""
        seen = self._seen[origin]
        size = Log.objects.values_list("size", flat=True).get(origin=origin)
        published = publish(origin=origin, now=timezone.now())
        if published < size:
            seen.published, seen.pause = -1, min(seen.pause * 2, LONGEST_PAUSE_SECONDS)
            seen.again = time.monotonic() + seen.pause
        else:
            seen.published, seen.again, seen.pause = published, time.monotonic() + LOOK_AGAIN_SECONDS, 0.5
        return False

    def _enter(self) -> None:
        if time.monotonic() < self._enter_at:
            return
        self._enter_at = time.monotonic() + ENTER_SECONDS
        if not self._opened:
            open_platform_log(now=timezone.now())
            self._opened = True
        enter_heads(now=timezone.now())
