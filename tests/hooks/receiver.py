"""A receiver of hooks as an app has one: a real server on this machine that answers the challenge and checks each signature."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class Receiver:
    """Keeps what came. `status` and `delay` say how it answers; `echo` what it makes of a challenge."""

    def __init__(self):
        self.got, self.forged, self.status, self.delay, self.secrets = [], [], 200, 0.0, []
        self.echo = lambda word: json.dumps({"challenge": word}).encode()
        self.headers = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._take(self, body)

            def log_message(self, format, *args):  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?k=v"

    def _take(self, request, body):
        time.sleep(self.delay)
        event = json.loads(body)
        answer, status = b"", self.status
        if event["type"] == "hook.challenge":
            answer = self.echo(event["data"]["challenge"])
        else:
            self._check(request.headers, body, event)
        try:
            request.send_response(status)
            for name, value in self.headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(answer)))
            request.end_headers()
            request.wfile.write(answer)
        except BrokenPipeError:
            pass

    def _check(self, headers, body, event):
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
            except WebhookVerificationError:
                continue
            assert headers["webhook-id"] == event["id"]
            assert headers["Content-Type"] == "application/cloudevents+json"
            self.got.append(event)
            return
        self.forged.append(event)

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
