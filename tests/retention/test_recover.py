"""After a restore: what the database brings back from before a withdrawal or an erasure does not live."""

import io

import pytest
from django.core.management import call_command
from django.utils import timezone

import vault.blobs
from consent.models import Binding, Grant, Subject
from consent.queries import records_of
from keyring.keys import store
from ledger.models import Entry, Opening
from ledger.recover import LOST
from retention.models import Artifact
from retention.sweep import sweep
from tests.conftest import Api, speech
from tests.factories import AppFactory, UserFactory
from tests.restore import restored_afterwards
from tests.retention.test_erasure import CONSENT, acknowledged, erase, live, seal, state_of, turn


@pytest.fixture
def world(committed, django_db_blocker):
    with django_db_blocker.unblock():
        app = AppFactory()
        yield app, Api(app)


def allowed(app, ref, operations=CONSENT):
    from datetime import timedelta

    from consent.allow import allow
    from consent.ask import ask

    now = timezone.now()
    asked = ask(
        app=app, subject_ref=ref, purpose="voice-cloning", operations=list(operations), term=timedelta(days=30), now=now
    )
    return allow(token=asked.token, user=UserFactory(), choice="term", locale="en", now=now)


def recover():
    said = io.StringIO()
    call_command("recover", stdout=said)
    return said.getvalue()


def test_behind_it_answers_that_it_is(world):
    app, api = world
    allowed(app, "user-1")
    seal()
    with restored_afterwards():
        allowed(app, "user-2")
        seal()
    refused = api.ask()
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "log-behind")
    assert api.client.get("/readyz").json()["away"] == ["logs"]
    before = Entry.objects.count()
    assert "entries brought back" in recover()
    assert Entry.objects.count() > before
    assert api.client.get("/readyz").status_code == 200
    assert api.ask().status_code == 201


def test_a_withdrawal_that_is_missing_permits_nothing(world):
    app, api = world
    grant = allowed(app, "user-1")
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    seal()
    with restored_afterwards():
        from consent.withdraw import withdraw

        withdraw(grant_id=grant.id, user=grant.subject.user, now=timezone.now())
        seal()
    assert "1 consents are stale" in recover()
    refused = api.post("/api/v1/sessions", {"grant": str(grant.id)})
    assert (refused.status_code, refused.json()["reason"]) == (403, "consent_stale")
    assert api.upload(session, speech()).status_code == 403
    grant.refresh_from_db()
    assert grant.state == "stale"
    said = [record.kind for record in records_of(user=grant.subject.user)]
    assert "consent.stale" in said
    seal()


def test_an_erasure_that_is_missing_is_done_again(world):
    app, api = world
    other = allowed(app, "user-2")
    kept = live(api, allowed(app, "user-1"), speech())
    mine = Binding.objects.exclude(subject=other.subject).get()
    recording = Artifact.objects.get(custody="vault")
    seal()
    with restored_afterwards():
        erasure = erase(api).json()["id"]
        turn()
        acknowledged(api, kept)
        turn()
        turn()
        assert state_of(api, erasure) == "certified"
        assert not store().has(mine.key_name)
        seal()
    assert Binding.objects.get(id=mine.id).reference is not None
    assert Opening.objects.filter(holder=mine.key_name).exists()
    assert Artifact.objects.get(id=recording.id).state == "active"

    said = recover()
    assert "dead keys: 1 artifacts and 1 ties went" in said
    tie, subject = Binding.objects.get(id=mine.id), Subject.objects.get(id=mine.subject_id)
    assert (tie.reference, subject.user_id) == (None, None)
    assert not Opening.objects.filter(holder=mine.key_name).exists()
    assert Grant.objects.get(id=other.id).state == "stale"
    assert not Grant.objects.filter(state__in=["given", "renewed"]).exists()
    sweep(clock=timezone.now)
    assert Artifact.objects.get(id=recording.id).state == "erased"
    assert vault.blobs.left(blobs=[recording.id]) == set()
    seal()
    for name in set(Opening.objects.exclude(holder=LOST).values_list("holder", flat=True)):
        assert store().has(name), "no opening lies under a dead key"
    call_command("verify_log", stdout=io.StringIO())
    assert "no log was behind" in recover()
