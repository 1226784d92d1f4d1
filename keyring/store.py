"""The key store: 32-byte keys by name, wrapped, outside PostgreSQL and outside its backups.

A wrapped key deleted from PostgreSQL is still in dead tuples, in recycled WAL and in every backup. So keys live elsewhere, behind the
small interface here, and there are two that fulfil it: `keyring.local`, an SQLite file, and `keyring.openbao`, a server with
OpenBao's or HashiCorp Vault's KV version 2. Each key is sealed under the key-encryption key of an epoch (`keyring.kek`) with its
name as context, in both.

Names say what a key is for: `voice:<uuid>`, `face:<uuid>` (until version 0.1 `artifact:<uuid>`), `document:<uuid>`, `statement:<uuid>`,
`export:<uuid>`, `unlocked:<uuid>`, `subject:<uuid>` (of a person, or of one app's tie to a person), `evidence:<uuid>`,
`custody:<uuid>`, `certificate:<uuid>`, `processor:<uuid>`, `hook:<uuid>`, `tenant:<uuid>`,
`wallet:<uuid>`, `log:<origin>`, `certificates:<origin>`, `credentials:<origin>`, `heads:platform`, `deliveries:platform`, `tokens:<uuid>`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from keyring.kek import Epoch, Ring


class KeyStore(Protocol):
    """What the rest of the service asks of a key store."""

    def put(self, keys: Mapping[str, bytes], *, now: datetime) -> None:
        """Store the keys, durably. A name that is there keeps its key: names are never reused.

        Raises:
            ValueError: A key is not 32 bytes, or a name is not `kind:rest`.
        """

    def make(self, name: str, *, now: datetime) -> bytes:
        """Return the key of that name, making a random one when there is none."""

    def get(self, name: str) -> bytes:
        """Return the key of that name.

        Raises:
            KeyGone: It was destroyed, or never was.
            KeyStoreBroken: It is there and the key-encryption key does not open it.
        """

    def has(self, name: str) -> bool:
        """Say whether there is a key of that name."""

    def destroy(self, names: Iterable[str]) -> None:
        """Destroy the keys for good. Names that are not there are no error: this can be repeated."""

    def older_than(self, moment: datetime, *, prefix: str, batch: int = 500) -> Iterator[list[str]]:
        """Yield the names with that prefix whose keys were made before `moment`, a batch at a time."""


class EpochStore(KeyStore, Protocol):
    """A key store whose wrapping can be renewed: what `keyring.rotate` asks of it."""

    @property
    def ring(self) -> Ring:
        """The key-encryption keys by which it wraps."""

    def epochs(self) -> list[Epoch]:
        """Return all epochs that ever were, the newest last. New keys are wrapped under the newest."""

    def add_epoch(self, epoch: Epoch) -> bool:
        """List an epoch, durably, and wrap new keys under it from now on; say no if its number is taken."""

    def note_rewrapped(self, number: int, *, now: datetime) -> None:
        """Note that no key was left under an older epoch."""

    def note_destroyed(self, number: int, *, now: datetime) -> None:
        """Note that the epoch's key was destroyed, and forget what was needed to find it."""

    def rewrap(self, *, batch: int = 500) -> Iterator[int]:
        """Wrap every key anew that is not under the newest epoch; yield how many, a batch at a time.

        A crash leaves each key under its old epoch or under the newest, and whole. A key that is destroyed meanwhile stays destroyed.
        """

    def counts(self) -> dict[int, int]:
        """Return how many keys each epoch wraps."""
