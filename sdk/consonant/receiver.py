"""What the service tells the app by hook: verified, carried out, acknowledged. For any framework: bytes in, a `Reply` out.

    receiver = Receiver(client, secrets=[secret])
    reply = receiver.receive(headers, body)        # status, headers, body

Deliveries are signed as Standard Webhooks 1.0 has it: HMAC-SHA256 under the hook's secret over `<id>.<seconds>.<body>`, not over five minutes
from now. What does not verify changes nothing and is answered 401. The challenge by which an address is tried comes before the app knows the
secret, says nothing and is answered as asked.

`artifact.erase_requested`: the files that the SDK remembers of the artifact are unlinked, then what you give as `erase` is called; then it is acknowledged under
the same secret; then it is answered 200. Where one of these fails the answer is 503 and the service delivers again, so a crash at any line costs
a repetition and nothing else: each step can be repeated.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from consonant import protocol
from consonant.errors import ConsonantError, Rejected
from consonant.wire import Call, once_more

if TYPE_CHECKING:
    from consonant.client import Client

TOLERANCE: Final = 300
_PREFIX: Final = "whsec_"
_MAX_BYTES: Final = 1024 * 1024
_ANSWERING: Final = 6.0
"""Seconds for the acknowledgement: the service waits ten for the whole answer."""
_OVER: Final = frozenset({"artifact-unknown", "not-held-by-app", "artifact-gone"})
_STATUS: Final = {200: "200 OK", 401: "401 Unauthorized", 413: "413 Content Too Large", 503: "503 Service Unavailable"}


class Forged(ConsonantError):
    """This delivery was not signed by the service, or not within five minutes of now."""


@dataclass(frozen=True)
class Reply:
    """What to answer a delivery."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def verified(
    secrets: Iterable[str], headers: Mapping[str, str], body: bytes, *, now: float | None = None
) -> tuple[dict[str, Any], str]:
    """Return the event and the secret that signed it.

    Raises:
        Forged: None of the secrets did, or not now.
    """
    names = {name.lower(): value for name, value in headers.items()}
    number, at, signed = (names.get(f"webhook-{each}", "") for each in ("id", "timestamp", "signature"))
    if (
        not (number and at.isascii() and at.isdigit())
        or abs((time.time() if now is None else now) - int(at)) > TOLERANCE
    ):
        raise Forged("the delivery is not signed, or not now")
    given = [each.partition(",")[2].encode() for each in signed.split(" ") if each.startswith("v1,")]
    for secret in secrets:
        wanted = _signature(secret, number, int(at), body)
        if any(hmac.compare_digest(wanted, each) for each in given):
            event = json.loads(body)
            if isinstance(event, dict) and isinstance(event.get("data"), dict):
                return event, secret
    raise Forged("none of the secrets signed this delivery")


def acknowledgement(secret: str, artifact: str, outcome: str, *, at: datetime | None = None) -> dict[str, str]:
    """Return the signed body of an acknowledgement. `outcome`: `deleted` or `not_found`; `at`: when, now if left out."""
    at = (at or datetime.now(timezone.utc)).astimezone(timezone.utc)
    seconds = int(at.timestamp())
    signature = _signature(secret, artifact, seconds, f"{outcome}.{seconds}".encode())
    when = at.isoformat()
    return {"outcome": outcome, "deleted_at": when, "signed_at": when, "signature": f"v1,{signature.decode()}"}


class Receiver:
    """The app's address for hooks. `secrets`: of all its hooks, old ones too while one is being replaced.

    `erase(artifact, data)` removes what the SDK does not know of, and may return `deleted` or `not_found`; `on(event)` sees every verified event.
    """

    def __init__(
        self,
        client: Client,
        *,
        secrets: Iterable[str] | Callable[[], Iterable[str]] = (),
        erase: Callable[[str, Mapping[str, Any]], str | None] | None = None,
        on: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        self._client, self._erase, self._on = client, erase, on
        held = () if callable(secrets) else tuple(secrets) or client.settings.hook_secrets
        self._secrets: Callable[[], Iterable[str]] = secrets if callable(secrets) else lambda: held

    def receive(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return what to answer, when all is done."""
        if len(body) > _MAX_BYTES:
            return Reply(413)
        if (word := _challenge(body)) is not None:
            return Reply(200, json.dumps({"challenge": word}).encode())
        try:
            event, secret = verified(self._secrets(), headers, body)
        except (Forged, ValueError):
            return Reply(401)
        try:
            if event.get("type") == "artifact.erase_requested":
                self._obey(event["data"], secret)
            if self._on is not None:
                self._on(event)
        except Exception:  # noqa: BLE001 - whatever failed, the service has to say it again
            return Reply(503)
        return Reply()

    def wsgi(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """Answer as a WSGI application (PEP 3333)."""
        size = str(environ.get("CONTENT_LENGTH") or "0")
        body = environ["wsgi.input"].read(min(int(size), _MAX_BYTES + 1)) if size.isdigit() else b""
        headers = {
            name[5:].replace("_", "-"): str(value) for name, value in environ.items() if name.startswith("HTTP_")
        }
        reply = self.receive(headers, body) if environ["REQUEST_METHOD"] == "POST" else Reply(401)
        start_response(_STATUS[reply.status], [*reply.headers.items(), ("Content-Length", str(len(reply.body)))])
        return [reply.body]

    def _obey(self, data: Mapping[str, Any], secret: str) -> None:
        artifact = str(data["artifact"])
        outcomes = {self._client.held.erase(artifact)}
        if self._erase is not None:
            outcomes.add(self._erase(artifact, data) or "deleted")
        outcome = "deleted" if "deleted" in outcomes else "not_found"
        said = acknowledgement(secret, artifact, outcome)
        call = once_more(Call("POST", f"/api/v1/artifacts/{artifact}/erasure-acks", json=said))
        try:
            self._client.run(protocol.said(self._client.login, call, deadline=_ANSWERING))
        except Rejected as rejected:
            if rejected.problem not in _OVER:
                raise


def _challenge(body: bytes) -> str | None:
    try:
        said = json.loads(body)
        if said["type"] == "hook.challenge" and isinstance(said["data"]["challenge"], str):
            return str(said["data"]["challenge"])[:200]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def _signature(secret: str, number: str, at: int, body: bytes) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise Forged("a secret is no secret of a hook") from None
    if not key:
        raise Forged("a secret is empty")
    return base64.b64encode(hmac.digest(key, f"{number}.{at}.".encode() + body, hashlib.sha256))
