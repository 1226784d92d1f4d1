"""Clients that call the service over HTTP, each on a connection of its own that stays open."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

IDLE_SECONDS = 10.0
"""The server ends a connection that was left alone a little longer."""


class Caller:
    """One client of an app."""

    def __init__(self, port: int, token: str) -> None:
        self._used = 0.0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and what the answer's JSON says."""
        data = None if body is None else json.dumps(body)
        if time.monotonic() - self._used > IDLE_SECONDS:
            self._connection.close()  # the next request opens it anew
        self._used = time.monotonic()
        self._connection.request(method, path, data, self._headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def made(self, path: str, body: object) -> Any:
        """Return what a POST has made.

        Raises:
            RuntimeError: It has made nothing.
        """
        status, said = self.call("POST", path, body)
        if status >= 300:
            raise RuntimeError(f"{path}: {status} {said}")
        return said


Round = Callable[[], Iterator[float]]
"""What a client does again and again: yields the seconds of each call."""


def hammer(rounds: Sequence[Round], *, seconds: float) -> tuple[float, list[list[float]]]:
    """Have all clients do their rounds until the time is over; return how long it was, and for each call of a round all its seconds."""
    start = threading.Barrier(len(rounds) + 1)

    def run(one: Round) -> list[tuple[float, ...]]:
        start.wait()
        begun, done = time.perf_counter(), []
        while time.perf_counter() - begun < seconds:
            done.append(tuple(one()))
        return done

    with ThreadPoolExecutor(len(rounds)) as pool:
        running = [pool.submit(run, one) for one in rounds]
        start.wait()
        begun = time.perf_counter()
        done = [times for each in running for times in each.result()]
        taken = time.perf_counter() - begun
    return taken, [list(times) for times in zip(*done, strict=True)]


def timed(call: Callable[[], object]) -> float:
    """Return the seconds that a call took."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
