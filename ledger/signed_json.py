"""JSON that somebody signs: read strictly, in one canonical form, under a C2SP signed note.

The note has three lines: the document's type, its id, and the base64 SHA-256 of the body in canonical form. The body is not itself the
note: a note has at most 1 MB, and a body may be larger. The type stands first, so no signature of one kind of document fits another.

Invariants:

1. `read` takes UTF-8 of bounded size and depth. A name twice in one object, a float, a whole number beyond 2**53 - 1, a name that is not
   ASCII, and a text that cannot be encoded or would move a terminal's cursor are refused.
2. Of what `read` returns, `canonical` is RFC 8785: without floats and with ASCII names, that is sorted names without blanks.
3. Depth is bounded before anything is parsed: the parser recurses in C.
"""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from . import note
from .errors import InvalidDocument, InvalidNote

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_INTEGER: Final = 2**53 - 1
"""What every JSON reader keeps exactly."""

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\Z)|[\[{\]}]', re.DOTALL)


def read(data: bytes, *, max_bytes: int, max_depth: int) -> Any:
    """Return what the file says.

    Raises:
        InvalidDocument: It is too large, too deep, not JSON, or not as strict as it must be.
    """
    if len(data) > max_bytes:
        raise InvalidDocument(f"it has more than {max_bytes} bytes")
    check_depth(data, max_depth=max_depth)
    try:
        return json.loads(
            data.decode(), object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse, parse_int=_integer
        )
    except (ValueError, RecursionError):
        raise InvalidDocument("it is not JSON, or names something twice") from None


def check_depth(data: bytes, *, max_depth: int) -> None:
    """Refuse deep nesting before it is parsed: where a library has raised Python's limit, the parser would crash.

    Raises:
        InvalidDocument: It is nested too deeply.
    """
    depth = 0
    for token in _TOKEN.finditer(data):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        if depth > max_depth:
            raise InvalidDocument("it is nested too deeply")


def is_text(value: object) -> bool:
    """Say whether it is a text that can be encoded and shown: JSON lets half characters through, and a terminal obeys some."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return not _CONTROL.search(value)


def canonical(body: Any) -> bytes:
    """Return a body in its one form, RFC 8785."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(body: Any, *, kind: str, identity: str, signer: note.Signer) -> str:
    """Return the signed note of a body of this type and id."""
    return note.sign(_text(body, kind, identity), [signer])


def check(
    signature: str, body: Any, *, kind: str, identity: str, verifiers: Iterable[note.AnyVerifier]
) -> tuple[note.Signature, ...]:
    """Return who signed exactly this body, as far as they are known.

    Raises:
        InvalidNote, InvalidSignature, UnsignedNote: The note does not hold.
        InvalidDocument: It is a note over something else.
    """
    opened = note.open(signature, verifiers)
    try:
        same = opened.text == _text(body, kind, identity)
    except UnicodeEncodeError:
        raise InvalidNote("the body is not UTF-8") from None
    if not same:
        raise InvalidDocument("it is not the one that was signed")
    return opened.signatures


def _text(body: Any, kind: str, identity: str) -> str:
    return f"{kind}\n{identity}\n{base64.b64encode(sha256(canonical(body)).digest()).decode()}\n"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs) or not all(name.isascii() for name in made):
        raise ValueError
    return made


def _integer(said: str) -> int:
    number = int(said)
    if abs(number) > MAX_INTEGER or said == "-0":
        raise ValueError
    return number


def _refuse(_said: str) -> Any:
    raise ValueError
