"""After a restore: what the database brings back from before a withdrawal or an erasure does not live."""

import io
import shutil
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

import vault.blobs
from accounts.models import App
from consent.models import Binding, Grant, Subject
from consent.queries import records_of
from consent.withdraw import withdraw
from keyring.keys import store
from ledger.errors import Behind
from ledger.folder import folder_of
from ledger.models import Entry, Log, Opening
from ledger.recover import LOST
from retention import hold
from retention.errors import HoldsLost
from retention.models import Artifact, Hold
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


def test_while_behind_nothing_answers_and_nothing_is_destroyed(world):
    """A withdrawal, a legal hold may be missing: so nothing is said of what stands, nothing is read, and nothing goes."""
    app, api = world
    grant = allowed(app, "user-1")
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    made = api.upload(session, speech(), ttl="PT60S").json()
    reads = (
        f"/api/v1/consent-requests/{grant.request_id}",
        f"/api/v1/artifacts/{made['id']}",
        f"/api/v1/artifacts/{made['id']}/content",
        "/retention-schedule",
        "/accounts/login/",
        "/.well-known/jwks.json",
        "/verify",
    )
    assert {path: api.get(path).status_code for path in reads} == dict.fromkeys(reads, 200)
    seal()
    with restored_afterwards():
        withdraw(grant_id=grant.id, user=grant.subject.user, now=timezone.now())
        seal()
    assert {path: api.get(path).status_code for path in reads} == dict.fromkeys(reads, 503)
    asked = api.post(f"/api/v1/grants/{grant.id}/status-token", {"audience": "https://tts.example"})
    assert (asked.status_code, asked.json()["type"].rpartition(":")[2]) == (503, "log-behind")
    page = api.client.get("/accounts/login/", headers={"Accept-Language": "en"})
    assert (page.headers["Retry-After"], "restored from a backup" in page.content.decode()) == ("60", True)
    assert api.client.get("/healthz").status_code == 200
    with pytest.raises(Behind):
        sweep(clock=lambda: timezone.now() + timedelta(minutes=2))
    assert vault.blobs.alive(blobs=[UUID(made["id"])])
    assert "legal holds" not in recover()
    answered = {path: api.get(path).status_code for path in reads}
    assert answered[reads[2]] == 403, "the consent is stale"
    assert {*answered.values()} == {200, 403}


def test_a_legal_hold_that_is_missing_keeps_what_it_kept_until_it_is_placed_again(world):
    app, api = world
    grant = allowed(app, "user-1")
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    made = UUID(api.upload(session, speech(), ttl="PT60S").json()["id"])
    seal()
    with restored_afterwards():
        placed(app)
        seal()
    later = timezone.now() + timedelta(minutes=2)
    said = recover()
    assert "1 legal holds are lost" in said
    assert api.client.get("/readyz").status_code == 200
    with pytest.raises(HoldsLost):
        sweep(clock=lambda: later)
    assert vault.blobs.alive(blobs=[made])
    placed(App.objects.get(id=app.id))
    call_command("recover", "--holds-placed", stdout=io.StringIO())
    sweep(clock=lambda: later)
    assert Artifact.objects.get(id=made).state == "restricted"
    assert vault.blobs.alive(blobs=[made])


def placed(app):
    return hold.place(
        tenant=app.tenant,
        subject=None,
        app=app,
        artifact=None,
        ground=Hold.Ground.WARRANT,
        reference="2026-SW-17",
        actor="officer:1",
        now=timezone.now(),
    )


def test_a_withdrawal_that_is_missing_permits_nothing(world):
    app, api = world
    grant = allowed(app, "user-1")
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    seal()
    with restored_afterwards():
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
    assert Artifact.objects.get(id=recording.id).state == "erased", "before anything answers"
    assert vault.blobs.left(blobs=[recording.id]) == set()
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


def test_a_key_store_that_is_not_the_services_own_proves_nothing(world):
    app, api = world
    allowed(app, "user-1")
    seal()
    with restored_afterwards():
        allowed(app, "user-2")
        seal()
    store().destroy([f"log:{app.tenant.origin}"])
    with pytest.raises(CommandError, match="lacks the keys of the logs"):
        recover()
    assert Binding.objects.get().reference is not None
    assert api.ask().status_code == 503, "it is not through, so nothing goes on"


def test_killed_half_way_it_lets_nobody_in(world, monkeypatch):
    app, api = world
    grant = allowed(app, "user-1")
    seal()
    with restored_afterwards():
        withdraw(grant_id=grant.id, user=grant.subject.user, now=timezone.now())
        seal()
    with monkeypatch.context() as patch:
        patch.setattr("retention.management.commands.recover.bury", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            recover()
    refused = api.post("/api/v1/sessions", {"grant": str(grant.id)})
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "log-behind")
    assert api.client.get("/readyz").json()["away"] == ["logs"]
    assert "1 consents are stale" in recover()
    assert api.post("/api/v1/sessions", {"grant": str(grant.id)}).status_code == 403
    assert api.client.get("/readyz").status_code == 200


def test_a_log_made_after_the_backup_comes_back(world):
    app, api = world
    allowed(app, "user-1")
    seal()
    with restored_afterwards():
        other = AppFactory()
        allowed(other, "user-2")
        seal()
        entries = Entry.objects.filter(log=other.tenant.origin).count()
        assert entries
    assert not Log.objects.filter(origin=other.tenant.origin).exists()
    assert api.client.get("/readyz").json()["away"] == ["logs"]
    assert f"{other.tenant.origin}: {entries} entries brought back" in recover()
    seal()
    call_command("verify_log", stdout=io.StringIO())


def test_files_that_are_lost_are_written_anew(world):
    app, api = world
    allowed(app, "user-1")
    seal()
    origin = app.tenant.origin
    tiles = folder_of(origin) / "tile"
    before = {path.relative_to(tiles): path.read_bytes() for path in tiles.rglob("*") if path.is_file()}
    shutil.rmtree(tiles)
    connection.close()
    refused = api.ask()
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "log-behind")
    with pytest.raises(CommandError, match="is missing"):
        recover()
    said = io.StringIO()
    call_command("recover", "--files", stdout=said)
    assert f"{origin}: every published file is there" in said.getvalue()
    assert {path.relative_to(tiles): path.read_bytes() for path in tiles.rglob("*") if path.is_file()} == before
    assert api.ask().status_code == 201
    assert Grant.objects.get().state == "given", "nothing was restored"
