"""Whom the service may call: https, on the public internet. Checked where it counts, at every connection.

A name is resolved here and every address it has is looked at; the connection goes to an address that was looked at, so that no second
answer of a name server leads elsewhere. Redirects are not followed and proxies of the environment are not used. Where
`HOOK_TARGETS_PRIVATE` says so, which it does on a developer's machine, http and private addresses are targets too.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from hooks.errors import TargetRefused

CONNECT_WITHIN = timedelta(seconds=5)
ANSWER_WITHIN = timedelta(seconds=10)
MOST_BYTES = 65_536
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
Resolver = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system's resolver says."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _in_time(resolver: Resolver, host: str, port: int) -> list[str]:
    """Ask the resolver, which waits for other people's name servers as long as it likes, for no longer than a connection may take."""
    said: SimpleQueue[list[str] | OSError | ValueError] = SimpleQueue()

    def ask() -> None:
        try:
            said.put(resolver(host, port))
        except (OSError, ValueError) as error:
            said.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = said.get(timeout=CONNECT_WITHIN.total_seconds())
    except Empty:
        raise httpcore.ConnectTimeout("no address in time") from None
    if isinstance(found, Exception):
        raise found
    return found


def check_url(url: str, *, private: bool) -> None:
    """Refuse what can be no target whatever its name resolves to.

    Raises:
        TargetRefused: Not https, credentials in it, or no host.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise TargetRefused from None
    allowed = {"https", "http"} if private else {"https"}
    if parts.scheme not in allowed or not parts.hostname or parts.username or parts.password or parts.fragment:
        raise TargetRefused


def of(url: str) -> str:
    """Return scheme, host and port: whom it reaches, whatever it asks there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def checked_addresses(host: str, port: int, *, private: bool, resolver: Resolver = resolve) -> list[str]:
    """Return the addresses of the host to connect to; one that leads inside refuses them all.

    Raises:
        TargetRefused: The name has an address that is not public.
        OSError, UnicodeError: The name has none.
        httpcore.ConnectTimeout: Its name servers do not say.
    """
    found = _in_time(resolver, host, port)
    if not private and not all(_is_public(address) for address in found):
        raise TargetRefused
    return found


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    # Outside 2000::/3 lie NAT64 and other embeddings of IPv4, which Python counts as global.
    embedded = ip.version == 6 and inner is ip and ip not in _GLOBAL_V6
    return inner.is_global and not ip.is_multicast and not embedded and (ip.is_global or inner is not ip)


class _Timed(httpcore.NetworkStream):
    """A connection that ends at its deadline, however slowly the other side goes on."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def _left(self, timeout: float | None, error: type[Exception]) -> float:
        left = min(self._deadline - time.monotonic(), timeout or float("inf"))
        if left <= 0:
            raise error("the answer takes too long")
        return left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read, until the deadline."""
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, until the deadline."""
        self._stream.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Begin TLS, until the deadline."""
        left = self._left(timeout, httpcore.ConnectTimeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Pass on."""
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        """Close."""
        self._stream.close()


class _Checked(httpcore.NetworkBackend):
    """Connects to the addresses of a host that were looked at; everything above it knows the host by its name only."""

    def __init__(self, *, private: bool, resolver: Resolver) -> None:
        self._private = private
        self._resolver = resolver
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - ours counts from the first address on
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that takes the connection."""
        begun = time.monotonic()
        deadline = begun + ANSWER_WITHIN.total_seconds()
        last: Exception = httpcore.ConnectTimeout("no connection in time")
        for address in checked_addresses(host, port, private=self._private, resolver=self._resolver):
            left = begun + CONNECT_WITHIN.total_seconds() - time.monotonic()
            if left <= 0:
                break
            try:
                stream = self._sockets.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
            else:
                return _Timed(stream, deadline)
        raise last


class CheckedTransport(httpx.HTTPTransport):
    """Connects only to addresses that were looked at, one connection a request: none is shared by two names."""

    def __init__(self, *, private: bool, resolver: Resolver = resolve) -> None:
        super().__init__(trust_env=False)
        self._private = private
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            max_connections=None,  # whoever sends has bounds of its own; here one would wait for another's target
            max_keepalive_connections=0,
            network_backend=_Checked(private=private, resolver=resolver),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse what can be no target, then send."""
        check_url(str(request.url), private=self._private)
        return super().handle_request(request)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def client(*, private: bool) -> httpx.Client:
    """Return a client for targets. It keeps no cookies, or one target could set what another gets, and asks for plain answers."""
    timeout = httpx.Timeout(ANSWER_WITHIN.total_seconds(), connect=CONNECT_WITHIN.total_seconds())
    return httpx.Client(
        transport=CheckedTransport(private=private),
        timeout=timeout,
        headers={"Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )
