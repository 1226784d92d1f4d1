"""Whom the service may call: https, on the public internet. Checked where it counts, at every connection.

A name is resolved here and every address it has is looked at; the connection goes to an address that was looked at, so that no second
answer of a name server leads elsewhere. Redirects are not followed and proxies of the environment are not used. Where
`HOOK_TARGETS_PRIVATE` says so, which it does on a developer's machine, http and private addresses are targets too.
"""

import ipaddress
import socket
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from hooks.errors import TargetRefused

CONNECT_WITHIN = timedelta(seconds=5)
ANSWER_WITHIN = timedelta(seconds=10)
MOST_BYTES = 65_536
Resolver = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system's resolver says."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def check_url(url: str, *, private: bool) -> None:
    """Refuse what can be no target whatever its name resolves to.

    Raises:
        TargetRefused: Not https, credentials in it, or no host.
    """
    parts = urlsplit(url)
    allowed = {"https", "http"} if private else {"https"}
    if parts.scheme not in allowed or not parts.hostname or parts.username or parts.password or parts.fragment:
        raise TargetRefused


def checked_address(host: str, port: int, *, private: bool, resolver: Resolver = resolve) -> str:
    """Return an address of the host to connect to; one that leads inside refuses them all.

    Raises:
        TargetRefused: The name has an address that is not public.
        OSError: The name has none.
    """
    found = resolver(host, port)
    if not private and not all(_is_public(address) for address in found):
        raise TargetRefused
    return found[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    return ip.is_global and inner.is_global and not ip.is_multicast


class CheckedTransport(httpx.HTTPTransport):
    """Connects only to addresses that were looked at, and asks there for the host that was named."""

    def __init__(self, *, private: bool, resolver: Resolver = resolve) -> None:
        super().__init__(trust_env=False, retries=0)
        self._private = private
        self._resolver = resolver

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send to the checked address, with the name in `Host` and in TLS's SNI."""
        url = request.url
        check_url(str(url), private=self._private)
        port = url.port or (443 if url.scheme == "https" else 80)
        address = checked_address(url.host, port, private=self._private, resolver=self._resolver)
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=address)  # `Host` was set from the name when the request was built
        return super().handle_request(request)


def client(*, private: bool) -> httpx.Client:
    """Return a client for targets."""
    timeout = httpx.Timeout(ANSWER_WITHIN.total_seconds(), connect=CONNECT_WITHIN.total_seconds())
    return httpx.Client(
        transport=CheckedTransport(private=private), timeout=timeout, follow_redirects=False, trust_env=False
    )
