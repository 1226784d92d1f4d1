"""Writes the walk down as Markdown: each step with the HTTP requests that made it and the answers they got.

What one run has and no other is replaced before it is kept: ids, names and links by stand-ins in the order in which they are first seen
(`<artifact 1>`), times, tokens, passwords, secrets and whatever looks like key material by words that say what stood
there. Nothing of them is in the recorder's memory, so nothing of them is in the page, and a fresh run gives the same page.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesParser
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from deploy.demo_hooks import PATH, Delivery

HEAD = """\
# The tour

What `make demo` does, with every request and answer. The page is written by a run of it (`python -m deploy.demo --record docs/tour.md`):
ids and names stand in angle brackets, numbered in the order in which they first appear; so do times and secrets, without a number; `…`
is what was left out. Of the portal's pages the address, the form that was sent and the status are shown.
"""
_SHOWN = ("Content-Type", "Idempotency-Key", "Prefer", "webhook-id", "webhook-timestamp", "webhook-signature")
_ANSWERED = ("Content-Type", "Location", "Idempotency-Replayed")
_SECRET = {
    "access_token": "<token>",
    "challenge": "<challenge>",
    "csrfmiddlewaretoken": "<token>",
    "login": "<e-mail address>",
    "password": "<password>",
    "secret": "<secret>",
    "signature": "<signature>",
    "certificates_vkey": "<key that verifies certificates>",
    "vkey": "<key that verifies the log>",
    "public_key": "<key that verifies deliveries>",
    "webhook-signature": "<signature>",
    "webhook-timestamp": "<seconds since 1970>",
}
_NUMBERS = {"index": "<number>", "size": "<number>"}
_KINDS = {name: name for name in ("act", "app", "artifact", "entry", "erasure", "grant", "request", "session")} | {
    "Idempotency-Key": "key",
    "artifacts": "artifact",
    "consent": "erasure",
    "consent-requests": "request",
    "derived_from": "artifact",
    "embeddings": "artifact",
    "entries": "entry",
    "erasures": "erasure",
    "event": "event",
    "hooks": "hook",
    "notice": "notice",
    "others": "artifact",
    "ref": "entry",
    "sessions": "session",
    "syntheses": "artifact",
    "uploads": "artifact",
    "webhook-id": "event",
    "with_sessions": "session",
    "withdraw": "grant",
}
"""What an id is, by the field it stands in or the collection it is of."""
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)"
_PLACE = re.compile(
    rf"(?P<path>[\w-]+)?(?P<slash>/)?(?P<id>{_UUID})|(?P<time>{_TIME})|(?P<user>\bvisitor-[0-9a-f]{{12}})"
    r"|(?<=/consent/)(?P<link>[\w-]{20,})|(?P<place>https?://127\.0\.0\.1:\d+)"
)
_SHORT_LIST = re.compile(r"\[\n\s+([^\[\]{}]*?)\n\s+\]")
_MATERIAL = re.compile(r"[\w+/=.:-]{24,}")
_LONGEST_LIST = 3
_OWN_LOG = "/demo"
"""Whatever other tenants a service has."""
_LONGEST_BODY = 60


class Masker:
    """Replaces what only this run has."""

    def __init__(self, *, url: str) -> None:
        self._url = url
        self._labels: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def label(self, kind: str, value: str) -> str:
        """Return the stand-in of a value, the same each time."""
        if value not in self._labels:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._labels[value] = f"<{kind} {self._counts[kind]}>"
        return self._labels[value]

    def text(self, text: str, *, kind: str = "id") -> str:
        """Return a line with stand-ins."""

        def stand_in(found: re.Match[str]) -> str:
            if found["id"]:
                path, slash = found["path"] or "", found["slash"] or ""
                return path + slash + self.label(_KINDS.get(path, kind), found["id"])
            if found["time"]:
                return "<time>"
            for name in ("user", "link"):
                if found[name]:
                    return self.label(name, found[name])
            return "<service>" if found["place"] == self._url else "<app>"

        return _PLACE.sub(stand_in, text)

    def value(self, value: Any, *, name: str = "", owner: str = "") -> Any:
        """Return a JSON value with stand-ins; long lists are cut to their first item."""
        inner = name if name in _KINDS else owner
        if name in _SECRET and value:
            return _SECRET[name]
        if isinstance(value, dict):
            return {key: self.value(each, name=key, owner=inner) for key, each in value.items()}
        if isinstance(value, list):
            return self._list(value, name=name, owner=inner)
        if isinstance(value, str):
            return self._string(value, kind=_KINDS.get(owner if name == "id" else name, "id"))
        return _NUMBERS.get(name, value) if type(value) is int else value

    def _list(self, items: list[Any], *, name: str, owner: str) -> list[Any]:
        if name == "logs":
            items = [log for log in items if log["origin"].endswith(_OWN_LOG)]
        if all(isinstance(each, str) for each in items):
            items = sorted(
                items, key=lambda each: each not in self._labels
            )  # refs are random: what is known comes first
        kept = items if len(items) <= _LONGEST_LIST else items[:1]
        cut = [f"… and {len(items) - len(kept)} more"] if len(kept) < len(items) else []
        shown = [self.value(each, name=name, owner=owner) for each in kept]
        return ["…"] if shown and all(each == "…" for each in shown) else shown + cut

    def _string(self, value: str, *, kind: str) -> str:
        if "\n" in value or value.startswith("{"):
            return "…"
        masked = self.text(value, kind=kind)
        return "…" if masked == value and _is_material(value) else masked

    def lines(self, text: str) -> str:
        """Return a text of lines, such as a proof, with stand-ins; lines of digests and signatures become one `…`."""
        shown: list[str] = []
        for line in text.splitlines():
            if line.startswith("— "):
                masked = f"{line.rsplit(' ', 1)[0]} …"
            elif _is_material(line):
                masked = "…"
            else:
                masked = re.sub(r"^(index )?\d+$", r"\g<1><number>", self.text(line))
            if masked != "…" or shown[-1:] != ["…"]:
                shown.append(masked)
        return "\n".join(shown)


class Recorder:
    """Collects what the clients of one walk send and get."""

    def __init__(self, *, url: str) -> None:
        self._masker = Masker(url=url)
        self._steps: list[tuple[str, list[str]]] = []
        self._exchanges: list[str] = []
        self._quiet = False
        self._cut: tuple[str, ...] = ()

    def hooks(self) -> dict[str, list[Callable[..., Any]]]:
        """Return what an httpx client calls at each request and answer."""
        return {"request": [lambda request: request.read()], "response": [self._note]}

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Leave out what is asked meanwhile: how often one asks until something has happened differs from run to run."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    @contextmanager
    def cutting(self, *names: str) -> Iterator[None]:
        """Leave out these fields of answers: they tell how far the service has come at that moment."""
        before, self._cut = self._cut, names
        try:
            yield
        finally:
            self._cut = before

    def step(self, who: str, what: str) -> None:
        """End a step: what was exchanged since the last belongs to it."""
        title = f"{who.capitalize() if who == 'anyone' else f'The {who}'} {what}"
        self._steps.append((title, self._exchanges or ["Nothing is sent for this."]))
        self._exchanges = []

    def delivered(self, delivery: Delivery) -> None:
        """Note what the service sent to the app, and the app's answer."""
        kind = delivery.headers.get("Content-Type", "")
        shown = [f"POST {PATH} HTTP/1.1", "Host: <app>", *self._headers(delivery.headers, _SHOWN)]
        shown += self._body(kind, delivery.body, "event")
        answer = [_status(delivery.status), *self._body("json", delivery.answer)]
        self._exchanges += ["The service calls the app:", _fence(shown), _fence(answer)]

    def _note(self, response: httpx.Response) -> None:
        if self._quiet:
            return
        response.read()
        request = response.request
        path = request.url.raw_path.decode()
        collection = _collection(path)
        shown = [f"{request.method} {self._masker.text(path)} HTTP/1.1", *self._authorization(request)]
        shown += self._headers(request.headers, _SHOWN)
        shown += self._body(request.headers.get("Content-Type", ""), request.content, collection)
        kind = response.headers.get("Content-Type", "")
        answer = [_status(response.status_code)]
        if kind.startswith("text/html"):
            answer += self._headers(response.headers, ("Location",))
        else:
            answer += self._headers(response.headers, _ANSWERED)
            answer += self._body(kind, response.content, collection)
        self._exchanges += [_fence(shown), _fence(answer)]

    def _authorization(self, request: httpx.Request) -> list[str]:
        kind = request.headers.get("Authorization", "").partition(" ")[0]
        words = {"Bearer": "<token>", "Basic": "<client id and secret>"}
        return [f"Authorization: {kind} {words[kind]}"] if kind else []

    def _headers(self, headers: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
        shown = []
        for name in names:
            if value := headers.get(name):
                kind = _KINDS.get(name, "id")
                said = self._masker.label(kind, value) if kind == "key" else self._masker.text(value, kind=kind)
                said = _SECRET.get(name, said)
                shown.append(f"{name}: {said.partition('; boundary')[0]}")
        return shown

    def _body(self, kind: str, body: bytes, collection: str = "") -> list[str]:
        if not body:
            return []
        if "json" in kind:
            said = self._masker.value(self._without(json.loads(body)), owner=collection)
            lines = _SHORT_LIST.sub(_in_one_line, json.dumps(said, indent=2, ensure_ascii=False)).splitlines()
        elif kind.startswith("application/x-www-form-urlencoded"):
            lines = [self._field(name, value) for name, value in parse_qsl(body.decode(), keep_blank_values=True)]
        elif kind.startswith("multipart/form-data"):
            lines = [self._part(part) for part in _parts(kind, body)]
        elif kind.startswith("text/plain"):
            lines = self._masker.lines(body.decode()).splitlines()
        else:
            lines = [f"({len(body)} bytes)"]
        return ["", *(lines if len(lines) <= _LONGEST_BODY else [*lines[:_LONGEST_BODY], "…"])]

    def _without(self, said: Any) -> Any:
        return {**said, **{name: "…" for name in self._cut if name in said}} if isinstance(said, dict) else said

    def _field(self, name: str, value: str) -> str:
        if value.startswith(("{", "[")):
            return f"{name}={json.dumps(self._masker.value(json.loads(value), name=name), ensure_ascii=False)}"
        return f"{name}={self._masker.value(value, name=name)}"

    def _part(self, part: Message) -> str:
        name, file = (str(part.get_param(word, "", "content-disposition")) for word in ("name", "filename"))
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes):
            return f"{name}="
        return f"{name}=@{file} ({len(data)} bytes)" if file else self._field(name, data.decode())

    def page(self) -> str:
        """Return the page."""
        sections = []
        for number, (title, exchanges) in enumerate(self._steps, start=1):
            sections.append("\n\n".join([f"## {number}. {title}", *exchanges]))
        return "\n\n".join([HEAD.rstrip(), *sections]) + "\n"


def _is_material(text: str) -> bool:
    """Say whether a text without blanks looks like a key, a digest or a signature."""
    return bool(_MATERIAL.fullmatch(text)) and sum(each.isdigit() or each.isupper() for each in text) > 4


def _in_one_line(found: re.Match[str]) -> str:
    items = re.sub(r",\n\s+", ", ", found[1])
    return f"[{items}]"


def _fence(lines: list[str]) -> str:
    return "\n".join(["```http", *lines, "```"])


def _status(code: int) -> str:
    return f"HTTP/1.1 {code} {HTTPStatus(code).phrase}"


def _collection(path: str) -> str:
    """Return which collection a path is of: the last of its words that names one."""
    words = [word for word in urlsplit(path).path.split("/") if word in _KINDS]
    return words[-1] if words else ""


def _parts(kind: str, body: bytes) -> list[Message]:
    whole = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    parts = whole.get_payload()
    return [part for part in parts if isinstance(part, Message)] if isinstance(parts, list) else []
