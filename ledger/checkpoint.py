"""Checkpoints, C2SP tlog-checkpoint: the text of a note that states a log's size and root.

    <origin>
    <size, decimal, no leading zero>
    <root, base64>
    [extension lines, none of them empty]

`parse(format(c)) == c` and `format(parse(t)) == t`: a text has one reading and one writing. The empty tree has only
one root, so a checkpoint of size 0 with another root is malformed.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import merkle, note
from .errors import InvalidCheckpoint, UnsignedNote

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_ROOT = re.compile(r"[A-Za-z0-9+/]{43}=")
_FIXED_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, its number of entries, and the 32-byte root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be written and read back."""
        for line in (self.origin, *self.extensions):
            if not line or any(char < " " for char in line):
                raise InvalidCheckpoint("an empty line or a control character")
        if not 0 <= self.size <= merkle.MAX_SIZE:
            raise InvalidCheckpoint(f"size {self.size}")
        if len(self.root) != merkle.HASH_SIZE:
            raise InvalidCheckpoint(f"a root of {len(self.root)} bytes")
        if self.size == 0 and self.root != merkle.EMPTY_ROOT:
            raise InvalidCheckpoint("the empty tree has another root")


def format(checkpoint: Checkpoint) -> str:  # noqa: A001 - read as checkpoint.format
    """Return the note text of a checkpoint."""
    encoded = base64.b64encode(checkpoint.root).decode()
    lines = (checkpoint.origin, str(checkpoint.size), encoded, *checkpoint.extensions)
    return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Checkpoint:
    """Read a note text. Raises InvalidCheckpoint."""
    lines = text.split("\n")
    if lines.pop() or len(lines) < _FIXED_LINES:
        raise InvalidCheckpoint("fewer than three lines")
    origin, size, encoded, *extensions = lines
    if not _SIZE.fullmatch(size):
        raise InvalidCheckpoint("the size is no decimal number")
    if not _ROOT.fullmatch(encoded):
        raise InvalidCheckpoint("the root is no base64 of 32 bytes")
    checkpoint = Checkpoint(origin, int(size), base64.b64decode(encoded), tuple(extensions))
    if format(checkpoint) != text:
        raise InvalidCheckpoint("the root's base64 is not canonical")
    return checkpoint


def open(signed: str | bytes, verifiers: Iterable[note.AnyVerifier]) -> Checkpoint:  # noqa: A001 - read as checkpoint.open
    """Return the checkpoint of a signed note, once the log's own key has signed it.

    The log's key bears the origin as its name. A checkpoint that only others signed (witnesses) is refused.
    Raises InvalidNote and its kinds, or InvalidCheckpoint.
    """
    known = list(verifiers)
    opened = note.open(signed, known)
    checkpoint = parse(opened.text)
    check_signed(checkpoint, [each for each in known if each.name == checkpoint.origin], opened)
    return checkpoint


def check_signed(checkpoint: Checkpoint, logs: Iterable[note.AnyVerifier], opened: note.Note) -> None:
    """Refuse a checkpoint that none of the log's own keys signed, or whose extension lines none of those covers.

    ML-DSA-44 signs a head and not the lines after it (C2SP tlog-cosignature): taken for the log's word they must be under another key.
    Raises UnsignedNote or InvalidCheckpoint.
    """
    keys = {(signature.name, signature.key_id) for signature in opened.signatures}
    signed_by = [log for log in logs if (log.name, log.key_id) in keys]
    if not signed_by:
        raise UnsignedNote(f"the log {checkpoint.origin} did not sign")
    if checkpoint.extensions and all(getattr(log, "is_post_quantum", False) for log in signed_by):
        raise InvalidCheckpoint("its extension lines are under no signature of the log")
