"""How the service is talked to, without talking: calls and answers as values, and protocols as generators.

A protocol (`Flow`) yields a `Call` and is sent its `Answer`, or yields a `Wait` in seconds; where nothing answers, `Away` is thrown into it.
`run` carries one out with a thread's means, `arun` with an event loop's: what is retried and what is refused is written down once.

Every POST bears an Idempotency-Key, the same at each retry (docs/api.md), so that an answer that was lost costs nothing. Waits grow from 0.1 s,
doubled, with jitter, to 5 s; a `Retry-After` is honoured; nothing is tried beyond its deadline.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from consonant.errors import NotAllowed, Rejected, Unavailable

_FIRST: Final = 0.1
_LONGEST: Final = 5.0
_BUSY: Final = 429
_SERVER: Final = 500
_UNAUTHENTICATED: Final = 401
_OK: Final = range(200, 300)
_PROBLEM: Final = "urn:consonant:problem:"
NOT_OURS: Final = "error"
"""The problem of a `Rejected` that the service did not say: a proxy's page, a server that is being replaced."""
T = TypeVar("T")


class Away(Exception):
    """Nothing answers, or not in time."""


@dataclass(frozen=True)
class Call:
    """One request. A body is `json`, or `form` with `files` (name -> file name, bytes, type), or none. `seconds` bounds it."""

    method: str
    path: str
    json: Any = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, tuple[str, bytes, str]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    seconds: float = 10.0


class _Said(dict[str, Any]):
    """An object of an answer. One that lacks what the service always says is somebody else's."""

    def __missing__(self, name: str) -> Any:
        raise Unavailable("the answer is not the service's")


@dataclass(frozen=True)
class Answer:
    """One response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return what the body says.

        Raises:
            Unavailable: It says nothing that can be understood, so somebody else answered.
        """
        try:
            found = json.loads(self.body, object_hook=_Said)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, _Said):
            raise Unavailable("the answer is not the service's")
        return found


@dataclass(frozen=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


Flow = Generator["Call | Wait", Any, T]


def run(flow: Flow[T], send: Callable[[Call], Answer], sleep: Callable[[float], object] = time.sleep) -> T:
    """Carry out a protocol in this thread."""
    step, error = next_of(flow, None, None), None
    while not isinstance(step, Done):
        answer, error = None, None
        if isinstance(step, Wait):
            sleep(step.seconds)
        else:
            try:
                answer = send(step)
            except Away as away:
                error = away
        step = next_of(flow, answer, error)
    value: T = step.value
    return value


async def arun(
    flow: Flow[T], send: Callable[[Call], Awaitable[Answer]], sleep: Callable[[float], Awaitable[object]]
) -> T:
    """Carry out a protocol in this task."""
    step, error = next_of(flow, None, None), None
    while not isinstance(step, Done):
        answer, error = None, None
        if isinstance(step, Wait):
            await sleep(step.seconds)
        else:
            try:
                answer = await send(step)
            except Away as away:
                error = away
        step = next_of(flow, answer, error)
    value: T = step.value
    return value


@dataclass(frozen=True)
class Done:
    """What a protocol came to."""

    value: Any


def next_of(flow: Flow[Any], answer: Answer | None, error: Away | None) -> Call | Wait | Done:
    """Give a protocol what it waits for; return what it does next."""
    try:
        return flow.send(answer) if error is None else flow.throw(error)
    except StopIteration as stop:
        return Done(stop.value)


def once_more(call: Call) -> Call:
    """Return a POST with a key of its own, the same at each try."""
    return replace(call, headers={"Idempotency-Key": uuid.uuid4().hex, **call.headers})


def tried(call: Call, *, deadline: float) -> Flow[Answer]:
    """Send until there is an answer that says something, for `deadline` seconds at most.

    Raises:
        Unavailable: There was none.
    """
    ends, pause = time.monotonic() + deadline, _FIRST
    while True:
        wished = 0.0
        left = max(ends - time.monotonic(), 0.05)
        try:
            answer: Answer = yield replace(call, seconds=min(call.seconds, left))
        except Away:
            pass
        else:
            if not _again(answer):
                return answer
            wished = _seconds(answer.headers.get("retry-after", ""))
        rest = max(wished, pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, guards nothing
        pause = min(pause * 2, _LONGEST)
        if time.monotonic() + rest >= ends:
            raise Unavailable("the service does not answer")
        yield Wait(rest)


def judged(answer: Answer) -> Any:
    """Return what a good answer says; an empty object where it has no body.

    Raises:
        NotAllowed: It is a refusal.
        Rejected: The request was wrong.
        Unavailable: Somebody else answered.
    """
    if answer.status in _OK:
        return answer.json() if answer.body else _Said()
    problem = said(answer)
    kind = str(problem.get("type", ""))
    name = kind.removeprefix(_PROBLEM) if kind.startswith(_PROBLEM) else NOT_OURS
    sentence = str(problem.get("detail") or problem.get("title") or "")
    if name in {"use-refused", "bytes-not-taken"}:
        raise NotAllowed(str(problem.get("reason", "")), str(problem.get("cure", "")), sentence)
    errors = problem.get("errors")
    raise Rejected(
        answer.status,
        name,
        f"{sentence} ({', '.join(map(str, errors))})" if isinstance(errors, dict) else sentence,
        str(problem.get("reason", "")),
    )


def said(answer: Answer) -> dict[str, Any]:
    """Return a problem document (RFC 9457), empty where the body is none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _again(answer: Answer) -> bool:
    """Say whether the same call may be answered otherwise in a moment."""
    if answer.status == 409:
        return said(answer).get("type") == "urn:consonant:problem:idempotency-key-in-use"
    return answer.status == _BUSY or answer.status >= _SERVER


def _seconds(text: str) -> float:
    return min(float(text), 3600.0) if text.isascii() and text.isdigit() else 0.0


class Login:
    """The app's token, for as long as it is good. It lies in memory alone."""

    def __init__(self, client_id: str, secret: str) -> None:
        self._basic = (client_id, secret)
        self._token, self._until = "", 0.0

    def __repr__(self) -> str:
        return "Login()"

    def call(self, call: Call, *, deadline: float) -> Flow[Answer]:
        """Send in the app's name; a token that is no longer taken is fetched anew, once.

        Raises:
            Unavailable: Nothing answers in time.
            Rejected: The credentials are not taken.
        """
        ends = time.monotonic() + deadline
        for is_last in (False, True):
            token = yield from self._fresh(max(ends - time.monotonic(), 0.05))
            bearing = replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})
            answer = yield from tried(bearing, deadline=max(ends - time.monotonic(), 0.05))
            if answer.status != _UNAUTHENTICATED or is_last:
                return answer
            if self._token == token:
                self._token = ""
        raise AssertionError

    def _fresh(self, deadline: float) -> Flow[str]:
        if self._token and time.monotonic() < self._until:
            return self._token
        form = {"grant_type": "client_credentials"}
        answer = yield from tried(Call("POST", "/oauth/token", form=form, basic=self._basic), deadline=deadline)
        if answer.status not in _OK:
            raise Rejected(
                answer.status, str(said(answer).get("error", "error")), "the app's credentials are not taken"
            )
        got = answer.json()
        self._token = str(got["access_token"])
        # A minute early, so that none runs out on its way; a short one at half its time.
        life = float(got.get("expires_in", 0))
        self._until = time.monotonic() + max(life - 60, life / 2)
        return self._token
