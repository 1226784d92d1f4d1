"""A log as its files, with entries of many days, of which a hundredth is one person's: what a wallet looks through."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import checkpoint, merkle, note, tiles
from ledger import leaf as leaves
from zkp import tag

ORIGIN: Final = "bench.example/log"
DAYS: Final = 60
SHARE: Final = 100
"""One entry of so many is the person's."""
_FIRST: Final = date(2026, 1, 1)


@dataclass(frozen=True)
class Log:
    """A log, and whose entries are in it."""

    seed: bytes
    vkey: str
    mine: int
    leaves: list[bytes]


def make(folder: Path, count: int) -> Log:
    """Make a log of so many entries, and write its bundles, tiles and checkpoint into the folder."""
    seed = os.urandom(32)
    keys = tag.derive(seed, ORIGIN)
    made = leaves.chain(log=ORIGIN, index=0, prev=leaves.GENESIS_PREV, entries=_entries(keys, count))
    data = [each for each, _ in made]
    for path, octets in tiles.new_files(
        old_size=0, new_size=count, read_entries=lambda start, stop: data[start:stop], read_tile=lambda _: b""
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(octets)
    signer = note.Signer(ORIGIN, Ed25519PrivateKey.generate())
    head = checkpoint.Checkpoint(ORIGIN, count, merkle.root([each for _, each in made]))
    (folder / "checkpoint").write_text(note.sign(checkpoint.format(head), [signer]))
    return Log(seed, signer.verifier().vkey, len(range(0, count, SHARE)), data)


def _entries(keys: tag.Keys, count: int) -> Iterator[tuple[str, str, str, bytes, bytes, bytes, bytes]]:
    tags: dict[date, bytes] = {}
    for index in range(count):
        ref, day = uuid.uuid4(), _FIRST + timedelta(days=index * DAYS // count)
        mark, subject = os.urandom(16), os.urandom(32)
        if index % SHARE == 0:
            tags[day] = tags.get(day) or tag.day_tag(keys, day)
            mark = tag.mark(keys.k_u, ref)
            subject = leaves.commit("subject", tag.subject_salt(keys.k_u, ref), tags[day])
        at = f"{day}T12:00:00.000Z"
        yield at, "artifact.recorded", str(ref), mark, os.urandom(32), subject, os.urandom(32)
