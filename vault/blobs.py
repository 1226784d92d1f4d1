"""Sealed bytes by id, each under a key of its own, of any size in bounded memory.

Order of a write: key stored and synced, then the bytes; the caller's row comes last, and what a crash leaves without a row is swept.
Order of an erasure: `shred` (the key, synced), then `delete` (the bytes); both can be repeated. Once the key is destroyed the bytes
are noise wherever copies of them lie.

Bytes are sealed as a stream (`keyring.stream`), bound to their id. What older versions sealed as one piece (`keyring.seal`) opens too.
Before the stream may stand an envelope (`vault.lock`): then the store's key alone does not open it.

Voices and faces lie in storages of their own, under keys whose names tell them apart. Whoever says no kind means an artifact, whether
of a voice or of a face, or one from before they lay apart: then all three places are looked at.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from typing import IO, Final, Protocol, TypeAlias, cast

from django.core.files.base import File
from django.core.files.storage import Storage, storages

from keyring import stream
from keyring.errors import KeyGone
from keyring.keys import store
from keyring.seal import unseal
from vault import lock
from vault.errors import BlobGone, BlobLocked
from vault.sealing import Sealing, reader
from vault.storage import DurableFolder


class Kind(StrEnum):
    """What the bytes are, by which their key's name begins. An id is used once, whatever the kind."""

    VOICE = "voice"
    """An artifact that shows a voice and no face."""
    FACE = "face"
    """An artifact that shows a face, whatever else it shows."""
    ARTIFACT = "artifact"
    """An artifact from before voices and faces lay apart; none are made any more."""
    DOCUMENT = "document"
    """Evidence that somebody may act for a person."""
    STATEMENT = "statement"
    """A consent that was spoken."""
    EXPORT = "export"
    """What a person takes with them, until they have."""

    @property
    def prefix(self) -> str:
        """How the keys' names begin."""
        return f"{self}:"


_Readable: TypeAlias = "IO[bytes] | File[bytes]"
ARTIFACTS: Final = (Kind.VOICE, Kind.FACE, Kind.ARTIFACT)
_STORAGES: Final = {Kind.VOICE: "vault-voices", Kind.FACE: "vault-faces"}
_REST: Final = "vault"


class Opener(Protocol):
    """Whoever may have the private half of a lock."""

    def __call__(self, lock: uuid.UUID, /) -> bytes | None:
        """Return it, 32 bytes, while its person lets us have it."""


def put(
    *,
    blob: uuid.UUID,
    data: bytes | IO[bytes] | Iterable[bytes],
    now: datetime,
    kind: Kind,
    locked_by: lock.Lock | None = None,
) -> None:
    """Seal `data` under a new key and store it, durable on return; what is read or iterated is never in memory whole."""
    key = store().make(_key(blob, kind), now=now)
    envelope = b""
    if locked_by is not None:
        envelope, key = lock.close(locked_by, key, context=blob.bytes)
    with reader(data) as source:
        sealing = Sealing(envelope, stream.sealed(key, source, context=blob.bytes))
        try:
            _storage(kind).save(_path(blob), cast("File[bytes]", sealing))
        except FileExistsError:  # an id is used once: what lies there is another's
            raise
        except BaseException:
            with suppress(Exception):  # what is half there is noise; a crash leaves it to the sweep
                delete(blobs=[blob], kind=kind)
            raise


def read(*, blob: uuid.UUID, kind: Kind | None = None, opener: Opener | None = None) -> bytes:
    """Return the plain bytes, whole.

    Raises:
        BlobGone: The key or the bytes are no longer there.
        BlobLocked: The person's passphrase is needed, and `opener` does not have what it opens.
        keyring.errors.SealBroken: The bytes were changed.
    """
    return b"".join(pieces(blob=blob, kind=kind, opener=opener))


def pieces(*, blob: uuid.UUID, kind: Kind | None = None, opener: Opener | None = None) -> Iterator[bytes]:
    """Open it, then return an iterator of its plain bytes; each piece is authentic, and all are there if it ends without an error.

    Raises:
        As for `read`: at once what concerns the key and the first piece, later what was cut off.
    """
    plain = _pieces(blob, kind, opener)
    first = next(plain)
    return _again(first, plain)


def part(
    *, blob: uuid.UUID, start: int, length: int, kind: Kind | None = None, opener: Opener | None = None
) -> Iterator[bytes]:
    """Yield `length` plain bytes from `start` on, fewer at the end, without opening the rest; errors as for `read`."""
    with _found(blob, kind) as (own, file):
        key, head = _unlocked(own, file, blob, opener)
        if not stream.is_stream(_at(file, head, 1)):
            yield unseal(key, _at(file, head, -1), context=blob.bytes)[start : start + length]
            return
        yield from stream.part(
            key,
            lambda offset, size: _at(file, head + offset, size),
            size=file.size - head,
            context=blob.bytes,
            start=start,
            length=length,
        )


def size(*, blob: uuid.UUID, kind: Kind | None = None) -> int:
    """Return how many plain bytes there are, by how many sealed ones there are; BlobGone as for `read`."""
    with _found(blob, kind) as (_, file):
        begin = _at(file, 0, lock.ENVELOPE_BYTES + 2)
        head = lock.ENVELOPE_BYTES if lock.is_closed(begin) else 0
        sealed = file.size - head
        return stream.plain_bytes(begin[head:], sealed) if stream.is_stream(begin[head:]) else sealed - 29


def lock_of(*, blob: uuid.UUID, kind: Kind | None = None) -> uuid.UUID | None:
    """Return the lock that closes it, if one does; BlobGone as for `read`."""
    with _found(blob, kind) as (_, file):
        begin = _at(file, 0, lock.ENVELOPE_BYTES)
        return lock.lock_of(begin) if lock.is_closed(begin) else None


def shred(*, blobs: Iterable[uuid.UUID], kind: Kind | None = None) -> None:
    """Destroy the keys, synced."""
    store().destroy(_key(blob, each) for blob in blobs for each in _kinds(kind))


def delete(*, blobs: Iterable[uuid.UUID], kind: Kind | None = None) -> None:
    """Delete the bytes, all versions of them; those already gone are no error."""
    for blob in blobs:
        for storage in _storages(kind):
            storage.delete(_path(blob))


def delete_each(*, blobs: Iterable[uuid.UUID], kind: Kind | None = None) -> Mapping[uuid.UUID, str]:
    """Delete the bytes of all of them; return of which it failed and the error's name. One that fails keeps no other from going."""
    failed: dict[uuid.UUID, str] = {}
    names = {_path(blob): blob for blob in blobs}
    for storage in _storages(kind):
        of_it = storage.delete_each(names) if isinstance(storage, DurableFolder) else _deleted_each(storage, names)
        failed |= {names[name]: error for name, error in of_it.items()}
    return failed


def _deleted_each(storage: Storage, names: Iterable[str]) -> dict[str, str]:
    failed: dict[str, str] = {}
    for name in names:
        try:
            storage.delete(name)
        except Exception as error:  # noqa: BLE001 - whatever a storage raises
            failed[name] = type(error).__name__
    return failed


def left(*, blobs: Iterable[uuid.UUID], kind: Kind | None = None) -> set[uuid.UUID]:
    """Return which of the blobs still have a key or bytes."""
    return {
        blob
        for blob in blobs
        if any(store().has(_key(blob, each)) for each in _kinds(kind))
        or any(storage.exists(_path(blob)) for storage in _storages(kind))
    }


def alive(*, blobs: Iterable[uuid.UUID], kind: Kind | None = None) -> set[uuid.UUID]:
    """Return which of the blobs still have their key."""
    return {blob for blob in blobs if any(store().has(_key(blob, each)) for each in _kinds(kind))}


def stored(*, kind: Kind | None = None) -> Iterator[tuple[uuid.UUID, datetime]]:
    """Yield the id of each blob whose bytes lie in the storages of that kind, and when they were written; other files are passed over."""
    for storage in _storages(kind):
        for folder in _listed(storage, "")[0]:
            for name in _listed(storage, folder)[1]:
                try:
                    blob = uuid.UUID(name)
                    yield blob, storage.get_modified_time(_path(blob))
                except (ValueError, FileNotFoundError):
                    continue


def _listed(storage: Storage, folder: str) -> tuple[list[str], list[str]]:
    try:
        return storage.listdir(folder)
    except FileNotFoundError:
        return [], []


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _pieces(blob: uuid.UUID, kind: Kind | None, opener: Opener | None) -> Iterator[bytes]:
    with _found(blob, kind) as (own, file):
        key, head = _unlocked(own, file, blob, opener)
        begin = _at(file, head, 1)
        file.seek(head)
        if stream.is_stream(begin):
            yield from stream.opened(key, file.read, context=blob.bytes)
        else:
            yield unseal(key, file.read(), context=blob.bytes)


def _unlocked(key: bytes, file: _Readable, blob: uuid.UUID, opener: Opener | None) -> tuple[bytes, int]:
    """Return the key that opens the stream, and where that begins."""
    begin = _at(file, 0, lock.ENVELOPE_BYTES)
    if not lock.is_closed(begin):
        return key, 0
    private = opener(lock.lock_of(begin)) if opener else None
    if private is None:
        raise BlobLocked(lock.lock_of(begin))
    return lock.open_(begin, private, key, context=blob.bytes), lock.ENVELOPE_BYTES


def _at(file: _Readable, offset: int, size: int) -> bytes:
    file.seek(offset)
    got = bytes(file.read(size))
    while 0 < len(got) < size and (more := file.read(size - len(got))):
        got += more
    return got


@contextmanager
def _found(blob: uuid.UUID, kind: Kind | None) -> "Iterator[tuple[bytes, File[bytes]]]":
    """Give the key of the store and the sealed bytes, open."""
    for each in _kinds(kind):
        try:
            key = store().get(_key(blob, each))
            file = _storage(each).open(_path(blob))
        except (KeyGone, FileNotFoundError):
            continue
        with file:
            yield key, file
        return
    raise BlobGone


def _kinds(kind: Kind | None) -> tuple[Kind, ...]:
    return ARTIFACTS if kind is None else (kind,)


def _storages(kind: Kind | None) -> list[Storage]:
    names = dict.fromkeys(_STORAGES.get(each, _REST) for each in _kinds(kind))
    return [storages[name] for name in names]


def _storage(kind: Kind) -> Storage:
    return storages[_STORAGES.get(kind, _REST)]


def _key(blob: uuid.UUID, kind: Kind) -> str:
    return f"{kind.prefix}{blob}"


def _path(blob: uuid.UUID) -> str:
    # The last digits of a UUIDv7 are random, the first are its time.
    return f"{blob.hex[-2:]}/{blob}"
