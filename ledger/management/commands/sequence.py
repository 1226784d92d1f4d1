"""Run the sequencer: give pending entries their place, sign the head, publish the log. One process; a second one waits its turn."""

import signal
import sqlite3
import threading
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections, connection
from django.utils import timezone

from keyring.errors import KeyringError
from ledger.errors import LedgerError
from ledger.models import Log, Pending
from ledger.publish import publish, refuse_if_behind
from ledger.sequence import sequence

POLL_SECONDS = 0.05
PAUSE_AFTER_ERROR_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        self._said: dict[str, str] = {}
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                busy = any([self._serve(origin) for origin in Log.objects.values_list("origin", flat=True)])  # noqa: C419 - every log has its turn
            except Error as error:
                # PostgreSQL restarting: nothing was half done, so wait and take up the same work.
                log.warning("sequencer_waits", error=type(error).__name__)
                close_old_connections()
                connection.close()
                stop.wait(PAUSE_AFTER_ERROR_SECONDS)
                continue
            if not busy:
                stop.wait(POLL_SECONDS)

    def _serve(self, origin: str) -> bool:
        """Do one round of one log; what is wrong with it stops no other."""
        try:
            if Pending.objects.filter(log=origin).exists():
                refuse_if_behind(Log.objects.get(origin=origin))
            moved = sequence(origin=origin)
            publish(origin=origin, now=timezone.now())
        except (LedgerError, KeyringError, OSError, sqlite3.Error, RuntimeError, ValueError) as error:
            why = str(error) if isinstance(error, LedgerError) else type(error).__name__
            if self._said.get(origin) != why:
                self._said[origin] = why
                log.critical("log_stands_still", origin=origin, why=why)
            return False
        return moved > 0
