"""Calls sent with `httpx`, by its transports: its `Client` would log every address, and an address can name a person.

No redirect is followed and no proxy of the environment is used. A process that was forked makes connections of its own.
"""

from __future__ import annotations

import os
import ssl
from typing import Final

import httpx

from consonant.settings import Settings
from consonant.wire import Answer, Away, Call

_CONNECT: Final = 2.0
MAX_BYTES: Final = 64 * 1024 * 1024


def _trust(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate:
        context.load_cert_chain(settings.certificate, settings.key or None)
    return context


def _request(url: str, call: Call) -> httpx.Request:
    headers = dict(call.headers)
    request = httpx.Request(
        call.method,
        url + call.path,
        json=call.json,
        data=dict(call.form) if call.form is not None else None,
        files=dict(call.files) if call.files is not None else None,
        headers=headers,
        extensions={
            "timeout": {
                "connect": min(_CONNECT, call.seconds),
                **dict.fromkeys(("read", "write", "pool"), call.seconds),
            }
        },
    )
    if call.basic is not None:
        request = next(httpx.BasicAuth(*call.basic).sync_auth_flow(request))
    return request


def _answer(response: httpx.Response, body: bytes) -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


class Transport:
    """Sends calls from threads, over connections that are kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._pid = settings, 0

    def _pool(self) -> httpx.HTTPTransport:
        if self._pid != os.getpid():
            self._kept = httpx.HTTPTransport(verify=_trust(self._settings), limits=httpx.Limits(max_connections=50))
            self._pid = os.getpid()
        return self._kept

    def send(self, call: Call) -> Answer:
        """Return the answer.

        Raises:
            Away: There is none.
        """
        try:
            response = self._pool().handle_request(_request(self._settings.url, call))
            try:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise Away
            finally:
                response.close()
        except (httpx.HTTPError, httpx.StreamError, OSError):
            raise Away from None
        return _answer(response, bytes(body))

    def close(self) -> None:
        """Let the connections go."""
        if self._pid == os.getpid():
            self._kept.close()
            self._pid = 0


class AsyncTransport:
    """Sends calls from one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: httpx.AsyncHTTPTransport | None = None

    async def send(self, call: Call) -> Answer:
        """Return the answer.

        Raises:
            Away: There is none.
        """
        if self._kept is None:
            limits = httpx.Limits(max_connections=50)
            self._kept = httpx.AsyncHTTPTransport(verify=_trust(self._settings), limits=limits)
        try:
            response = await self._kept.handle_async_request(_request(self._settings.url, call))
            try:
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise Away
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, OSError):
            raise Away from None
        return _answer(response, bytes(body))

    async def close(self) -> None:
        """Let the connections go."""
        if self._kept is not None:
            await self._kept.aclose()
            self._kept = None
