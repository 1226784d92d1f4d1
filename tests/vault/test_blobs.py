"""Sealed bytes: written durably, unreadable without their key, gone when they are gone."""

import stat
import uuid
from pathlib import Path

import pytest
from django.utils import timezone

from keyring.errors import SealBroken
from vault import blobs
from vault.errors import BlobGone


@pytest.fixture
def blob():
    name = uuid.uuid4()
    blobs.put(blob=name, data=b"a voice" * 1000, now=timezone.now())
    return name


def file_of(blob):
    return Path(blobs._storage().path(blobs._path(blob)))


def test_sealed_and_read(blob):
    assert blobs.read(blob=blob) == b"a voice" * 1000
    assert b"a voice" not in file_of(blob).read_bytes()
    assert stat.S_IMODE(file_of(blob).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(blob).parent.stat().st_mode) == 0o700


def test_without_the_key_the_bytes_are_noise(blob):
    blobs.shred(blobs=[blob])
    assert blobs.left(blobs=[blob]) == {blob}
    with pytest.raises(BlobGone):
        blobs.read(blob=blob)


def test_what_is_left_is_key_or_bytes(blob):
    other = uuid.uuid4()
    blobs.put(blob=other, data=b"x", now=timezone.now())
    blobs.delete(blobs=[other])
    assert blobs.left(blobs=[blob, other, uuid.uuid4()]) == {blob, other}
    blobs.shred(blobs=[blob, other])
    assert blobs.left(blobs=[blob, other]) == {blob}


def test_deleting_can_be_repeated(blob):
    blobs.delete(blobs=[blob])
    blobs.delete(blobs=[blob, uuid.uuid4()])
    assert not file_of(blob).exists()
    with pytest.raises(BlobGone):
        blobs.read(blob=blob)


def test_changed_or_moved_bytes_do_not_open(blob):
    other = uuid.uuid4()
    blobs.put(blob=other, data=b"x", now=timezone.now())
    file_of(other).write_bytes(file_of(blob).read_bytes())
    with pytest.raises(SealBroken):
        blobs.read(blob=other)
