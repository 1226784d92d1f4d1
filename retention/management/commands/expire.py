"""Run the expiry: destroy each thing when its time comes. One process or more, beside the workers or without them; they share what is due.

Keys, their entries and files have a thread each, and keys go first: neither a long list of entries nor a slow disk keeps a key alive. A crash loses nothing:
what was begun is taken up again, here or elsewhere, by the same steps.
"""

import queue
import signal
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.core.management.base import BaseCommand
from django.db import Error, connection
from django.utils import timezone

from retention.alarm import listen, wait
from retention.erase import BATCH, clear, shredded
from retention.sweep import resume, sweep_keys

PAUSE_SECONDS = 0.05
PAUSE_AFTER_ERROR_SECONDS = 1.0
RESUME_SECONDS = 2.0
"""What failed, or whose worker died, is due at no deadline: so often it is looked for."""
LONGEST_PAUSE_SECONDS = 20.0
"""So long files wait for keys, which go first."""
MOST = 10 * BATCH
"""Files in one go: each folder is synced once for all of them."""
log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: object) -> None:
        self._stop = threading.Event()
        self._destroyed: queue.SimpleQueue[tuple[Sequence[uuid.UUID], datetime]] = queue.SimpleQueue()
        self._begun: queue.SimpleQueue[Sequence[uuid.UUID]] = queue.SimpleQueue()
        self._hears: object = None
        self._idle = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        others = [
            threading.Thread(target=self._go_on, args=(work,), name=name)
            for name, work in (("entries", self._entries), ("files", self._files))
        ]
        for thread in others:
            thread.start()
        self._go_on(self._keys)
        for thread in others:
            thread.join()

    def _go_on(self, work: Callable[[], object]) -> None:
        """Do the work until a signal. PostgreSQL restarting, a key server away: nothing was half done, so wait and take up the same work."""
        while not self._stop.is_set():
            try:
                work()
            except Exception as error:
                log.exception("process_waits", who="expiry", error=type(error).__name__)
                if isinstance(error, Error):
                    connection.close()
                self._stop.wait(PAUSE_AFTER_ERROR_SECONDS)
        connection.close()

    def _keys(self) -> None:
        connection.ensure_connection()
        if self._hears is not connection.connection:
            listen()
            self._hears = connection.connection
        self._idle.set()
        if not wait(clock=timezone.now):
            return
        self._idle.clear()
        if not sweep_keys(lambda ids, at: self._destroyed.put((ids, at)), clock=timezone.now):
            self._stop.wait(PAUSE_SECONDS)  # others have what is due, or it cannot be asked for: not again at once

    def _entries(self) -> None:
        try:
            ids, at = self._destroyed.get(timeout=0.2)
        except queue.Empty:
            return
        shredded(ids=ids, now=at)
        self._begun.put(ids)

    def _files(self) -> None:
        until, ids = time.monotonic() + RESUME_SECONDS, list[uuid.UUID]()
        while not self._stop.is_set() and time.monotonic() < until:
            try:
                ids += self._begun.get(timeout=0.2)
                while len(ids) < MOST:
                    ids += self._begun.get_nowait()
            except queue.Empty:
                pass
            for start in range(0, len(ids), MOST):
                self._idle.wait(LONGEST_PAUSE_SECONDS)
                clear(ids=ids[start : start + MOST], clock=timezone.now)
            ids.clear()
        resume(clock=timezone.now)
