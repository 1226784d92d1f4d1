"""A receiver of hooks on this machine: answers the challenge, and notes when which event came."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Keeps the time at which a grant's session was told to have ended."""

    def __init__(self) -> None:
        self.ended: dict[str, float] = {}
        """By the grant's id, in seconds of `time.perf_counter`: when the answer had been given."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take one event."""
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                said = event["data"]
                answer = json.dumps({"challenge": said["challenge"]}).encode() if "challenge" in said else b""
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                if event["type"] == "session.ended":
                    receiver.ended[said["grant"]] = time.perf_counter()

            def log_message(self, *_args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def wait_for(self, grant: str, *, seconds: float = 30.0) -> float:
        """Return when the end of a session of this grant was told.

        Raises:
            RuntimeError: It never was.
        """
        deadline = time.perf_counter() + seconds
        while grant not in self.ended:
            if time.perf_counter() > deadline:
                raise RuntimeError("the end of a session was not told")
            time.sleep(0.002)
        return self.ended[grant]

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
