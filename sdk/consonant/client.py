"""The SDK's client for threads: ask, use, and what lies queued.

    client = Client.from_env()
    asked = client.ask("user-17", "voice-cloning", operations=["synthesize"], term="P30D")
    with client.grant(subject_ref="user-17", purpose="voice-cloning") as use:
        use.synthesize("clip.wav")

One client serves all threads of a process. Nothing it logs names a person, a path or an address.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from consonant import protocol
from consonant.errors import NotAllowed, Rejected, Unavailable
from consonant.gate import gated
from consonant.grant import Grant
from consonant.held import Held
from consonant.places import host_key, place_of
from consonant.protocol import Asked
from consonant.queue import REFERENCE, Flushed, Queue
from consonant.settings import Settings
from consonant.transport import Transport
from consonant.wire import NOT_OURS, Answer, Call, Flow, Login, once_more, run

log = logging.getLogger("consonant")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_WAITS: Final = frozenset({401, 403})
"""Not the record is wrong but the app's credentials or scope: it waits."""
_SLOWEST: Final = 30.0


class Client:
    """An app's way to its service."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.state = settings, settings.state
        self.login = Login(settings.client_id, settings.client_secret)
        self.queue, self.held = Queue(settings.state), Held(settings.state)
        self._transport = Transport(settings)
        self._closed = threading.Event()
        self._flusher: threading.Thread | None = None
        self._starting = threading.Lock()
        if self.queue.waiting():
            self.flush_soon()

    @classmethod
    def from_env(cls) -> Client:
        """Return the client that the environment describes (`consonant.settings`).

        Raises:
            Misconfigured: A setting is missing.
        """
        return cls(Settings.from_env())

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go. What is queued stays on the disk, for the next client."""
        self._closed.set()
        if self._flusher is not None and self._flusher is not threading.current_thread():
            self._flusher.join(timeout=10)
        self._transport.close()

    def run(self, flow: Flow[T]) -> T:
        """Carry out a protocol."""
        return run(flow, self.send)

    def send(self, call: Call) -> Answer:
        """Send one call as it is.

        Raises:
            Away: Nobody answers.
        """
        return self._transport.send(call)

    def ask(  # noqa: PLR0913
        self,
        subject_ref: str,
        purpose: str,
        operations: Iterable[str],
        term: str = "P30D",
        return_url: str | None = None,
        *,
        state: str | None = None,
        scope: Sequence[str] | None = None,
    ) -> Asked:
        """Ask one of your users for their consent. Show them `url`, to nobody else.

        Raises:
            NotAllowed: The app may not ask.
            Rejected: The request is wrong, or the person refused it within the last day (`request-cooling`).
            Unavailable: Nobody answers.
        """
        flow = protocol.ask(
            self.login,
            subject_ref=subject_ref,
            purpose=purpose,
            operations=operations,
            term=term,
            return_url=return_url,
            state=state,
            scope=scope,
        )
        return self.run(flow)

    def asked(self, request: str | Asked) -> Asked:
        """Look what became of a request."""
        return self.run(protocol.asked(self.login, request if isinstance(request, str) else request.id))

    def answer(self, request: str | Asked, *, seconds: float = 300.0) -> Asked:
        """Wait until the person has answered, or for so many seconds; return what is known then."""
        ends = time.monotonic() + seconds
        while (found := self.asked(request)).state in {"requested", "deferred"} and time.monotonic() < ends:
            time.sleep(1.0)
        return found

    def grants(self, subject_ref: str, purpose: str | None = None) -> list[dict[str, Any]]:
        """Return what one of your users allowed, newest first, as docs/api.md has it."""
        return self.run(protocol.grants(self.login, subject_ref, purpose))

    def grant_of(self, subject_ref: str, purpose: str) -> str | None:
        """Return the grant under which a session would be opened now; None where there is none."""
        found = self.grants(subject_ref, purpose)
        return next((str(each["id"]) for each in found if each["reason"] is None), None)

    def grant(
        self,
        grant_id: str | Asked | None = None,
        *,
        subject_ref: str | None = None,
        purpose: str | None = None,
        operations: Sequence[str] = (),
        artifacts: Sequence[str] = (),
    ) -> Grant:
        """Return one use, to be entered by `with`: see `consonant.grant`. `operations`: all that the grant covers, when left out.

        Raises:
            NotAllowed: What was asked, and is given as the grant, has not been allowed.
        """
        return Grant(
            self, grant_id, subject_ref=subject_ref, purpose=purpose, operations=operations, artifacts=artifacts
        )

    def gated(
        self,
        purpose: str | None = None,
        operations: Sequence[str] = (),
        subject: Callable[..., Any] | None = None,
        *,
        use: str | None = None,
    ) -> Callable[[F], F]:
        """Return a decorator: a function, or generator, that runs inside a grant and never without one. See `consonant.gate`."""
        return gated(self, purpose=purpose, operations=operations, subject=subject, use=use)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make any other call of docs/api.md; return what the answer says.

        Raises:
            NotAllowed: It is a refusal.
            Rejected: The request was wrong.
            Unavailable: Nobody answers.
        """
        made = Call(method, path, json=None if body is None else dict(body))
        return self.run(protocol.said(self.login, once_more(made) if method == "POST" else made))

    def artifact(self, artifact: str) -> dict[str, Any]:
        """Return where an artifact stands."""
        found: dict[str, Any] = self.call("GET", f"/api/v1/artifacts/{artifact}")
        return found

    def erase(self, subject_ref: str) -> dict[str, Any]:
        """Have everything of one of your users erased."""
        found: dict[str, Any] = self.call("POST", "/api/v1/erasures", {"subject_ref": subject_ref})
        return found

    def tell_place(self, artifact: str, path: str | os.PathLike[str]) -> None:
        """Say that a file of an artifact lies, or is going to lie, here too: a clip that is moved or copied is a new place to the guard."""
        place = place_of(host_key(self.state), path)
        self.call("POST", f"/api/v1/artifacts/{artifact}/places", {"places": [place]})
        self.held.keep(artifact, path)

    def proof(self, entry: str, *, seconds: float = 10.0) -> str:
        """Return an entry's `.tlog-proof`, which verifies offline (`consonant verify inclusion`)."""
        return self.run(protocol.proof(self.login, entry, seconds))

    def flush(self) -> Flushed:
        """Deliver what is queued, in order.

        Raises:
            Unavailable: The service is still away; what has not been delivered waits.
        """
        return self.queue.flush(lambda _name, record: self._deliver(record))

    def flush_soon(self) -> None:
        """Deliver what is queued from a thread of its own, as soon as the service is back."""
        with self._starting:
            if (self._flusher is None or not self._flusher.is_alive()) and not self._closed.is_set():
                self._flusher = threading.Thread(target=self._flush_until_empty, name="consonant-queue", daemon=True)
                self._flusher.start()

    def _flush_until_empty(self) -> None:
        pause = 0.5
        while not self._closed.wait(pause):
            try:
                flushed = self.flush()
            except (Unavailable, OSError):
                pause = min(pause * 2, _SLOWEST)
                continue
            if flushed.dead:
                log.error("records were given up: consonant doctor tells of them", extra={"count": flushed.dead})
            if flushed.delivered:
                log.info("queued records were delivered", extra={"count": flushed.delivered})
            if not self.queue.waiting():
                return

    def _deliver(self, record: dict[str, Any]) -> str | None:
        body = dict(record["body"])
        if sources := body.get("derived_from"):
            known = [
                self.queue.id_of(each.removeprefix(REFERENCE)) if each.startswith(REFERENCE) else each
                for each in sources
            ]
            body["derived_from"] = [each for each in known if each is not None]
        try:
            got = self.run(protocol.record(self.login, record | {"body": body}, deadline=protocol.CALLING))
        except (NotAllowed, Rejected) as refused:
            if isinstance(refused, Rejected) and (refused.status in _WAITS or refused.problem == NOT_OURS):
                raise Unavailable("the app's credentials are not taken, or somebody else answered") from None
            for each in record.get("files", ()):  # what could not be recorded does not stay
                Path(each).unlink(missing_ok=True)
            return None
        for each in record.get("files", ()):
            if got["standing"] == "unpermitted":
                Path(each).unlink(missing_ok=True)
            elif got["custody"] == "app":
                self.held.keep(got["id"], each)
        return str(got["id"])
