"""The body of `add-checkpoint`, C2SP tlog-witness, both ways.

    old <size of the head that the witness has>
    <at most 63 lines: the consistency proof, a base64 hash each>
    <empty line>
    <the checkpoint, a signed note>

`parse_request(format_request(...))` gives back what was put in. The note is only bounded here: the witness opens it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import merkle
from .errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_REQUEST_BYTES: Final = 524_288
MAX_PROOF_HASHES: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"
"""The content type of a 409, whose body is the size that the witness has."""

_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """What is asked of the witness."""

    old: int
    proof: tuple[bytes, ...]
    note: str


def format_request(*, old: int, proof: Sequence[bytes], checkpoint: str) -> bytes:
    """Return the body that asks for a cosignature of the checkpoint, a signed note."""
    if not 0 <= old <= merkle.MAX_SIZE:
        raise InvalidRequest(f"no head has size {old}")
    if len(proof) > MAX_PROOF_HASHES or any(len(node) != merkle.HASH_SIZE for node in proof):
        raise InvalidRequest(f"{len(proof)} hashes, or one that is none")
    lines = "".join(f"{base64.b64encode(node).decode()}\n" for node in proof)
    return f"old {old}\n{lines}\n{checkpoint}".encode()


def parse_request(body: bytes) -> AddCheckpoint:
    """Read the body of a request. Raises InvalidRequest."""
    if len(body) > MAX_REQUEST_BYTES:
        raise InvalidRequest(f"more than {MAX_REQUEST_BYTES} bytes")
    head, empty, signed = body.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    match = _OLD.fullmatch(first)
    if not empty or not signed or match is None or int(match[1]) > merkle.MAX_SIZE:
        raise InvalidRequest("it is not an old size, a proof, an empty line and a checkpoint")
    if len(lines) > MAX_PROOF_HASHES:
        raise InvalidRequest(f"more than {MAX_PROOF_HASHES} lines of proof")
    proof = tuple(_read_hash(line) for line in lines)
    try:
        return AddCheckpoint(int(match[1]), proof, signed.decode())
    except UnicodeDecodeError:
        raise InvalidRequest("it is not UTF-8") from None


def parse_size(body: bytes) -> int:
    """Read the body of a 409: the size that the witness has. Raises InvalidRequest."""
    match = _SIZE.fullmatch(body)
    if match is None or int(match[1]) > merkle.MAX_SIZE:
        raise InvalidRequest("it is no size")
    return int(match[1])


def _read_hash(line: bytes) -> bytes:
    try:
        node = base64.b64decode(line, validate=True)
    except binascii.Error:
        node = b""
    if len(node) != merkle.HASH_SIZE or base64.b64encode(node) != line:
        raise InvalidRequest("a line of the proof is no base64 of 32 bytes")
    return node
