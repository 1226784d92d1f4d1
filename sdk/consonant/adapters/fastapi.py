"""FastAPI: a dependency that opens a grant for a request, its errors as answers, and a route for hooks.

    app = FastAPI()
    answer_errors(app)
    Speaking = Annotated[AsyncGrant, Depends(granted(client, "voice-cloning", ("synthesize",), lambda request: request.headers["x-user"]))]

    @app.post("/speak")
    async def speak(use: Speaking): ...

The session is closed, and residue removed, when the endpoint has returned; where the answer is streamed, when it has been sent (FastAPI since 0.106 ends
dependencies before: give a stream its grant by `client.grant` inside its generator).
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from consonant.aclient import AsyncClient
from consonant.client import Client
from consonant.errors import NotAllowed, Rejected, Unavailable
from consonant.grant import AsyncGrant, Grant
from consonant.subjects import Subject

if TYPE_CHECKING:
    from consonant.receiver import Receiver

_LATER = {"Retry-After": "5"}


def granted(
    client: Client | AsyncClient,
    purpose: str | None,
    operations: Sequence[str],
    subject: Callable[[Request], Any],
) -> Callable[..., Any]:
    """Return a dependency: a `Grant` of a Client, an `AsyncGrant` of an AsyncClient. `subject` reads from the request whose voice it is.

    It returns your name for the person or a `Subject`, and may be a coroutine. Without a grant the endpoint does not run.
    """

    def named(found: Any) -> dict[str, Any]:
        who = found if isinstance(found, Subject) else Subject(subject_ref=str(found) if found else None)
        if who.grant_id is None and not (who.subject_ref and (who.purpose or purpose)):
            raise NotAllowed("subject_missing", "say whose voice it is", "Nobody has said whose voice this is.")
        return {
            "grant_id": who.grant_id,
            "subject_ref": who.subject_ref,
            "purpose": who.purpose or purpose,
            "operations": tuple(operations),
        }

    made: Callable[..., Any]
    if isinstance(client, AsyncClient):

        async def made(request: Request) -> AsyncIterator[AsyncGrant]:
            found = subject(request)
            async with client.grant(**named(await found if inspect.isawaitable(found) else found)) as use:
                yield use
    else:

        def made(request: Request) -> Iterator[Grant]:
            with client.grant(**named(subject(request))) as use:
                yield use

    return made


def answer_errors(app: FastAPI) -> None:
    """Answer a refusal with 403 and its reason and cure, 503 where the service cannot be asked, and 422 where it does not take what was sent.

    They are problem documents (RFC 9457).
    """

    async def refused(_request: Request, error: Exception) -> Response:
        said = {
            "type": "urn:consonant:problem:use-refused",
            "status": 403,
            "title": "Use refused",
            "detail": str(error),
        }
        said |= {"reason": getattr(error, "reason", ""), "cure": getattr(error, "cure", "")}
        return JSONResponse(said, status_code=403, media_type="application/problem+json")

    async def away(_request: Request, error: Exception) -> Response:
        said = {
            "type": "urn:consonant:problem:unavailable",
            "status": 503,
            "title": "Unavailable",
            "detail": str(error),
        }
        return JSONResponse(said, status_code=503, media_type="application/problem+json", headers=_LATER)

    async def wrong(_request: Request, error: Exception) -> Response:
        said = {
            "type": f"urn:consonant:problem:{getattr(error, 'problem', '')}",
            "status": 422,
            "title": "Not taken",
            "detail": str(error),
            "reason": getattr(error, "reason", ""),
        }
        return JSONResponse(said, status_code=422, media_type="application/problem+json")

    app.add_exception_handler(Rejected, wrong)
    app.add_exception_handler(NotAllowed, refused)
    app.add_exception_handler(Unavailable, away)


def hooks(receiver: Receiver, path: str = "/consonant/hooks") -> APIRouter:
    """Return a router with one route, to which the service delivers."""
    router = APIRouter()

    async def deliver(request: Request) -> Response:
        reply = await run_in_threadpool(receiver.receive, dict(request.headers), await request.body())
        return Response(reply.body, reply.status, dict(reply.headers))

    router.add_api_route(path, deliver, methods=["POST"], include_in_schema=False, response_model=None)
    return router
