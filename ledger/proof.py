"""Proofs in one file, C2SP tlog-proof@v1 (`.tlog-proof`): a checkpoint and the way from one entry up to its root.

    c2sp.org/tlog-proof@v1
    [extra <base64>]
    index <N>
    <base64 of a hash, one a line, the leaf's sibling first>

    <the signed checkpoint, verbatim>

`verify` needs the leaf's bytes, the log's verifier key, and nothing else: no network, no server. `extra` is not
authenticated; nothing here reads it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import checkpoint as checkpoints
from . import leaf as leaves
from . import merkle, note
from .errors import InvalidProof

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_PROOF_BYTES: Final = note.MAX_NOTE_BYTES + 100_000
MAX_HASHES: Final = 63

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a `.tlog-proof` holds; `checkpoint` is the signed note, `extra` None if there is no such line."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """What a good proof shows: the leaf is entry `index` of the log at this checkpoint."""

    index: int
    checkpoint: checkpoints.Checkpoint


def format(proof: Proof) -> str:  # noqa: A001 - read as proof.format
    """Return the text of a proof."""
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(f"extra {base64.b64encode(proof.extra).decode()}")
    lines.append(f"index {proof.index}")
    lines += (base64.b64encode(value).decode() for value in proof.hashes)
    return "\n".join(lines) + "\n\n" + proof.checkpoint


def parse(text: str) -> Proof:
    """Read the text of a proof, without verifying it. Raises InvalidProof."""
    if len(text) > MAX_PROOF_BYTES:
        raise InvalidProof(f"more than {MAX_PROOF_BYTES} characters")
    head, blank, signed = text.partition("\n\n")
    lines = head.split("\n")
    if lines.pop(0) != HEADER or not blank:
        raise InvalidProof(f"it is not a {HEADER}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _decode_base64(lines.pop(0).removeprefix("extra "))
    match = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if match is None:
        raise InvalidProof("the index is missing")
    if len(lines) > MAX_HASHES:
        raise InvalidProof(f"more than {MAX_HASHES} hashes")
    hashes = tuple(_decode_base64(line) for line in lines)
    if any(len(value) != merkle.HASH_SIZE for value in hashes):
        raise InvalidProof("a hash is not of 32 bytes")
    return Proof(int(match[1]), hashes, signed, extra)


def verify(proof_text: str, leaf: bytes, verifiers: Sequence[note.AnyVerifier]) -> Proven:
    """Check that a log's signed checkpoint holds this leaf, where the leaf itself says.

    Raises InvalidProof, InvalidNote and its kinds, InvalidCheckpoint or InvalidLeaf.
    """
    proof = parse(proof_text)
    checkpoint = checkpoints.open(proof.checkpoint, verifiers)
    merkle.verify_inclusion(
        leaf_hash=merkle.leaf_hash(leaf),
        index=proof.index,
        size=checkpoint.size,
        proof=proof.hashes,
        root=checkpoint.root,
    )
    log, index, _ = leaves.read_link(leaf)
    if (log, index) != (checkpoint.origin, proof.index):
        raise InvalidProof(f"the leaf says that it is entry {index} of {log}")
    return Proven(proof.index, checkpoint)


def _decode_base64(encoded: str) -> bytes:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = None
    if not data or base64.b64encode(data).decode() != encoded:
        raise InvalidProof("its base64 is malformed")
    return data
