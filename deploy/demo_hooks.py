"""An app's own address for hooks: a small web server on this machine, as the app would run one.

It answers the challenge, takes nothing whose signature (Standard Webhooks) does not verify, and answers 204 once a delivery is kept.
What it has had already it takes again and keeps once, for a delivery may come twice. The app's work follows elsewhere: here it takes
what was delivered with `take`.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from deploy.demo_parties import Unexpected

PATH = "/hooks"
MOST_BYTES = 65_536


@dataclass(frozen=True)
class Delivery:
    """What came, and what was answered."""

    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes = b""

    @property
    def event(self) -> Any:
        """The event, a CloudEvent."""
        return json.loads(self.body)


class Receiver:
    """The server, in a thread of its own until `close`."""

    def __init__(self) -> None:
        self.secret = ""
        self.challenge: Delivery | None = None
        self.deliveries: dict[str, Delivery] = {}
        """By the event's id, verified ones only."""
        self.refused = 0
        self._arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take one delivery."""
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size) if self.path == PATH and size <= MOST_BYTES else b""
                taken = receiver.receive(httpx.Headers(self.headers.items()), body)
                self.send_response(taken.status)
                self.send_header("Content-Length", str(len(taken.answer)))
                self.end_headers()
                self.wfile.write(taken.answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}{PATH}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def trust(self, secret: str) -> None:
        """Take the secret of the new subscription; the challenge, which came before it, must be signed with it too.

        Raises:
            Unexpected: It is not.
        """
        self.secret = secret
        if self.challenge is None or not self._is_signed(self.challenge.headers, self.challenge.body):
            raise Unexpected("The challenge of the hook is not signed with the hook's secret")

    def receive(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Take one delivery; return what is answered."""
        with self._arrived:
            if not self.secret:
                return self._answer_challenge(headers, body)
            if not self._is_signed(headers, body):
                self.refused += 1
                return Delivery(headers, body, 401)
            delivery = Delivery(headers, body, 204)
            self.deliveries.setdefault(delivery.event["id"], delivery)
            self._arrived.notify_all()
            return delivery

    def _answer_challenge(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Say the challenge back. Its signature can be verified when the secret is known."""
        event = json.loads(body or b"{}")
        if event.get("type") != "hook.challenge":
            return Delivery(headers, body, 503)  # a delivery that was quicker than the secret: it comes again
        answer = json.dumps({"challenge": event["data"]["challenge"]}).encode()
        self.challenge = Delivery(headers, body, 200, answer)
        return self.challenge

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        try:
            Webhook(self.secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def find(self, artifact: str) -> Delivery | None:
        """Return what was delivered about an artifact, if anything was."""
        for delivery in list(self.deliveries.values()):
            if delivery.event["data"].get("artifact") == artifact:
                return delivery
        return None

    def take(self, artifact: str, *, within: float) -> Delivery:
        """Wait for what is delivered about an artifact.

        Raises:
            Unexpected: Nothing comes.
        """
        deadline = time.monotonic() + within
        with self._arrived:
            while (found := self.find(artifact)) is None:
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise Unexpected(f"Within {within:.0f} s no hook asks the app to delete {artifact}")
        return found
