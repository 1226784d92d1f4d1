"""Records that could not be delivered, sealed on disk until the service is back, and delivered in the order in which they were made.

    <state>/queue.key              32 bytes, mode 0600
    <state>/queue/<n>.sealed       nonce (12) || AES-256-GCM of the record as JSON, <n> in its additional data
    <state>/queue/<n>.places       the marks of the places that it is about, so that the guard beside the app knows it for queued
    <state>/queue/<n>.done         the id of the artifact that it became, for a day: what is made later may be derived from it
    <state>/queue/dead/<n>.sealed  one that the service will never take; `consonant doctor` tells of it

`<n>` is the time in nanoseconds and a random half, so names sort in the order of making. A record that names one that is queued itself bears
its `<n>` in the place of the id.

A crash leaves: before the rename in `put`, a `.places` without a record (removed by the next flush); between an answer and `.done`, the record,
which is sent again under the same Idempotency-Key and answered as before (the service keeps answers for seven days); between `.done` and the
unlink, both, and the next flush unlinks. Nothing is delivered twice and nothing is lost. One process at a time delivers: a lock on `lock`,
which the system lets go when its holder dies.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consonant.settings import folder, key_at, sync, write

_NONCE: Final = 12
_SEALED: Final = ".sealed"
_PLACES: Final = ".places"
_DONE: Final = ".done"
REFERENCE: Final = "queued:"


class Broken(Exception):
    """What was sealed cannot be opened: another key, or other bytes."""


@dataclass(frozen=True)
class Flushed:
    """What a flush came to. `left` is what still waits."""

    delivered: int = 0
    dead: int = 0
    left: int = 0


class Queue:
    """The folder of one host's app. `memory`: for how many seconds it is remembered what a record became."""

    def __init__(self, state: Path, *, memory: float = 86_400.0) -> None:
        self._memory = memory
        self._state, self.path, self.dead = state, state / "queue", state / "queue" / "dead"
        self._at = 0

    def put(self, record: dict[str, Any], places: tuple[str, ...] = ()) -> str:
        """Keep a record (JSON), and return its `<n>`; it is on the disk then.

        Raises:
            OSError: It cannot be written.
        """
        folder(self.path)
        last = (
            int(waiting[-1].partition("-")[0]) if (waiting := self.waiting()) else 0
        )  # whatever the clock did meanwhile
        self._at = max(time.time_ns(), self._at + 1, last + 1)
        name = f"{self._at:020d}-{secrets.token_hex(4)}"
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._aead().encrypt(nonce, json.dumps(record).encode(), name.encode())
        if places:
            write(self.path / f"{name}{_PLACES}", "\n".join(places).encode())
        aside = self.path / f".{name}"
        write(aside, sealed)
        aside.rename(self.path / f"{name}{_SEALED}")
        sync(self.path)
        return name

    def waiting(self) -> list[str]:
        """Return the `<n>` of all that waits, oldest first."""
        return sorted(path.name.removesuffix(_SEALED) for path in self._files(self.path, _SEALED))

    def buried(self) -> list[str]:
        """Return the `<n>` of what was given up."""
        return sorted(path.name.removesuffix(_SEALED) for path in self._files(self.dead, _SEALED))

    def places(self) -> frozenset[str]:
        """Return the marks of all places whose records wait."""
        return places_in(self.path)

    def read(self, name: str) -> dict[str, Any]:
        """Return a waiting record.

        Raises:
            Broken: It cannot be opened.
            FileNotFoundError: It does not wait any more.
        """
        data = (self.path / f"{name}{_SEALED}").read_bytes()
        try:
            found = json.loads(self._aead().decrypt(data[:_NONCE], data[_NONCE:], name.encode()))
        except (InvalidTag, ValueError):
            raise Broken(name) from None
        if not isinstance(found, dict):
            raise Broken(name)
        return found

    def id_of(self, name: str) -> str | None:
        """Return the artifact that a queued record became, if it has been delivered and is remembered."""
        try:
            return (self.path / f"{name}{_DONE}").read_text(encoding="ascii").strip() or None
        except FileNotFoundError:
            return None

    def flush(self, deliver: Callable[[str, dict[str, Any]], str | None]) -> Flushed:
        """Deliver what waits, oldest first. `deliver` returns the artifact's id, None for what is dead, and raises where it has to wait.

        Where another process is at it already, nothing is done here.
        """
        delivered = dead = 0
        with self._alone() as alone:
            if alone:
                self._tidy()
                for name in self.waiting():
                    if self.id_of(name) is not None:
                        self._drop(name)
                        continue
                    try:
                        artifact = deliver(name, self.read(name))
                    except Broken:
                        artifact = None
                    if artifact is None:
                        dead += 1
                        self._bury(name)
                    else:
                        delivered += 1
                        self._settle(name, artifact)
                if not self.waiting():
                    self._forget()
        return Flushed(delivered, dead, len(self.waiting()))

    def _settle(self, name: str, artifact: str) -> None:
        aside = self.path / f".{name}"
        aside.unlink(missing_ok=True)
        write(aside, artifact.encode("ascii"))
        aside.rename(self.path / f"{name}{_DONE}")
        sync(self.path)
        self._drop(name)

    def _drop(self, name: str) -> None:
        (self.path / f"{name}{_SEALED}").unlink(missing_ok=True)
        (self.path / f"{name}{_PLACES}").unlink(missing_ok=True)

    def _bury(self, name: str) -> None:
        folder(self.dead)
        (self.path / f"{name}{_SEALED}").rename(self.dead / f"{name}{_SEALED}")
        (self.path / f"{name}{_PLACES}").unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Remove what a crash left of records that were never put whole: older than a minute, for another process may be at it."""
        whole = set(self.waiting())
        for path in [*self._files(self.path, _PLACES), *self.path.glob(".[0-9]*")]:
            is_old = time.time() - path.stat().st_mtime > 60 if path.exists() else False
            if path.name.removesuffix(_PLACES) not in whole and is_old:
                path.unlink(missing_ok=True)

    def _forget(self) -> None:
        for path in self._files(self.path, _DONE):
            if time.time() - path.stat().st_mtime >= self._memory:
                path.unlink(missing_ok=True)

    @staticmethod
    def _files(where: Path, suffix: str) -> list[Path]:
        return [each for each in where.glob(f"[0-9]*{suffix}") if each.is_file()] if where.is_dir() else []

    def _aead(self) -> AESGCM:
        return AESGCM(key_at(self._state / "queue.key"))

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        if not self.path.is_dir():
            yield False
            return
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield _lock(descriptor)
        finally:
            os.close(descriptor)


def places_in(path: Path) -> frozenset[str]:
    """Return the marks that a queue's folder says are waiting."""
    found: set[str] = set()
    if path.is_dir():
        for each in path.glob(f"[0-9]*{_PLACES}"):
            try:
                found.update(each.read_text(encoding="ascii").split())
            except FileNotFoundError:
                continue
    return frozenset(found)


def _lock(descriptor: int) -> bool:
    """Take the lock that ends with its holder; say whether it was free."""
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True
