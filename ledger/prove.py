"""Prove from the published files alone that an entry is in its log, and check it as a stranger would.

One read of the checkpoint: one that is published between two would give hashes for another size.
"""

from dataclasses import dataclass

from ledger import checkpoint, note, proof
from ledger.errors import LedgerError, NotSealed
from ledger.files import read
from ledger.merkle import prove_inclusion
from ledger.models import Entry
from ledger.tiles import WIDTH, TileReader, bundle_path, decode_bundle


@dataclass(frozen=True)
class Checked:
    """What became of checking an entry against what is published."""

    size: int | None
    """The size of the published checkpoint; None where it could not be read."""
    trouble: str
    """What does not hold; empty when everything does."""
    published: bool = True
    """The checkpoint covers the entry."""
    proof: str = ""
    """The `.tlog-proof` that was checked."""


def prove(entry: Entry) -> str:
    """Return the `.tlog-proof` of an entry for the newest published checkpoint.

    Raises:
        NotSealed: No published checkpoint covers it.
        LedgerError: What is published is not this log.
        FileNotFoundError: A tile is missing.
    """
    try:
        signed = read(entry.log_id, "checkpoint")
    except FileNotFoundError:
        raise NotSealed from None
    head = checkpoint.open(signed, [note.Verifier.from_vkey(entry.log.vkey)])
    if entry.index >= head.size:
        raise NotSealed
    reader = TileReader(lambda path: read(entry.log_id, path), head.size)
    hashes = tuple(prove_inclusion(index=entry.index, size=head.size, reader=reader))
    return proof.format(proof.Proof(index=entry.index, hashes=hashes, checkpoint=signed.decode()))


def check(entry: Entry) -> Checked:
    """Check that the published log holds exactly this leaf at this place: its proof, and its bundle, byte for byte."""
    try:
        text = prove(entry)
        proven = proof.verify(text, bytes(entry.leaf), [note.Verifier.from_vkey(entry.log.vkey)])
        size = proven.checkpoint.size
        if _published_leaf(entry, size) != bytes(entry.leaf):
            return Checked(size, "the published bundle holds another leaf at this place")
    except NotSealed:
        return Checked(None, "", published=False)
    except (LedgerError, OSError) as error:
        return Checked(None, str(error) if isinstance(error, LedgerError) else f"a file is missing: {error.filename}")
    return Checked(size, "", proof=text)


def _published_leaf(entry: Entry, size: int) -> bytes:
    number, place = divmod(entry.index, WIDTH)
    width = min(WIDTH, size - number * WIDTH)
    try:
        bundle = read(entry.log_id, bundle_path(number, width))
    except FileNotFoundError:  # dropped since, for the full one
        bundle = read(entry.log_id, bundle_path(number))
    leaves = decode_bundle(bundle)
    return leaves[place] if place < len(leaves) else b""
