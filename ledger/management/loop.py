"""The round that the sequencer and the publisher make: every log in its turn, for ever; what is wrong with one stops no other."""

import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable

import structlog
from django.db import Error, InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone

from keyring.errors import KeyringError
from ledger.alarms import end_alarm, raise_alarm
from ledger.errors import Behind, LedgerError

POLL_SECONDS = 0.05
PAUSE_AFTER_ERROR_SECONDS = 1.0
WRONG = (LedgerError, KeyringError, Error, OSError, sqlite3.Error, RuntimeError, ValueError)
"""What is one log's trouble; among it what the database refuses: a place that is taken, a right that is gone."""
log = structlog.get_logger(__name__)


class Loop:
    """Serves logs until a signal.

    `find()` names those that have work; `serve(origin)` does one round of one log and says whether there may be more to do at once.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], Iterable[str]],
        serve: Callable[[str], bool],
        *,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self._name, self._find, self._serve, self._after = name, find, serve, after
        self._said: dict[str, str | None] = {}
        self._not_before: dict[str, float] = {}

    def run(self) -> None:
        """Go round until SIGTERM or SIGINT."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                busy = any([self._round(origin) for origin in self._find()])  # noqa: C419 - every log has its turn
                self._guarded("", self._after)
            except (OperationalError, InterfaceError) as error:
                # PostgreSQL restarting: nothing was half done, so wait and take up the same work.
                log.warning("process_waits", who=self._name, error=type(error).__name__)
                close_old_connections()
                connection.close()
                stop.wait(PAUSE_AFTER_ERROR_SECONDS)
                continue
            if not busy:
                stop.wait(POLL_SECONDS)

    def _round(self, origin: str) -> bool:
        if time.monotonic() < self._not_before.get(origin, 0.0):
            return False
        return self._guarded(origin, lambda: self._serve(origin))

    def _guarded(self, origin: str, work: Callable[[], object]) -> bool:
        """Do the work; say once what stops it, and look again a little later."""
        try:
            more = bool(work())
        except (OperationalError, InterfaceError):
            raise
        except WRONG as error:
            why = str(error) if isinstance(error, LedgerError) else type(error).__name__
            self._not_before[origin] = time.monotonic() + PAUSE_AFTER_ERROR_SECONDS
            if self._said.get(origin) != why:
                log.critical("log_stands_still", origin=origin, why=why, who=self._name)
                if origin:
                    what = "log.behind" if isinstance(error, Behind) else "log.stalled"
                    raise_alarm(origin=origin, what=what, detail=f"{self._name}: {why}", now=timezone.now())
            self._said[origin] = why
            return False
        if self._said.get(origin, "unknown") is not None and origin:  # also what an earlier process said
            for what in ("log.behind", "log.stalled"):
                end_alarm(origin=origin, what=what, detail=f"{self._name}: ", now=timezone.now())
        self._said[origin] = None
        return more
