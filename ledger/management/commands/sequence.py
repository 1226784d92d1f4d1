"""Run the sequencer: give pending entries their place, sign the head, publish the log. One process; a second one waits its turn."""

import signal
import threading
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections, connection
from django.utils import timezone

from ledger.errors import Behind
from ledger.models import Log
from ledger.publish import publish
from ledger.sequence import sequence

POLL_SECONDS = 0.05
PAUSE_AFTER_ERROR_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                busy = any([self._serve(origin) for origin in Log.objects.values_list("origin", flat=True)])  # noqa: C419 - every log has its turn
            except (Error, OSError) as error:
                # PostgreSQL restarting, or a full disk: nothing was half done, so wait and take up the same work.
                log.warning("sequencer_waits", error=type(error).__name__)
                close_old_connections()
                connection.close()
                stop.wait(PAUSE_AFTER_ERROR_SECONDS)
                continue
            if not busy:
                stop.wait(POLL_SECONDS)

    def _serve(self, origin: str) -> bool:
        try:
            moved = sequence(origin=origin)
            publish(origin=origin, now=timezone.now())
        except Behind as error:
            log.critical("log_behind", origin=error.detail)
            return False
        return moved > 0
