"""How fast the vault writes and reads, beside a plain copy of the file and beside AES-GCM with nothing around it, and what it holds in memory.

All three take the same file, a mebibyte at a time, to a new file in the same folder that is synced before it counts. The best of some rounds
counts, for what other processes do to the disk is not the vault's. Memory is that of a process of its own that does nothing else: the
most that was ever resident, less what was before.
"""

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import django
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils import timezone

from keyring.seal import TAG_BYTES
from keyring.stream import CHUNK_BITS
from vault import blobs
from vault.blobs import Kind

MB: Final = 1_000_000
_CHUNK: Final = 1 << CHUNK_BITS
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Speed:
    """MB/s, each the best of the rounds."""

    copy: float
    bare_write: float
    bare_read: float
    vault_write: float
    vault_read: float

    @property
    def write_ratio(self) -> float:
        """The vault's writing beside bare AES-GCM's."""
        return self.vault_write / self.bare_write

    @property
    def read_ratio(self) -> float:
        """The vault's reading beside bare AES-GCM's."""
        return self.vault_read / self.bare_read


def speed(*, size: int = 256 * MB, rounds: int = 3) -> Speed:
    """Measure with a file of `size` bytes in the vault's own folder's file system, with the service's own suite."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=_beside()) as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        with source.open("wb") as file:
            for _ in range(size // _PIECE + 1):
                file.write(os.urandom(_PIECE))
            file.truncate(size)
        key = os.urandom(32)
        for _ in range(rounds):
            _note(found, "copy", size, partial(_copy, source, target))
            _note(found, "bare_write", size, partial(_bare_write, source, target, key))
            _note(found, "bare_read", size, partial(_bare_read, target, key))
            blob = uuid.uuid4()
            _note(found, "vault_write", size, partial(_write, source, blob))
            _note(found, "vault_read", size, partial(_read, blob))
            _forget(blob)
    return Speed(**found)


def memory(*, size: int = 2_000 * MB) -> int:
    """Return how many bytes more were resident when `size` bytes were written and read than before."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_hold, args=(theirs, size))
    process.start()
    theirs.close()  # so that a process that dies is seen
    try:
        grown: int = ours.recv()
    finally:
        process.join()
    return grown


def _hold(told: Connection, size: int) -> None:
    django.setup()
    for bytes_ in (_PIECE, size):
        before = most_held()
        blob = uuid.uuid4()
        blobs.put(blob=blob, data=(bytes(_PIECE) for _ in range(bytes_ // _PIECE)), kind=Kind.VOICE, now=timezone.now())
        _read(blob)
        _forget(blob)
        # The first, small round loads what any use loads.
        grown = most_held() - before
    told.send(grown)


def most_held() -> int:
    """Return the most bytes that were ever resident of this process.

    Linux' getrusage counts what the process was that became this one too, its parent: a large one would hide everything.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _note(found: dict[str, float], name: str, size: int, act: Callable[[], None]) -> None:
    begun = time.perf_counter()
    act()
    found[name] = max(found.get(name, 0.0), size / MB / (time.perf_counter() - begun))


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file, target.open("wb") as out:
        shutil.copyfileobj(file, out, _PIECE)
        _sync(out.fileno())


def _bare_write(source: Path, target: Path, key: bytes) -> None:
    cipher, number = AESGCM(key), 0
    with source.open("rb") as file, target.open("wb") as out:
        while chunk := file.read(_CHUNK):
            out.write(cipher.encrypt(number.to_bytes(12, "big"), chunk, None))
            number += 1
        out.flush()
        _sync(out.fileno())


def _bare_read(target: Path, key: bytes) -> None:
    cipher, number = AESGCM(key), 0
    with target.open("rb") as file:
        while chunk := file.read(_CHUNK + TAG_BYTES):
            cipher.decrypt(number.to_bytes(12, "big"), chunk, None)
            number += 1


def _write(source: Path, blob: uuid.UUID) -> None:
    with source.open("rb") as file:
        blobs.put(blob=blob, data=file, kind=Kind.VOICE, now=timezone.now())


def _read(blob: uuid.UUID) -> None:
    for _ in blobs.pieces(blob=blob, kind=Kind.VOICE):
        pass


def _forget(blob: uuid.UUID) -> None:
    blobs.shred(blobs=[blob], kind=Kind.VOICE)
    blobs.delete(blobs=[blob], kind=Kind.VOICE)


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


def _beside() -> str | None:
    """Return the folder beside the vault's, so that all are on one file system; the system's own where the vault is a bucket."""
    location = getattr(blobs._storage(Kind.VOICE), "location", "")  # noqa: SLF001 - where it lies is asked nowhere else
    folder = Path(str(location)).parent if str(location).startswith("/") else None
    return str(folder) if folder and folder.is_dir() else None
