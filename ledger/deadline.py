"""An HTTP client for those whom we do not trust to end: every connect, read and write of a thread has until the thread's deadline.

However slowly the other side goes on, header by header or byte by byte. Redirects and the environment's proxies are not followed. One
client for the process: connections are kept, and nobody waits for another's.
"""

import atexit
import threading
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpcore
import httpx

_POOLED = 64


def until(deadline: float) -> None:
    """Give this thread until then, in the seconds of `time.monotonic`."""
    _thread.deadline = deadline


class _Thread(threading.local):
    deadline = 0.0


_thread = _Thread()


def _left(timeout: float | None, error: type[Exception]) -> float:
    left = min(_thread.deadline - time.monotonic(), timeout or float("inf"))
    if left <= 0:
        raise error("the answer takes too long")
    return left


class _Timed(httpcore.NetworkStream):
    """A connection on which whoever uses it has until its own deadline, however slowly the other side goes on."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read, until the deadline."""
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, until the deadline."""
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Begin TLS, until the deadline."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        """Pass on."""
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        """Close."""
        self._stream.close()


class _Sockets(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect, until the deadline."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Timed(super().connect_tcp(host, port, left, local_address, socket_options))


class _Transport(httpx.HTTPTransport):
    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=None,  # who does not answer takes nobody's place
            max_keepalive_connections=_POOLED,
            keepalive_expiry=30.0,
            network_backend=_Sockets(),
        )


@cache
def client() -> httpx.Client:
    """Return the one client: connections to witnesses are kept, as the protocol wants."""
    made = httpx.Client(transport=_Transport(), timeout=None, follow_redirects=False, trust_env=False)  # noqa: S113 - the deadline bounds every read and write
    atexit.register(made.close)
    return made
