"""Sealed bytes by id, each under a key of its own.

Order of a write: key stored and synced, then the bytes; the caller's row comes last, and what a crash leaves without a row is swept.
Order of an erasure: `shred` (the key, synced), then `delete` (the bytes); both can be repeated. Once the key is destroyed the bytes
are noise wherever copies of them lie.
"""

import io
import uuid
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from django.core.files.base import File
from django.core.files.storage import Storage, storages

from keyring.errors import KeyGone
from keyring.keys import store
from keyring.seal import seal, unseal
from vault.errors import BlobGone


class Kind(StrEnum):
    """What the bytes are for, by which their key's name begins. An id is used once, whatever the kind."""

    ARTIFACT = "artifact"
    DOCUMENT = "document"
    """Evidence that somebody may act for a person."""
    STATEMENT = "statement"
    """A consent that was spoken."""

    @property
    def prefix(self) -> str:
        """How the keys' names begin."""
        return f"{self}:"


def put(*, blob: uuid.UUID, data: bytes, now: datetime, kind: Kind = Kind.ARTIFACT) -> None:
    """Seal `data` under a new key and store it, durable on return."""
    key = store().make(_key(blob, kind), now=now)
    _storage().save(_path(blob), File(io.BytesIO(seal(key, data, context=blob.bytes))))


def read(*, blob: uuid.UUID, kind: Kind = Kind.ARTIFACT) -> bytes:
    """Return the plain bytes.

    Raises:
        BlobGone: The key or the bytes are no longer there.
        keyring.errors.SealBroken: The bytes were changed.
    """
    try:
        key = store().get(_key(blob, kind))
        with _storage().open(_path(blob)) as file:
            return unseal(key, file.read(), context=blob.bytes)
    except (KeyGone, FileNotFoundError):
        raise BlobGone from None


def shred(*, blobs: Iterable[uuid.UUID], kind: Kind = Kind.ARTIFACT) -> None:
    """Destroy the keys, synced."""
    store().destroy(_key(blob, kind) for blob in blobs)


def delete(*, blobs: Iterable[uuid.UUID]) -> None:
    """Delete the bytes; those already gone are no error."""
    for blob in blobs:
        _storage().delete(_path(blob))


def left(*, blobs: Iterable[uuid.UUID], kind: Kind = Kind.ARTIFACT) -> set[uuid.UUID]:
    """Return which of the blobs still have a key or bytes."""
    return {blob for blob in blobs if store().has(_key(blob, kind)) or _storage().exists(_path(blob))}


def alive(*, blobs: Iterable[uuid.UUID], kind: Kind = Kind.ARTIFACT) -> set[uuid.UUID]:
    """Return which of the blobs still have their key."""
    return {blob for blob in blobs if store().has(_key(blob, kind))}


def _storage() -> Storage:
    return storages["vault"]


def _key(blob: uuid.UUID, kind: Kind) -> str:
    return f"{kind.prefix}{blob}"


def _path(blob: uuid.UUID) -> str:
    # The last digits of a UUIDv7 are random, the first are its time.
    return f"{blob.hex[-2:]}/{blob}"
