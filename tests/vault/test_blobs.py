"""Sealed bytes: written durably, of any size, unreadable without their key, gone when they are gone."""

import io
import os
import stat
import tracemalloc
import uuid
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from keyring.errors import SealBroken
from keyring.keys import store
from keyring.seal import seal
from keyring.stream import CHUNK_BITS
from vault import blobs
from vault.blobs import ARTIFACTS, Kind
from vault.errors import BlobGone

BIG = os.urandom(3 << CHUNK_BITS) + b"the end"


def put(data=b"a voice" * 1000, kind=Kind.VOICE, **more):
    name = uuid.uuid4()
    blobs.put(blob=name, data=data, kind=kind, now=timezone.now(), **more)
    return name


def older(data):
    """As versions before streams did it."""
    name = uuid.uuid4()
    key = store().make(f"artifact:{name}", now=timezone.now())
    blobs._storage(Kind.ARTIFACT).save(blobs._path(name), ContentFile(seal(key, data, context=name.bytes)))
    return name


@pytest.fixture
def blob():
    return put()


def file_of(blob, kind=Kind.VOICE):
    return Path(blobs._storage(kind).path(blobs._path(blob)))


@pytest.mark.parametrize("kind", Kind)
def test_sealed_and_read(kind):
    blob = put(kind=kind)
    assert blobs.read(blob=blob, kind=kind) == b"a voice" * 1000
    assert b"a voice" not in file_of(blob, kind).read_bytes()
    assert stat.S_IMODE(file_of(blob, kind).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(blob, kind).parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "form", [bytes, io.BytesIO, lambda data: iter([data[:5], b"", data[5:]])], ids=["bytes", "file", "pieces"]
)
@pytest.mark.parametrize("data", [b"", b"x", BIG], ids=["empty", "small", "large"])
def test_from_bytes_a_file_or_pieces(form, data):
    blob = put(form(data))
    assert b"".join(blobs.pieces(blob=blob)) == data
    assert blobs.size(blob=blob) == len(data)
    assert blobs.read(blob=blob, kind=Kind.VOICE) == data


def test_a_part(blob):
    large = put(BIG)
    for start, length in ((0, 1), (1 << CHUNK_BITS, 10), (len(BIG) - 7, 100), ((1 << CHUNK_BITS) - 3, 6)):
        assert b"".join(blobs.part(blob=large, start=start, length=length)) == BIG[start : start + length]
    assert b"".join(blobs.part(blob=older(b"an older voice"), start=3, length=5)) == b"older"


def test_what_was_sealed_whole_opens_still():
    blob = older(b"an older voice")
    assert blobs.read(blob=blob) == b"an older voice"
    assert blobs.size(blob=blob) == len(b"an older voice")
    assert blobs.alive(blobs=[blob]) == blobs.left(blobs=[blob]) == {blob}
    blobs.shred(blobs=[blob])
    blobs.delete(blobs=[blob])
    assert blobs.left(blobs=[blob]) == set()


def test_s1_7_faces_and_voices_lie_in_separate_stores_under_separate_keys():
    voice, face, paper = put(kind=Kind.VOICE), put(b"a face", kind=Kind.FACE), put(kind=Kind.DOCUMENT)
    folders = {Path(blobs._storage(kind).location) for kind in (Kind.VOICE, Kind.FACE, Kind.DOCUMENT)}
    assert len(folders) == 3
    assert {blob for blob, _ in blobs.stored(kind=Kind.FACE)} >= {face}
    assert not {blob for blob, _ in blobs.stored(kind=Kind.VOICE)} & {face, paper}
    assert store().has(f"face:{face}")
    assert store().has(f"voice:{voice}")
    with pytest.raises(BlobGone):
        blobs.read(blob=face, kind=Kind.VOICE)
    blobs.shred(blobs=[face], kind=Kind.FACE)
    with pytest.raises(BlobGone):
        blobs.read(blob=face)
    assert blobs.read(blob=voice)


def test_without_the_key_the_bytes_are_noise(blob):
    blobs.shred(blobs=[blob])
    assert blobs.left(blobs=[blob]) == {blob}
    with pytest.raises(BlobGone):
        blobs.read(blob=blob)
    with pytest.raises(BlobGone):
        blobs.pieces(blob=blob)


def test_what_is_left_is_key_or_bytes(blob):
    other = put(b"x")
    blobs.delete(blobs=[other])
    assert blobs.left(blobs=[blob, other, uuid.uuid4()]) == {blob, other}
    blobs.shred(blobs=[blob, other])
    assert blobs.left(blobs=[blob, other]) == {blob}


@pytest.mark.parametrize("kind", [None, Kind.VOICE])
def test_deleting_can_be_repeated(blob, kind):
    blobs.delete(blobs=[blob], kind=kind)
    blobs.delete(blobs=[blob, uuid.uuid4()], kind=kind)
    assert not file_of(blob).exists()
    with pytest.raises(BlobGone):
        blobs.read(blob=blob)


def test_one_that_cannot_be_deleted_keeps_no_other_from_going(blob):
    stuck, last = put(), put()
    file_of(stuck).unlink()
    (file_of(stuck) / "a folder in its place").mkdir(parents=True)
    assert set(blobs.delete_each(blobs=[blob, stuck, last])) == {stuck}
    assert not file_of(blob).exists()
    assert not file_of(last).exists()


def test_a_folder_that_cannot_be_synced_says_so_of_all_in_it(blob, monkeypatch):
    def full(_folder):
        raise OSError

    monkeypatch.setattr(os, "fsync", full)
    assert blobs.delete_each(blobs=[blob]) == {blob: "OSError"}, "it may come back after a crash"
    monkeypatch.undo()
    assert blobs.delete_each(blobs=[blob, uuid.uuid4()]) == {}, "gone already, and synced now"


def test_changed_moved_or_cut_bytes_do_not_open(blob):
    other = put(b"x")
    file_of(other).write_bytes(file_of(blob).read_bytes())
    with pytest.raises(SealBroken):
        blobs.read(blob=other)
    large = put(BIG)
    with file_of(large).open("rb+") as file:
        file.truncate(file_of(large).stat().st_size - 9)
    plain = blobs.pieces(blob=large)
    assert next(plain) == BIG[: 1 << CHUNK_BITS]
    with pytest.raises(SealBroken):
        list(plain)


def test_a_source_that_breaks_leaves_no_bytes():
    def breaking():
        yield BIG
        raise OSError("the sender is gone")

    before = {blob for kind in ARTIFACTS for blob, _ in blobs.stored(kind=kind)}
    with pytest.raises(OSError, match="the sender"):
        put(breaking())
    assert {blob for kind in ARTIFACTS for blob, _ in blobs.stored(kind=kind)} == before


def test_an_id_that_is_taken_is_refused_and_what_lies_there_stays(blob):
    with pytest.raises(FileExistsError):
        blobs.put(blob=blob, data=b"another", kind=Kind.VOICE, now=timezone.now())
    assert blobs.read(blob=blob) == b"a voice" * 1000
    assert [path for path in file_of(blob).parent.iterdir() if blob.hex[:8] in path.name] == [file_of(blob)]


def test_what_lies_in_a_storage_is_listed_and_other_files_are_passed_over(blob):
    file_of(blob).with_name("notes.txt").touch()
    found = dict(blobs.stored(kind=Kind.VOICE))
    assert (timezone.now() - found[blob]).total_seconds() < 60
    assert "notes.txt" not in map(str, found)


def test_memory_is_bounded_whatever_the_size():
    def made():
        for _ in range(64):
            yield bytes(1 << 20)

    tracemalloc.start()
    try:
        blob = put(made())
        total = sum(len(piece) for piece in blobs.pieces(blob=blob))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        blobs.delete(blobs=[blob])
    assert total == 64 << 20
    assert peak < 6 << 20
