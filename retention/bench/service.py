"""Starts the service's own programs for a measure: the web server as configured, and the courier that delivers hooks."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from ledger.bench.processes import ENVIRONMENT

START_SECONDS = 60.0
_COURIER = "-m celery -q -A config worker -Q hooks -n courier@%h --pool threads --concurrency 4 --loglevel WARNING"


@contextlib.contextmanager
def web() -> Iterator[int]:
    """Serve while the block runs; yields the port."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    words = ["-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "retention.bench.server"]
    with running(words, PORT=str(port)) as process:
        _wait_for(process, port)
        yield port


@contextlib.contextmanager
def courier() -> Iterator[None]:
    """Deliver hooks while the block runs."""
    with running(_COURIER.split()):
        yield


@contextlib.contextmanager
def running(words: list[str], **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with this Python while the block runs."""
    process = subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, *words], env={**os.environ, **ENVIRONMENT, **more}, stdout=sys.stderr
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError("the service did not start")
