"""Sealed bytes in a bucket: streamed in and out, a part asked for as a part, and gone with every version when deleted."""

import os
import threading
import uuid

import pytest
from django.utils import timezone

from keyring.errors import SealBroken
from keyring.stream import CHUNK_BITS
from tests.ledger.s3server import CREDENTIALS, s3_client, s3_server
from vault import blobs
from vault.blobs import Kind
from vault.errors import BlobGone, StorageAway

BIG = os.urandom((20 << 20) + 5)


@pytest.fixture(scope="module")
def server():
    with s3_server() as address:
        client = s3_client(address)
        for name in ("voices", "faces", "rest"):
            client.create_bucket(Bucket=name)
        client.put_bucket_versioning(Bucket="voices", VersioningConfiguration={"Status": "Enabled"})
        yield address


@pytest.fixture
def bucket(server, settings, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    places = {"vault": "rest", "vault-voices": "voices", "vault-faces": "faces"}
    settings.STORAGES = settings.STORAGES | {
        storage: {
            "BACKEND": "vault.bucket.SealedBucket",
            "OPTIONS": {
                "bucket_name": name,
                "location": "here",
                "endpoint_url": server,
                "region_name": "us-east-1",
                "access_key": "test",
                "secret_key": "test",
            },
        }
        for storage, name in places.items()
    }
    return s3_client(server)


def put(data=b"a voice" * 1000, kind=Kind.VOICE):
    blob = uuid.uuid4()
    blobs.put(blob=blob, data=data, kind=kind, now=timezone.now())
    return blob


def versions(client, blob):
    found = client.list_object_versions(Bucket="voices", Prefix=f"here/{blobs._path(blob)}")
    return [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]


@pytest.mark.parametrize("data", [b"", b"a voice" * 1000, BIG], ids=["empty", "small", "in parts"])
def test_it_comes_back_and_lies_there_sealed(bucket, data):
    blob = put(data)
    assert blobs.read(blob=blob) == data
    assert blobs.size(blob=blob) == len(data)
    held = bucket.get_object(Bucket="voices", Key=f"here/{blobs._path(blob)}")["Body"].read()
    assert len(held) > len(data)
    assert not data or data[:100] not in held
    assert blob in {each for each, _ in blobs.stored(kind=Kind.VOICE)}


def test_what_is_sealed_as_it_is_sent_is_made_in_the_callers_thread(bucket):
    threads = set()

    def made():
        for at in range(0, len(BIG), 1 << 20):
            threads.add(threading.get_ident())
            yield BIG[at : at + (1 << 20)]

    assert blobs.read(blob=put(made())) == BIG
    assert threads == {threading.get_ident()}


def test_a_part_is_asked_for_as_a_part(bucket):
    blob = put(BIG)
    start = 9 << CHUNK_BITS
    assert b"".join(blobs.part(blob=blob, start=start - 5, length=10)) == BIG[start - 5 : start + 5]


def test_s1_7_faces_lie_in_a_bucket_of_their_own(bucket):
    face = put(kind=Kind.FACE)
    assert bucket.list_objects_v2(Bucket="faces")["Contents"][0]["Key"] == f"here/{blobs._path(face)}"
    assert blobs.read(blob=face) == b"a voice" * 1000
    blobs.delete(blobs=[face])
    assert blobs.left(blobs=[face]) == {face}
    assert "Contents" not in bucket.list_objects_v2(Bucket="faces")


def test_deleting_takes_every_version_and_every_mark(bucket):
    blob = put()
    name = f"here/{blobs._path(blob)}"
    bucket.put_object(Bucket="voices", Key=name, Body=b"another version")
    bucket.delete_object(Bucket="voices", Key=name)
    assert len(versions(bucket, blob)) == 3
    blobs.shred(blobs=[blob])
    assert blobs.left(blobs=[blob]) == {blob}
    blobs.delete(blobs=[blob])
    assert versions(bucket, blob) == []
    assert blobs.left(blobs=[blob]) == set()
    blobs.delete(blobs=[blob])
    with pytest.raises(BlobGone):
        blobs.read(blob=blob)


def test_what_goes_while_all_are_listed_is_passed_over(bucket):
    one, other = (uuid.UUID(bytes=os.urandom(15) + b"\x07") for _ in range(2))
    for blob in (one, other):
        blobs.put(blob=blob, data=b"x", kind=Kind.FACE, now=timezone.now())
    listed = blobs.stored(kind=Kind.FACE)
    first = next(each for each, _ in listed if each in {one, other})
    blobs.delete(blobs=[one, other], kind=Kind.FACE)
    assert not {one, other} - {first} & {each for each, _ in listed}


def test_what_begins_alike_stays(bucket):
    blob = put()
    bucket.put_object(Bucket="voices", Key=f"here/{blobs._path(blob)}-2", Body=b"mine")
    blobs.delete(blobs=[blob])
    assert [each["Key"] for each in versions(bucket, blob)] == [f"here/{blobs._path(blob)}-2"]


def test_changed_bytes_do_not_open(bucket):
    blob = put(BIG)
    name = f"here/{blobs._path(blob)}"
    held = bucket.get_object(Bucket="voices", Key=name)["Body"].read()
    bucket.put_object(Bucket="voices", Key=name, Body=held[:-1])
    with pytest.raises(SealBroken):
        blobs.read(blob=blob)


def test_a_bucket_that_is_not_there_is_said_in_the_vaults_words(bucket, settings):
    blob = put()
    places = settings.STORAGES
    options = places["vault-voices"]["OPTIONS"]
    for broken in ({"bucket_name": "nobodys"}, {"endpoint_url": "http://127.0.0.1:1"}):
        settings.STORAGES = places | {"vault-voices": {**places["vault-voices"], "OPTIONS": options | broken}}
        with pytest.raises(StorageAway):
            put()
        with pytest.raises(StorageAway):
            blobs.delete(blobs=[blob], kind=Kind.VOICE)
        with pytest.raises(StorageAway):
            list(blobs.stored(kind=Kind.VOICE))
        assert blobs.delete_each(blobs=[blob], kind=Kind.VOICE) == {blob: "StorageAway"}
