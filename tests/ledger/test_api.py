"""What anyone may read of a log, and no more."""

import uuid

import pytest
from django.utils import timezone

from ledger import note, proof
from ledger.models import Entry, Log
from ledger.publish import publish
from ledger.sequence import sequence
from tests.ledger.conftest import add, new_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def origin():
    return new_log()


def test_an_entry_and_its_proof(client, origin):
    refs = add(origin, 5)
    waiting = client.get(f"/api/v1/entries/{refs[2]}/proof")
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (404, "1")
    assert waiting.json()["type"] == "urn:consonant:problem:entry-not-sealed-yet"
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    leaf = client.get(f"/api/v1/entries/{refs[2]}").json()
    assert (leaf["log"], leaf["index"]) == (origin, 2)
    answer = client.get(f"/api/v1/entries/{refs[2]}/proof")
    logs = client.get("/.well-known/consonant.json").json()["logs"]
    vkey = next(log["vkey"] for log in logs if log["origin"] == origin)
    proven = proof.verify(answer.content.decode(), leaf["leaf"].encode(), [note.Verifier.from_vkey(vkey)])
    assert (proven.index, proven.checkpoint.size) == (2, 5)


def test_an_entry_that_never_was(client):
    answer = client.get(f"/api/v1/entries/{uuid.uuid4()}/proof")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:consonant:problem:entry-unknown")


def test_the_files(client, origin):
    add(origin)
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    head = client.get(f"/log/{origin}/checkpoint")
    assert head.content.decode().startswith(f"{origin}\n1\n")
    assert head.headers["Cache-Control"] == "no-cache"
    bundle = client.get(f"/log/{origin}/tile/entries/000.p/1")
    assert bundle.content[2:] == bytes(Entry.objects.get(log=origin).leaf)
    assert "immutable" in bundle.headers["Cache-Control"]
    assert client.post(f"/log/{origin}/checkpoint").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/log/nowhere/checkpoint",
        "/log/{origin}/tile/0/001",
        "/log/{origin}/tile/0/../../../secrets/kek",
        "/log/{origin}/tile/..%2f..%2fsecrets",
        "/log/{origin}/tile/0/000.p/999",
        "/log/{origin}/",
        "/log/../checkpoint",
    ],
)
def test_nothing_else(client, origin, path):
    assert client.get(path.format(origin=origin)).status_code == 404
    assert Log.objects.filter(origin=origin).exists()


@pytest.mark.parametrize("name", ["checkpoint-labs", "checkpoint", "tile"])
def test_a_log_may_be_called_what_its_files_are(client, name):
    origin = new_log(f"test.local/{name}")
    add(origin)
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    for path in ("checkpoint", "tile/entries/000.p/1"):
        answer = client.get(f"/log/{origin}/{path}")
        assert answer.status_code == 200
        assert answer.content
