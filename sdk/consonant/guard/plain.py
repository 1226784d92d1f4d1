"""Calls sent with `http.client`: the guard sends few, and 9 MB of library would be a seventh of what it may take. One connection, kept."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Final
from urllib.parse import urlsplit

from consonant.settings import check_address
from consonant.wire import Answer, Away, Call

_MAX_BYTES: Final = 1024 * 1024


class Plain:
    """The guard's way to its service."""

    def __init__(self, url: str, token: str, *, ca: str = "", certificate: str = "", key: str = "") -> None:
        self._url = urlsplit(check_address(url))
        self._token = token
        self._context: ssl.SSLContext | None = None
        if self._url.scheme == "https":
            self._context = ssl.create_default_context(cafile=ca or None)
            if certificate:
                self._context.load_cert_chain(certificate, key or None)
        self._kept: http.client.HTTPConnection | None = None

    def send(self, call: Call) -> Answer:
        """Return the answer to a call with a body of JSON, or of bytes under `content` of its files.

        Raises:
            Away: There is none.
        """
        headers = {"Authorization": f"Bearer {self._token}", **call.headers}
        body: bytes | None = None
        if call.files is not None:
            body = call.files["content"][1]
            headers["Content-Type"] = call.files["content"][2]
        elif call.json is not None:
            body = json.dumps(call.json).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection = self._connection(call.seconds)
            connection.request(call.method, call.path, body, headers)
            response = connection.getresponse()
            said = response.read(_MAX_BYTES + 1)
            names = {name.lower(): value for name, value in response.getheaders()}
            if len(said) > _MAX_BYTES or response.will_close:
                self.close()
        except (OSError, http.client.HTTPException):
            self.close()
            raise Away from None
        return Answer(response.status, names, said[:_MAX_BYTES])

    def close(self) -> None:
        """Let the connection go."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        if self._kept is None:
            host, port = self._url.hostname or "", self._url.port
            if self._context is not None:
                self._kept = http.client.HTTPSConnection(host, port, timeout=seconds, context=self._context)
            else:
                self._kept = http.client.HTTPConnection(host, port, timeout=seconds)
        elif self._kept.sock is not None:
            self._kept.sock.settimeout(seconds)
        return self._kept
