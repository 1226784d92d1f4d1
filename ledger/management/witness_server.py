"""A witness's HTTP interface, C2SP tlog-witness: `POST /add-checkpoint` and `GET /<SHA-256 of the origin>/checkpoint`, on gunicorn.

One process of threads; the state's file orders them. No session, no cookie, no database of the service. A body is bounded in bytes
and in time. What fails inside is a 500, without a word of why.
"""

import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication

from ledger import note, witness
from ledger.addcheckpoint import MAX_REQUEST_BYTES
from ledger.cosignature import CosignatureSigner, LogKey
from ledger.errors import InvalidCheckpoint, InvalidKey
from ledger.management.witness_state import State
from ledger.witness import TEXT, Answer

BODY_SECONDS = 15.0
THREADS = 16
_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint")
_PIECE_BYTES = 65_536
log = structlog.get_logger(__name__)


class Logs:
    """The logs that are known: those given at the start, and those of a file, which is read again when it has changed."""

    def __init__(self, given: Iterable[tuple[str, LogKey]], file: Path | None) -> None:
        """Read all; raises ledger.errors.InvalidKey, OSError or UnicodeDecodeError."""
        self._given = list(given)
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._known = witness.by_origin(self._given)
        self._lock = threading.Lock()
        if file:
            self._reread(file)

    def current(self) -> dict[str, tuple[LogKey, ...]]:
        """Return the keys of each origin. A file that has become unreadable changes nothing, and is complained of."""
        if self._file:
            with self._lock:
                try:
                    self._reread(self._file)
                except (OSError, InvalidKey, UnicodeDecodeError) as error:
                    log.error("list_of_logs_unreadable", why=str(error))  # noqa: TRY400 - the reason is told
        return self._known

    def _reread(self, file: Path) -> None:
        found = file.stat()
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen != self._seen:
            self._seen = seen
            listed = witness.parse_logs(file.read_text(encoding="utf-8"))
            pairs = [(origin, key) for origin, keys in listed.items() for key in keys]
            self._known = witness.by_origin([*self._given, *pairs])


class Witness:
    """The WSGI application."""

    def __init__(
        self,
        *,
        state: State,
        signers: list[CosignatureSigner],
        logs: Logs,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._signers = signers
        self._logs = logs
        self._clock = clock

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """Answer a request."""
        try:
            answer, more = self._serve(environ)
        except (OSError, sqlite3.Error):
            log.exception("witness_failed")
            answer, more = Answer(500, "the witness cannot answer now\n"), {"Connection": "close"}
        body = answer.body.encode()
        headers = {"Content-Type": answer.content_type, "Content-Length": str(len(body)), **more}
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(headers.items()))
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def add_checkpoint(self, body: bytes) -> Answer:
        """Decide, persist, and only then answer."""
        submission = witness.read(body, self._logs.current())
        if isinstance(submission, Answer):
            return submission
        now = int(self._clock())
        with self._state.locked(submission.origin) as locked:
            decision = witness.decide(submission, locked.head)
            kind = decision.evidence.kind if decision.evidence and locked.keep(decision.evidence, at=now) else None
            lines: list[note.Signature] = []
            if decision.refusal is None:
                # A clock set back would let us say of an earlier time what is true of a later one.
                at = max(now, locked.at, 1)
                lines = list(self._cosign(submission.text.encode(), at))
                if lines:
                    cosigned = submission.head.note + "".join(line.line() for line in lines)
                    locked.replace(submission.head, cosigned=cosigned, at=at)
                    if locked.reconcile(submission.head, at=now):
                        kind = witness.EQUIVOCATION
        if kind:
            log.critical("witness_keeps_evidence", origin=submission.origin, kind=kind)
        if decision.refusal:
            return decision.refusal
        if not lines:
            return Answer(400, "this witness cosigns no checkpoint with extension lines, or with so long an origin\n")
        return Answer(200, "".join(line.line() for line in lines))

    def _cosign(self, text: bytes, at: int) -> Iterable[note.Signature]:
        for signer in self._signers:
            with suppress(InvalidCheckpoint):  # ML-DSA-44 signs no extension lines and no long origins.
                yield signer.sign(text, at=at)

    def _serve(self, environ: dict[str, Any]) -> tuple[Answer, dict[str, str]]:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if path == "/add-checkpoint":
            if method != "POST":
                return Answer(405, "POST\n"), {"Allow": "POST"}
            body = _read_body(environ)
            if body is None:
                return Answer(413, f"more than {MAX_REQUEST_BYTES} bytes\n"), {"Connection": "close"}
            return self.add_checkpoint(body), {}
        if match := _CHECKPOINT.fullmatch(path):
            if method not in {"GET", "HEAD"}:
                return Answer(405, "GET\n"), {"Allow": "GET, HEAD"}
            cosigned = self._state.cosigned(match[1])
            if cosigned is not None:
                return Answer(200, cosigned), {"Cache-Control": "public, max-age=5"}
        return Answer(404, "not found\n", TEXT), {}


def serve(application: Witness, *, listen: str) -> None:
    """Serve until SIGTERM; never returns."""
    _Gunicorn(application, listen).run()


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    def __init__(self, application: Witness, listen: str) -> None:
        self._application = application
        self._listen = listen
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": [self._listen],
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "keepalive": 60,
            "timeout": 60,
            "graceful_timeout": 10,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "consonant-witness",
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Witness:
        return self._application


def _read_body(environ: dict[str, Any]) -> bytes | None:
    """Return the body, or None when it is too long."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > MAX_REQUEST_BYTES:
        return None
    pieces: list[bytes] = []
    with _cut_after(environ.get("gunicorn.socket"), BODY_SECONDS):
        while sum(map(len, pieces)) <= MAX_REQUEST_BYTES:
            piece = environ["wsgi.input"].read(_PIECE_BYTES)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
    return None


@contextmanager
def _cut_after(connection: Any, seconds: float) -> Any:
    """Cut the connection of a client that sends its body too slowly."""

    def cut() -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
