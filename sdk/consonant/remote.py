"""What the wallet asks of a service: https alone (or this machine), no redirects, bounded answers; a log's entries in whole bundles.

Of the log nothing is believed: its leaves are hashed to the root, and the root held against a checkpoint under the log's pinned key.
Whatever a service says and the terminal shows is stripped of what could steer the terminal.
"""

from __future__ import annotations

import json
import re
import time
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from consonant.ledger import checkpoint, cosignature, note, tiles
from consonant.ledger.errors import LedgerError

_ADDRESS: Final = re.compile(r"https://[^/?#@\s]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_SECONDS: Final = 30
_MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_PROBLEM: Final = 64 * 1024
_GONE: Final = 404
_TOO_MANY: Final = 429
_PAUSE: Final = 5.0
_PAUSES: Final = 14
"""The service counts calls by the minute."""


class Refused(Exception):
    """The service did not do it, or what it published does not hold."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Service:
    """One service, and the code by which it knows in whose name it is asked."""

    def __init__(self, address: str, code: str = "") -> None:
        """Remember whom to ask. Raises Refused where the address is none that is asked, or the code none."""
        if not _ADDRESS.fullmatch(address.rstrip("/")):
            raise Refused("the service's address begins with https:// and ends with its name")
        if not code.isascii() or not code.isprintable():
            raise Refused("this is no code of the service's page")
        self._address, self._code = address.rstrip("/"), code
        self._opener = build_opener(_Stay)

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON at a path."""
        return _object(self._ask(path, headers=self._headers()))

    def post(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        """Send JSON; return what is answered."""
        headers = {**self._headers(), "Content-Type": "application/json"}
        return _object(self._ask(path, json.dumps(said).encode(), headers))

    def head(self, origin: str, vkey: str) -> tuple[checkpoint.Checkpoint, str]:
        """Return the log's newest checkpoint, and the note in which it stands, signed under the key.

        Raises:
            Refused: It is not this log's.
        """
        signed = self._file(origin, "checkpoint")[: note.MAX_NOTE_BYTES + 1]
        return open_head(signed, origin, vkey), signed.decode()

    def leaves(self, origin: str, start: int, size: int) -> list[bytes]:
        """Return the leaves from `start`, where a bundle begins, below `size`. Nothing says yet that they are the log's.

        Raises:
            Refused: They are not there.
        """
        found: list[bytes] = []
        for first in range(start, size, tiles.WIDTH):
            width = min(tiles.WIDTH, size - first)
            try:
                held = tiles.decode_bundle(self._bundle(origin, first // tiles.WIDTH, width))[:width]
            except LedgerError as error:
                raise Refused(f"what the log has published does not hold: {error}") from None
            found += held
        return found

    def _bundle(self, origin: str, number: int, width: int) -> bytes:
        try:
            return self._file(origin, tiles.bundle_path(number, width))
        except Refused as error:
            if error.status != _GONE or width == tiles.WIDTH:
                raise
        return self._file(origin, tiles.bundle_path(number))  # the partial one was dropped for the full one

    def _file(self, origin: str, path: str) -> bytes:
        return self._ask(f"/log/{origin}/{path}")

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Wallet {self._code}"} if self._code else {}

    def _ask(self, path: str, said: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        for _ in range(_PAUSES):
            try:
                return self._once(path, said, headers)
            except Refused as error:
                if error.status != _TOO_MANY:
                    raise
            time.sleep(_PAUSE)
        return self._once(path, said, headers)

    def _once(self, path: str, said: bytes | None, headers: dict[str, str] | None) -> bytes:
        request = Request(self._address + path, said, headers or {})  # noqa: S310 - the address was looked at
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                data: bytes = answer.read(_MAX_BYTES + 1)
        except HTTPError as error:
            with error:
                raise Refused(f"{error.code}: {_sentence(error)}", error.code) from None
        except (OSError, HTTPException, ValueError) as error:
            raise Refused(f"the service does not answer: {plain(str(error))}") from None
        if len(data) > _MAX_BYTES:
            raise Refused("the answer is too large")
        return data


def open_head(signed: bytes, origin: str, vkey: str) -> checkpoint.Checkpoint:
    """Return a checkpoint of this log, signed under its key.

    Raises:
        Refused: It is not.
    """
    try:
        head = checkpoint.open(signed, [cosignature.log_verifier_from_vkey(vkey)])
    except LedgerError as error:
        raise Refused(f"the log's checkpoint does not hold: {error}") from None
    if head.origin != origin:
        raise Refused("the checkpoint is another log's")
    return head


def plain(text: str) -> str:
    """Return a text without what could steer a terminal, or turn its letters around."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _object(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Refused("the service answered with something that is not understood")
    return said


def _sentence(error: HTTPError) -> str:
    try:
        said = json.loads(error.read(_MAX_PROBLEM))
        return plain(str(said.get("sentence") or said.get("detail") or error.reason))
    except (OSError, HTTPException, ValueError, AttributeError, RecursionError):
        return plain(str(error.reason))
