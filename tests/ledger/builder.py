"""Builds published logs, good and bad, in a folder. The writer is the one of `ledger.tiles`."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import checkpoint, leaf, merkle, note, tiles

ORIGIN = "log.example/voices"
SIGNER = note.Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"s" * 32))
VERIFIERS = [SIGNER.verifier()]
START = datetime(2026, 3, 1, tzinfo=UTC)


def make_leaf(index: int, prev: bytes, /, **change) -> bytes:
    made = leaf.Leaf(
        log=ORIGIN,
        index=index,
        prev=prev,
        at=START + timedelta(seconds=index),
        kind="artifact.recorded",
        ref=UUID(int=index, version=4),
        mark=index.to_bytes(16, "big"),
        actor=merkle.leaf_hash(b"actor %d" % index),
        subject=merkle.leaf_hash(b"subject %d" % index),
        payload=merkle.leaf_hash(b"payload %d" % index),
    )
    return leaf.encode(replace(made, **change))


def chain(size: int, *, changes: dict[int, dict] | None = None) -> list[bytes]:
    """Return the leaves of a well-chained log; `changes` maps an index to fields that differ."""
    entries: list[bytes] = []
    prev = leaf.GENESIS_PREV
    for index in range(size):
        entries.append(make_leaf(index, prev, **(changes or {}).get(index, {})))
        prev = merkle.leaf_hash(entries[-1])
    return entries


def write_tree(folder: Path, entries: list[bytes]) -> None:
    """Write bundles and tiles of all levels over whatever is there."""
    shutil.rmtree(folder / "tile", ignore_errors=True)
    for path, data in tiles.new_files(
        old_size=0,
        new_size=len(entries),
        read_entries=lambda start, stop: entries[start:stop],
        read_tile=lambda path: (folder / path).read_bytes(),
    ):
        write(folder / path, data)


def write_bundles(folder: Path, entries: list[bytes], size: int) -> None:
    """Write the bundles only, as a log of `size` entries lays them out, with these entries from first to last."""
    shutil.rmtree(folder / "tile" / "entries")
    for start in range(0, size, tiles.WIDTH):
        width = min(tiles.WIDTH, size - start)
        part = entries[start : start + tiles.WIDTH]
        if part:
            write(folder / tiles.bundle_path(start // tiles.WIDTH, width), tiles.encode_bundle(part))


def sign(folder: Path, entries: list[bytes], signer: note.Signer = SIGNER, origin: str = ORIGIN) -> None:
    root = merkle.root(merkle.leaf_hash(entry) for entry in entries)
    text = checkpoint.format(checkpoint.Checkpoint(origin, len(entries), root))
    write(folder / "checkpoint", note.sign(text, [signer]).encode())


def publish(folder: Path, entries: list[bytes]) -> None:
    write_tree(folder, entries)
    sign(folder, entries)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
