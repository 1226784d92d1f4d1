"""What an app says to the service, call by call, as protocols (see `wire`): the client of threads and that of event loops carry out the same.

`OPENING` seconds after a session was asked for and nobody answered, it is refused here: no new use without the service. `RECORDING` is how
long a record is tried before it is queued: less than the three seconds after which the service misses the entry of a clip that the guard has seen.
`CALLING` is how long all else is tried.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from consonant.errors import NotAllowed
from consonant.wire import Call, Flow, Login, Wait, judged, once_more

OPENING: Final = 5.0
RECORDING: Final = 2.0
CALLING: Final = 20.0
LOOKING: Final = 2.0
_PAGE: Final = 200


@dataclass(frozen=True)
class Asked:
    """A consent request. `url` is for the person's eyes alone, and known only to who asked just now; `grant` once it is given."""

    id: str
    url: str
    state: str
    grant: str | None = None


@dataclass(frozen=True)
class Record:
    """A record. While it is `queued` it has no `id` and no `entry`; `standing` is `permitted`, `late` or `queued`."""

    id: str | None
    entry: str | None
    standing: str
    reason: str | None = None
    queued: str | None = None


@dataclass(frozen=True)
class Opened:
    """An open session."""

    id: str
    grant: str
    operations: tuple[str, ...]
    expires_at: str
    token: str
    entry: str


def ask(  # noqa: PLR0913
    login: Login,
    *,
    subject_ref: str,
    purpose: str,
    operations: Iterable[str],
    term: str,
    return_url: str | None,
    state: str | None,
    scope: Sequence[str] | None,
) -> Flow[Asked]:
    """Ask a person."""
    body: dict[str, Any] = {
        "subject_ref": subject_ref,
        "purpose": purpose,
        "operations": list(operations),
        "term": term,
    }
    body |= {"return_url": return_url} if return_url else {}
    body |= {"state": state} if state else {}
    body |= {"scope": list(scope)} if scope else {}
    got = yield from said(login, once_more(Call("POST", "/api/v1/consent-requests", json=body)))
    return Asked(got["id"], got["url"], got["state"])


def asked(login: Login, request: str) -> Flow[Asked]:
    """Look what became of a request."""
    got = yield from said(login, Call("GET", f"/api/v1/consent-requests/{request}"))
    return Asked(got["id"], "", got["state"], got["grant"]["id"] if got["grant"] else None)


def grants(
    login: Login, subject_ref: str, purpose: str | None, *, deadline: float | None = None
) -> Flow[list[dict[str, Any]]]:
    """Return the consents of one of the app's users, newest first, 200 at most."""
    words = {"subject_ref": subject_ref, "page_size": str(_PAGE)} | ({"purpose": purpose} if purpose else {})
    got = yield from said(login, Call("GET", f"/api/v1/grants?{urlencode(words)}"), deadline=deadline)
    found: list[dict[str, Any]] = got["results"]
    return found


def standing(
    login: Login, subject_ref: str, purpose: str, operations: Iterable[str], *, deadline: float | None = None
) -> Flow[str]:
    """Return the newest grant under which a session for these operations would be opened now.

    Raises:
        NotAllowed: There is none; the reason is that of the newest, or `consent_missing`.
    """
    found = yield from grants(login, subject_ref, purpose, deadline=deadline)
    fits = [each for each in found if set(operations) <= set(each["operations"])]
    for each in fits:
        if each["reason"] is None:
            return str(each["id"])
    if fits:
        raise NotAllowed(fits[0]["reason"], "ask the person", "The person's consent does not stand for this.")
    if found:
        raise NotAllowed("operation_not_covered", "ask for this operation", "The person's consent does not cover this.")
    raise NotAllowed("consent_missing", "ask the person", "The person has not been asked, or has not allowed this.")


def open_session(login: Login, grant: str, operations: Iterable[str], artifacts: Iterable[str] = ()) -> Flow[Opened]:
    """Ask whether a voice may be used now. Where nobody answers within `OPENING` seconds the answer is no.

    Raises:
        NotAllowed: It may not.
        Unavailable: Nobody answers.
    """
    body: dict[str, Any] = {"grant": grant}
    body |= {"operations": list(operations)} if operations else {}
    body |= {"artifacts": list(artifacts)} if artifacts else {}
    got = yield from said(login, once_more(Call("POST", "/api/v1/sessions", json=body)), deadline=OPENING)
    return Opened(got["id"], got["grant"], tuple(got["operations"]), got["expires_at"], got["token"], got["entry"])


def close_session(login: Login, session: str) -> Flow[None]:
    """Say that the work is done."""
    yield from said(login, Call("DELETE", f"/api/v1/sessions/{session}"), deadline=OPENING)


def look(login: Login, session: str) -> Flow[None]:
    """Ask whether work in a session may go on.

    Raises:
        NotAllowed: It may not.
        Unavailable: Nobody answers.
    """
    got = yield from said(login, Call("GET", f"/api/v1/sessions/{session}"), deadline=LOOKING)
    if got["reason"] is not None:
        raise NotAllowed(got["reason"], got.get("cure") or "", got.get("detail") or "")


def record(
    login: Login, made: Mapping[str, Any], content: bytes | None = None, *, deadline: float | None = None
) -> Flow[dict[str, Any]]:
    """Record what was made: `made` has the `path` of its call, its `key` and its `body`, as the queue keeps it.

    Raises:
        NotAllowed: The bytes were not taken, or the upload is refused.
        Rejected: The record is wrong.
        Unavailable: Nobody answers; send the same again.
    """
    headers = {"Idempotency-Key": str(made["key"])}
    if content is None:
        call = Call("POST", str(made["path"]), json=made["body"], headers=headers)
    else:
        name, field = str(made.get("file", "clip")), str(made.get("field", "content"))
        form = {key: value if isinstance(value, str) else json.dumps(value) for key, value in made["body"].items()}
        files = {field: (name, content, "application/octet-stream")}
        call = Call("POST", str(made["path"]), form=form, files=files, headers=headers, seconds=30.0)
    got: dict[str, Any] = yield from said(login, call, deadline=RECORDING if deadline is None else deadline)
    return got


def proof(login: Login, entry: str, seconds: float) -> Flow[str]:
    """Return an entry's `.tlog-proof`, once a checkpoint covers it."""
    ends = time.monotonic() + seconds
    while True:
        wait = max(1, min(10, int(ends - time.monotonic())))
        call = Call("GET", f"/api/v1/entries/{entry}/proof", headers={"Prefer": f"wait={wait}"}, seconds=wait + 5.0)
        answer = yield from login.call(call, deadline=max(ends - time.monotonic(), 1.0) + 5.0)
        if answer.status != 404 or time.monotonic() >= ends:
            break
        yield Wait(0.2)
    if answer.status != 200:
        judged(answer)
    return answer.body.decode()


def said(login: Login, call: Call, *, deadline: float | None = None) -> Flow[Any]:
    """Send in the app's name; return what the answer says.

    Raises:
        NotAllowed: It is a refusal.
        Rejected: The request was wrong.
        Unavailable: Nobody answers.
    """
    answer = yield from login.call(call, deadline=CALLING if deadline is None else deadline)
    return judged(answer)
