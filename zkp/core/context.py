"""What a proof is bound to: one canonical text, hashed into its challenge.

Canonical is RFC 8785 over ASCII names, texts and whole numbers: the names sorted, no blanks, UTF-8. A verifier builds its own context from what
it stored when it asked, and never takes the prover's; `read` is for who looks at a finished proof. Times are UTC, to the second.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from .errors import InvalidContext

PROTOCOL: Final = "consonant/zkp"
VERSION: Final = 1
NONCE_BYTES: Final = 32
ROOT_BYTES: Final = 32
MAX_TEXT: Final = 2_048

_MAX_BYTES: Final = 32_768
_MAX_SIZE: Final = 2**53 - 1  # what every JSON reader keeps exactly
_FIRST_YEAR: Final = 1_000  # strftime writes fewer digits of those before
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Context:
    """What a verifier asked for.

    Args:
        origin: The log.
        verifier: Who asks, as an origin such as https://example.com.
        nonce: 32 bytes, used once.
        size: The checkpoint's size, in entries.
        root: The checkpoint's root hash, 32 bytes.
        statement: The statement's name: own, receipt, active.
        purpose: Why they ask, as the person read it.
        expires: Until when an answer is taken.

    Raises:
        InvalidContext: A field cannot be written in the one form.
    """

    origin: str
    verifier: str
    nonce: bytes
    size: int
    root: bytes
    statement: str
    purpose: str
    expires: datetime

    def __post_init__(self) -> None:
        _check_texts(self.origin, self.verifier, self.statement, self.purpose)
        _check_nonce(self.nonce)
        _check_moment(self.expires)
        if len(self.root) != ROOT_BYTES or type(self.size) is not int or not 0 <= self.size <= _MAX_SIZE:
            raise InvalidContext

    def octets(self) -> bytes:
        """Return the text that is hashed."""
        return canonical(
            {
                "expires": moment(self.expires),
                "nonce": self.nonce.hex(),
                "origin": self.origin,
                "protocol": PROTOCOL,
                "purpose": self.purpose,
                "root": self.root.hex(),
                "size": self.size,
                "statement": self.statement,
                "v": VERSION,
                "verifier": self.verifier,
            }
        )

    @classmethod
    def read(cls, data: bytes) -> Context:
        """Read what `octets` wrote.

        Raises:
            InvalidContext: Anything else, also where it says the same in another form.
        """
        said = _parse(data)
        try:
            made = cls(
                origin=said["origin"],
                verifier=said["verifier"],
                nonce=bytes.fromhex(said["nonce"]),
                size=said["size"],
                root=bytes.fromhex(said["root"]),
                statement=said["statement"],
                purpose=said["purpose"],
                expires=read_moment(said["expires"]),
            )
        except (KeyError, TypeError, ValueError):
            raise InvalidContext from None
        if made.octets() != data:
            raise InvalidContext
        return made


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the log asked for when somebody shows the key of an account.

    Args:
        origin: The log.
        nonce: 32 bytes, used once.
        account: Whose key it will be.
        ref: The entry that is spoken of, as its leaf writes it.
        expires: Until when an answer is taken.

    Raises:
        InvalidContext: A field cannot be written in the one form.
    """

    origin: str
    nonce: bytes
    account: str
    ref: str
    expires: datetime

    def __post_init__(self) -> None:
        _check_texts(self.origin, self.account, self.ref)
        _check_nonce(self.nonce)
        _check_moment(self.expires)

    def octets(self) -> bytes:
        """Return the text that is hashed."""
        return canonical(
            {
                "account": self.account,
                "expires": moment(self.expires),
                "nonce": self.nonce.hex(),
                "origin": self.origin,
                "protocol": PROTOCOL,
                "ref": self.ref,
                "statement": "enrol",
                "v": VERSION,
            }
        )


def canonical(said: dict[str, Any]) -> bytes:
    """Return the one form of texts and whole numbers under ASCII names (RFC 8785).

    Raises:
        InvalidContext: A text cannot be encoded.
    """
    try:
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidContext from None


def moment(when: datetime) -> str:
    """Write a time as RFC 3339, UTC, to the second."""
    return when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_moment(said: str) -> datetime:
    """Read a time that `moment` wrote.

    Raises:
        ValueError: Anything else.
    """
    when = datetime.strptime(said, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    if moment(when) != said:
        raise ValueError("another form of the same time")
    return when


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise InvalidContext
    try:
        said = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise InvalidContext from None
    if not isinstance(said, dict):
        raise InvalidContext
    return said


def _check_texts(*texts: str) -> None:
    for text in texts:
        if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT or _CONTROL.search(text):
            raise InvalidContext


def _check_nonce(nonce: bytes) -> None:
    if len(nonce) != NONCE_BYTES:
        raise InvalidContext


def _check_moment(when: datetime) -> None:
    if when.tzinfo is None or when.microsecond or when.year < _FIRST_YEAR:
        raise InvalidContext
