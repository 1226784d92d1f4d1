"""A finished proof as a document: what a wallet sends to a verifier, and what somebody keeps in a file.

    {"v":1, "statement":"own", "context":"<text>", "entries":[{"index":N, "ref", "tag", "salt"}], "proof"}
    {"v":1, "statement":"receipt", "context":"<text>", "disclosed":{name: text}, "proof"}
    {"v":1, "statement":"active", "context":"<text>", "disclosed":{name: text}, "epoch":N, "pseudonym", "proof"}

`context` is the text of `zkp.core.context`; bytes are lower-case hex; these names and no others. What `parse` returns has the right shape and
lengths, and proves nothing yet: `holds` says that it does, against a context which the verifier has from elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .core import active, own, receipt
from .core.context import Context
from .core.errors import InvalidContext
from .core.group import G1_BYTES
from .errors import DocumentBroken
from .tag import SALT_BYTES, TAG_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

VERSION: Final = 1
MAX_ENTRIES: Final = 500
MAX_INDEX: Final = 2**53 - 1
MAX_TEXT: Final = 2_048
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")
_REF: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_MOST_PROOF_BYTES: Final = 1_024
_NAMES: Final = {
    own.STATEMENT: frozenset({"v", "statement", "context", "entries", "proof"}),
    receipt.STATEMENT: frozenset({"v", "statement", "context", "disclosed", "proof"}),
    active.STATEMENT: frozenset({"v", "statement", "context", "disclosed", "epoch", "pseudonym", "proof"}),
}


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry of which the subject commitment is opened."""

    index: int
    ref: str
    tag: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """A finished proof."""

    context: Context
    proof: bytes
    entries: tuple[Opened, ...] = ()
    disclosed: Mapping[str, str] | None = None
    epoch: int = 0
    pseudonym: bytes = b""

    @property
    def statement(self) -> str:
        """The statement's name."""
        return self.context.statement


def looks_like(said: Mapping[str, Any]) -> bool:
    """Say whether it means to be such a document."""
    return isinstance(said.get("statement"), str) and said["statement"] in _NAMES and "context" in said


def parse(said: Any) -> Document:
    """Read a document.

    Raises:
        DocumentBroken: It has another form.
    """
    if not isinstance(said, dict) or not isinstance(said.get("statement"), str):
        raise DocumentBroken
    if said.keys() != _NAMES.get(said["statement"]) or type(said["v"]) is not int or said["v"] != VERSION:
        raise DocumentBroken
    if not isinstance(said["context"], str):
        raise DocumentBroken
    try:
        context = Context.read(said["context"].encode())
    except (InvalidContext, UnicodeEncodeError):
        raise DocumentBroken from None
    if context.statement != said["statement"]:
        raise DocumentBroken
    return Document(
        context=context,
        proof=_bytes(said["proof"]),
        entries=_entries(said["entries"]) if "entries" in said else (),
        disclosed=_texts(said["disclosed"]) if "disclosed" in said else None,
        epoch=_whole(said.get("epoch", 0)),
        pseudonym=_bytes(said["pseudonym"], G1_BYTES) if "pseudonym" in said else b"",
    )


def holds(document: Document, *, context: Context, issuer: bytes, now: datetime) -> bool:
    """Say whether the proof answers this context. Of `own`, that the entries commit to these tags is for the caller to see.

    Args:
        document: What was sent.
        context: What the verifier asked, as the verifier knows it.
        issuer: The log's key for receipts and credentials, 96 bytes.
        now: When the proof is looked at, or was made, if that is known.
    """
    if document.disclosed is None:
        return own.verify(tags=[each.tag for each in document.entries], context=context, proof=document.proof)
    if not document.pseudonym:
        return receipt.verify(pk=issuer, disclosed=document.disclosed, context=context, proof=document.proof)
    shown = active.Shown(document.pseudonym, document.proof)
    return active.verify(
        pk=issuer, disclosed=document.disclosed, epoch=document.epoch, shown=shown, context=context, now=now
    )


def _entries(said: Any) -> tuple[Opened, ...]:
    if not isinstance(said, list) or not 0 < len(said) <= MAX_ENTRIES:
        raise DocumentBroken
    found = []
    for each in said:
        if not isinstance(each, dict) or each.keys() != {"index", "ref", "tag", "salt"}:
            raise DocumentBroken
        if not isinstance(each["ref"], str) or not _REF.fullmatch(each["ref"]):
            raise DocumentBroken
        tag, salt = _bytes(each["tag"], TAG_BYTES), _bytes(each["salt"], SALT_BYTES)
        found.append(Opened(_whole(each["index"]), each["ref"], tag, salt))
    if len({each.index for each in found}) != len(found):
        raise DocumentBroken
    return tuple(found)


def _texts(said: Any) -> dict[str, str]:
    if not isinstance(said, dict) or len(said) > len(receipt.SCHEMA):
        raise DocumentBroken
    for name, text in said.items():
        if not isinstance(text, str) or len(text) > MAX_TEXT or len(name) > MAX_TEXT:
            raise DocumentBroken
    return said


def _bytes(said: Any, length: int | None = None) -> bytes:
    if not isinstance(said, str) or len(said) > 2 * _MOST_PROOF_BYTES or not _HEX.fullmatch(said):
        raise DocumentBroken
    data = bytes.fromhex(said)
    if length is not None and len(data) != length:
        raise DocumentBroken
    return data


def _whole(said: Any) -> int:
    if type(said) is not int or not 0 <= said <= MAX_INDEX:
        raise DocumentBroken
    return said
