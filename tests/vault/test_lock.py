"""What a person's lock closes opens with their private half and the store's key, and with neither alone."""

import os
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.utils import timezone

from keyring.errors import SealBroken
from keyring.keys import store
from keyring.stream import HEADER_BYTES, opened
from vault import blobs, lock
from vault.blobs import Kind
from vault.errors import BlobGone, BlobLocked
from vault.lock import ENVELOPE_BYTES, Lock

KEY = bytes(range(32))


class Person:
    def __init__(self):
        private = X25519PrivateKey.generate()
        self.private = private.private_bytes_raw()
        self.lock = Lock(uuid.uuid4(), private.public_key().public_bytes_raw())

    def open(self, asked):
        return self.private if asked == self.lock.id else None


@pytest.fixture
def person():
    return Person()


def put(person, data=b"a voice"):
    blob = uuid.uuid4()
    blobs.put(blob=blob, data=data, kind=Kind.VOICE, now=timezone.now(), locked_by=person.lock)
    return blob


def held(blob):
    with blobs._storage(Kind.VOICE).open(blobs._path(blob)) as file:
        return file.read()


def test_the_envelope_gives_one_key_to_one_person(person):
    envelope, key = lock.close(person.lock, KEY, context=b"a blob")
    assert len(envelope) == ENVELOPE_BYTES
    assert lock.lock_of(envelope) == person.lock.id
    assert lock.open_(envelope, person.private, KEY, context=b"a blob") == key
    assert lock.close(person.lock, KEY, context=b"a blob")[1] != key
    assert lock.open_(envelope, person.private, bytes(32), context=b"a blob") != key
    for private, context in ((Person().private, b"a blob"), (person.private, b"another")):
        with pytest.raises(SealBroken):
            lock.open_(envelope, private, KEY, context=context)
    for at in (1, 16, 17, 60, ENVELOPE_BYTES - 1):
        changed = bytearray(envelope)
        changed[at] ^= 1
        with pytest.raises(SealBroken):
            lock.open_(bytes(changed), person.private, KEY, context=b"a blob")


def test_s1_6_the_service_alone_does_not_open_it(person):
    data = os.urandom(600_000)
    blob = put(person, data)
    assert blobs.lock_of(blob=blob) == person.lock.id
    assert blobs.size(blob=blob) == len(data)
    for opener in (None, Person().open, lambda _: None):
        with pytest.raises(BlobLocked) as refused:
            blobs.read(blob=blob, opener=opener)
        assert refused.value.lock == person.lock.id
    assert blobs.read(blob=blob, opener=person.open) == data
    assert b"".join(blobs.part(blob=blob, start=300_000, length=9, opener=person.open)) == data[300_000:300_009]


def test_s1_6_the_stores_key_opens_nothing_of_it(person):
    blob = put(person)
    rest = iter([held(blob)[ENVELOPE_BYTES:], b""])
    assert len(held(blob)) == ENVELOPE_BYTES + HEADER_BYTES + len(b"a voice") + 16
    with pytest.raises(SealBroken):
        list(opened(store().get(f"voice:{blob}"), _reader(b"".join(rest)), context=blob.bytes))


def _reader(data):
    import io

    return io.BytesIO(data).read


def test_destroying_the_stores_key_destroys_it_for_the_person_too(person):
    blob = put(person)
    blobs.shred(blobs=[blob])
    with pytest.raises(BlobGone):
        blobs.read(blob=blob, opener=person.open)


def test_what_is_not_locked_has_no_lock():
    blob = uuid.uuid4()
    blobs.put(blob=blob, data=b"a voice", kind=Kind.VOICE, now=timezone.now())
    assert blobs.lock_of(blob=blob) is None
