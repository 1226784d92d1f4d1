"""`Prefer: wait=N` on a record: the answer brings the proof, over HTTP, while sequencer and publisher run beside it."""

import threading
import time
from datetime import timedelta

import httpx
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from consent.allow import allow
from consent.ask import ask
from ledger import note, proof, wait
from ledger.errors import StoreAway
from ledger.models import Log
from ledger.publish import publish
from ledger.queries import logs
from ledger.sequence import sequence
from tests.conftest import Api, speech
from tests.factories import AppFactory, UserFactory


@pytest.fixture
def app(committed, django_db_blocker):
    with django_db_blocker.unblock():
        yield AppFactory()


@pytest.fixture
def grant(app):
    now = timezone.now()
    words = {"purpose": "voice-cloning", "operations": ["upload", "embed"], "term": timedelta(days=1)}
    token = ask(app=app, subject_ref="user-1", now=now, **words).token
    return allow(token=token, user=UserFactory(), choice="term", locale="en", now=now)


@pytest.fixture
def keeper(app):
    """What sequences and publishes, once it is told to begin."""
    begin, stop = threading.Event(), threading.Event()

    def keep():
        begin.wait(30)
        while not stop.wait(0.05):
            for log in logs():
                sequence(origin=log.origin)
                publish(origin=log.origin, now=timezone.now())
        connection.close()

    thread = threading.Thread(target=keep)
    thread.start()
    yield begin
    begin.set()
    stop.set()
    thread.join()


def test_the_answer_brings_the_proof(address, app, grant, keeper):
    keeper.set()
    key = note.Verifier.from_vkey(Log.objects.get(origin=app.tenant.origin).vkey)
    with httpx.Client(base_url=address, headers=Api(app).headers | {"Prefer": "respond-async, wait=9"}) as client:
        opened = client.post("/api/v1/sessions", json={"grant": str(grant.id)})
        session = opened.json()["id"]
        recorded = client.post("/api/v1/uploads", data={"session": session}, files={"audio": speech()})
        made = client.post("/api/v1/embeddings", json={"session": session, "dimensions": 192})
        for answer in (opened, recorded, made):
            assert (answer.status_code, answer.headers["Preference-Applied"]) == (201, "wait=9")
            leaf = client.get(f"/api/v1/entries/{answer.json()['entry']}").json()
            proven = proof.verify(answer.json()["proof"], leaf["leaf"].encode(), [key])
            assert proven.index == leaf["index"]


def test_what_does_not_come_in_time_is_recorded_all_the_same(address, app, grant, keeper):
    with httpx.Client(base_url=address, headers=Api(app).headers | {"Prefer": "wait=1"}) as client:
        began = time.monotonic()
        opened = client.post("/api/v1/sessions", json={"grant": str(grant.id)}, headers={"Idempotency-Key": "k"})
        assert time.monotonic() - began > 0.9
        assert (opened.status_code, opened.json()["proof"]) == (201, None)
        assert "Preference-Applied" not in opened.headers
        keeper.set()
        again = client.post("/api/v1/sessions", json={"grant": str(grant.id)}, headers={"Idempotency-Key": "k"})
        assert again.json()["id"] == opened.json()["id"]
        assert again.json()["proof"].startswith("c2sp.org/tlog-proof@v1\n"), "the same answer, and by now its proof"
        plain = client.post("/api/v1/sessions", json={"grant": str(grant.id)}, headers={"Prefer": ""})
        assert plain.json()["proof"] is None


def test_only_a_few_may_wait(address, app, grant, monkeypatch):
    monkeypatch.setattr(wait, "_room", threading.BoundedSemaphore(1))
    assert wait._room.acquire(blocking=False)
    with httpx.Client(base_url=address, headers=Api(app).headers | {"Prefer": "wait=9"}) as client:
        began = time.monotonic()
        assert client.post("/api/v1/sessions", json={"grant": str(grant.id)}).json()["proof"] is None
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("error", [StoreAway("it is away"), FileNotFoundError("tile"), OperationalError("restarting")])
def test_whatever_becomes_of_the_proof_what_was_recorded_is_said(address, app, grant, monkeypatch, error):
    def covered(*_, **__):
        raise error

    monkeypatch.setattr(wait, "covered", covered)
    with httpx.Client(base_url=address, headers=Api(app).headers | {"Prefer": "wait=9"}) as client:
        opened = client.post("/api/v1/sessions", json={"grant": str(grant.id)})
    assert (opened.status_code, opened.json()["proof"]) == (201, None)
