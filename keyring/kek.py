"""Key-encryption keys: one an epoch, by which every key of the store is wrapped.

An epoch has a number, never used twice, and a 32-byte key-encryption key that a provider keeps: a file, the environment, or a
hardware token (`keyring.hsm`). The key store keeps the list of epochs with what is not secret: who keeps the key, what the provider
needs to find it again, and a proof, which is an empty seal that this key alone opens. So a wrong key is noticed before anything is
wrapped under it.

The keys of epochs are kept in memory once they were read: every append needs one. When a rotation is through, the next write of a
process drops the older ones, weeks before they are destroyed; Python cannot overwrite them there. No other key is kept.
"""

import base64
import binascii
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from keyring.errors import KeyStoreBroken, NotOurs, SealBroken
from keyring.seal import KEY_BYTES, seal, unseal
from keyring.secretfile import read_or_make, read_private, sync_folder


@dataclass(frozen=True)
class Epoch:
    """One key-encryption key's time, as the key store lists it. Times are seconds since 1970; nothing here is secret."""

    number: int
    kind: str
    material: bytes
    proof: bytes
    made_at: float
    rewrapped_at: float | None = None
    destroyed_at: float | None = None


class Provider(Protocol):
    """Who keeps key-encryption keys. Every verb can be repeated, and has happened durably when it returns."""

    @property
    def kind(self) -> str:
        """The provider's name in the list of epochs."""

    def make(self, epoch: int) -> bytes:
        """Make the epoch's key unless it is there, and return the material by which to read it."""

    def read(self, epoch: int, material: bytes) -> bytes:
        """Return the epoch's key; raise `KeyStoreBroken` when it is not there or not fit."""

    def has(self, epoch: int) -> bool:
        """Say whether the epoch's key is there."""

    def destroy(self, epoch: int) -> None:
        """Destroy the epoch's key; one that is not there is no error."""


class FileKeks:
    """Files of 32 bytes, mode 600 or narrower: the first epoch's has the given name, the others' end in `.2`, `.3` and so on."""

    kind = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self, epoch: int) -> bytes:
        """Write the file unless it is there; a crash leaves all of it or none, and the next call takes what is there."""
        read_or_make(self._file(epoch), lambda: os.urandom(KEY_BYTES))
        self.read(epoch, b"")
        return b""

    def read(self, epoch: int, material: bytes) -> bytes:  # noqa: ARG002 - a file needs no more than its name
        """Return the file's bytes; refuse a file that others may read or write, for then others may have."""
        path = self._file(epoch)
        if not path.exists():
            raise KeyStoreBroken(f"the key-encryption key {path} is missing; put it back: without it no key opens")
        kek = read_private(path)
        if len(kek) != KEY_BYTES:
            raise KeyStoreBroken(f"the key-encryption key {path} does not have 32 bytes")
        return kek

    def has(self, epoch: int) -> bool:
        """Say whether the file is there."""
        return self._file(epoch).exists()

    def destroy(self, epoch: int) -> None:
        """Overwrite, sync, unlink, sync. A crash leaves the key, a file of zeros, or nothing; each can be destroyed again."""
        path = self._file(epoch)
        with suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        if path.parent.is_dir():
            sync_folder(path.parent)

    def _file(self, epoch: int) -> Path:
        return self._path if epoch == 1 else self._path.with_name(f"{self._path.name}.{epoch}")


class EnvironmentKeks:
    """Keys that whoever starts the service puts into its environment: `1:<base64 of 32 bytes>,2:<...>`.

    The service can neither make nor destroy them. A rotation needs the next number to be there first, in every process.
    """

    kind = "environment"

    def __init__(self, value: str) -> None:
        self._keks: dict[int, bytes] = {}
        for each in filter(None, (part.strip() for part in value.split(","))):
            number, _, text = each.partition(":")
            try:
                kek = base64.b64decode(text, validate=True)
                epoch = int(number)
            except (ValueError, binascii.Error):
                raise KeyStoreBroken("CONSONANT_KEK is not `1:<base64>,2:<base64>`") from None
            if len(kek) != KEY_BYTES or epoch < 1 or epoch in self._keks:
                raise KeyStoreBroken("CONSONANT_KEK names an epoch twice, or a key that does not have 32 bytes")
            self._keks[epoch] = kek

    def make(self, epoch: int) -> bytes:
        """Look whether it is there; nothing is made here."""
        if epoch not in self._keks:
            raise NotOurs(
                f"CONSONANT_KEK has no key for epoch {epoch}: add `{epoch}:<base64 of 32 random bytes>` everywhere, restart, repeat"
            )
        return b""

    def read(self, epoch: int, material: bytes) -> bytes:  # noqa: ARG002 - the environment needs no more than the number
        """Return the epoch's key."""
        if epoch not in self._keks:
            raise KeyStoreBroken(f"the key-encryption key of epoch {epoch} is missing from CONSONANT_KEK; put it back")
        return self._keks[epoch]

    def has(self, epoch: int) -> bool:
        """Say whether the environment has it."""
        return epoch in self._keks

    def destroy(self, epoch: int) -> None:
        """Refuse while it is there: the environment is not ours to change."""
        if epoch in self._keks:
            raise NotOurs(f"remove epoch {epoch} from CONSONANT_KEK everywhere it is written, restart, repeat")


class Ring:
    """The key-encryption keys of one key store: wraps under an epoch, unwraps under any that lives."""

    def __init__(self, *providers: Provider) -> None:
        """Take the providers: the first makes new epochs, all serve the epochs they made."""
        self._first = providers[0]
        self._providers = {provider.kind: provider for provider in providers}
        self._open: dict[int, bytes] = {}

    def begin(self, number: int, *, now: datetime, kind: str | None = None) -> Epoch:
        """Make an epoch's key, durably, and return the epoch to be listed. Until it is listed nothing is wrapped under it."""
        provider = self._providers[kind] if kind else self._first
        material = provider.make(number)
        kek = provider.read(number, material)
        return Epoch(number, provider.kind, material, seal(kek, b"", context=_context(number)), now.timestamp())

    def adopt(self, number: int, *, made_at: float, opens: Callable[[bytes], bool]) -> Epoch:
        """List the key of a store that was written before there were epochs, if it opens what is there.

        Raises:
            KeyStoreBroken: It is missing, or does not open the store.
        """
        provider = self._providers[FileKeks.kind]
        kek = provider.read(number, b"")
        if not opens(kek):
            raise _foreign(number)
        return Epoch(number, provider.kind, b"", seal(kek, b"", context=_context(number)), made_at)

    def wrap(self, epoch: Epoch, name: str, key: bytes) -> bytes:
        """Return `key` sealed under the epoch's key, bound to its name."""
        return seal(self._kek(epoch.number, lambda _: epoch), key, context=name.encode())

    def unwrap(self, number: int, name: str, wrapped: bytes, *, find: Callable[[int], Epoch]) -> bytes:
        """Return the key; `find` returns the epoch of a number that this process has not met.

        Raises:
            KeyStoreBroken: The epoch's key is missing, is another, or does not open this.
        """
        try:
            return unseal(self._kek(number, find), wrapped, context=name.encode())
        except SealBroken:
            raise _foreign(number) from None

    def newest_is(self, newest: Epoch) -> None:
        """Drop from memory the keys of all other epochs, once no key should need them; one that does has them read again."""
        if newest.rewrapped_at is not None:
            for number in list(self._open):
                if number != newest.number:
                    self._open.pop(number, None)

    def has(self, epoch: Epoch) -> bool:
        """Say whether the epoch's key is still there."""
        provider = self._providers.get(epoch.kind)
        return provider is not None and provider.has(epoch.number)

    def destroy(self, epoch: Epoch) -> None:
        """Destroy the epoch's key for good. Repeatable.

        Raises:
            NotOurs: Whoever runs the service has to do it.
        """
        self._open.pop(epoch.number, None)
        self._provider(epoch).destroy(epoch.number)

    def _kek(self, number: int, find: Callable[[int], Epoch]) -> bytes:
        kek = self._open.get(number)
        if kek is None:
            epoch = find(number)
            if epoch.destroyed_at is not None:
                raise KeyStoreBroken(f"the key-encryption key of epoch {number} was destroyed")
            kek = self._provider(epoch).read(number, epoch.material)
            try:
                unseal(kek, epoch.proof, context=_context(number))
            except SealBroken:
                raise _foreign(number) from None
            self._open[number] = kek
        return kek

    def _provider(self, epoch: Epoch) -> Provider:
        try:
            return self._providers[epoch.kind]
        except KeyError:
            raise KeyStoreBroken(
                f"epoch {epoch.number} is kept by `{epoch.kind}`, which the settings do not name"
            ) from None


def _context(number: int) -> bytes:
    return b"epoch:%d" % number


def _foreign(number: int) -> KeyStoreBroken:
    return KeyStoreBroken(f"the key-encryption key of epoch {number} does not open this key store")
