"""The SDK's client for event loops: `Client`, awaited. What is queued is delivered by a thread, so that it outlives a loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from consonant import protocol
from consonant.client import Client
from consonant.gate import agated
from consonant.grant import AsyncGrant
from consonant.protocol import Asked
from consonant.queue import Flushed
from consonant.settings import Settings
from consonant.transport import AsyncTransport
from consonant.wire import Call, Flow, arun, once_more

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class AsyncClient:
    """An app's way to its service, of one event loop. Calls and meanings are those of `Client`."""

    def __init__(self, settings: Settings) -> None:
        self._behind = Client(settings)  # the queue's thread and its connections
        self.settings, self.state, self.login = settings, settings.state, self._behind.login
        self.queue, self.held = self._behind.queue, self._behind.held
        self._transport = AsyncTransport(settings)

    @classmethod
    def from_env(cls) -> AsyncClient:
        """Return the client that the environment describes."""
        return cls(Settings.from_env())

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go. What is queued stays on the disk."""
        await self._transport.close()
        await asyncio.to_thread(self._behind.close)

    async def run(self, flow: Flow[T]) -> T:
        """Carry out a protocol."""
        return await arun(flow, self._transport.send, asyncio.sleep)

    async def ask(  # noqa: PLR0913
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
        """Ask one of your users for their consent."""
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
        return await self.run(flow)

    async def asked(self, request: str | Asked) -> Asked:
        """Look what became of a request."""
        return await self.run(protocol.asked(self.login, request if isinstance(request, str) else request.id))

    async def answer(self, request: str | Asked, *, seconds: float = 300.0) -> Asked:
        """Wait until the person has answered, or for so many seconds; return what is known then."""
        ends = time.monotonic() + seconds
        while (found := await self.asked(request)).state in {"requested", "deferred"} and time.monotonic() < ends:  # noqa: ASYNC110
            await asyncio.sleep(1.0)
        return found

    async def artifact(self, artifact: str) -> dict[str, Any]:
        """Return where an artifact stands."""
        found: dict[str, Any] = await self.call("GET", f"/api/v1/artifacts/{artifact}")
        return found

    async def erase(self, subject_ref: str) -> dict[str, Any]:
        """Have everything of one of your users erased."""
        found: dict[str, Any] = await self.call("POST", "/api/v1/erasures", {"subject_ref": subject_ref})
        return found

    async def tell_place(self, artifact: str, path: str | os.PathLike[str]) -> None:
        """Say that a file of an artifact lies, or is going to lie, here too."""
        await asyncio.to_thread(self._behind.tell_place, artifact, path)

    async def grants(self, subject_ref: str, purpose: str | None = None) -> list[dict[str, Any]]:
        """Return what one of your users allowed, newest first."""
        return await self.run(protocol.grants(self.login, subject_ref, purpose))

    async def grant_of(self, subject_ref: str, purpose: str) -> str | None:
        """Return the grant under which a session would be opened now; None where there is none."""
        found = await self.grants(subject_ref, purpose)
        return next((str(each["id"]) for each in found if each["reason"] is None), None)

    def grant(
        self,
        grant_id: str | Asked | None = None,
        *,
        subject_ref: str | None = None,
        purpose: str | None = None,
        operations: Sequence[str] = (),
        artifacts: Sequence[str] = (),
    ) -> AsyncGrant:
        """Return one use, to be entered by `async with`."""
        return AsyncGrant(
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
        """Return a decorator for coroutines and asynchronous generators. See `consonant.gate`."""
        return agated(self, purpose=purpose, operations=operations, subject=subject, use=use)

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make any other call of docs/api.md."""
        made = Call(method, path, json=None if body is None else dict(body))
        return await self.run(protocol.said(self.login, once_more(made) if method == "POST" else made))

    async def proof(self, entry: str, *, seconds: float = 10.0) -> str:
        """Return an entry's `.tlog-proof`."""
        return await self.run(protocol.proof(self.login, entry, seconds))

    async def flush(self) -> Flushed:
        """Deliver what is queued, in order."""
        return await asyncio.to_thread(self._behind.flush)

    def flush_soon(self) -> None:
        """Deliver what is queued from a thread, as soon as the service is back."""
        self._behind.flush_soon()
