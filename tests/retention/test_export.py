"""A person takes all that is known of them: complete, openable, in bounded memory, and entered before the first byte."""

import io
import json
import tracemalloc
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
import soundfile
from django.utils import timezone

import vault.blobs
from consent.capacity import Relationship
from consent.delegate import Address, Child, request_delegation
from consent.delegate_decide import approve
from consent.delegate_end import end_delegation
from consent.errors import DelegationUnknown
from consent.models import Delegation, Grant
from consent.queries import records_of
from ledger.leaf import commit
from ledger.models import Entry
from retention import about, hold, request_erasure
from retention.export import export, pieces
from retention.models import Artifact, Custody, Hold
from retention.pursue import pursue
from retention.record import upload
from retention.sweep import sweep
from tests.conftest import kinds, speech
from tests.factories import OfficerFactory, UserFactory
from tests.portal.scene import live
from tests.retention.test_speak import ask, say
from vault.blobs import Kind

pytestmark = pytest.mark.django_db


def taken(user, by=None, now=None):
    data = b"".join(pieces(export(user=user, by=by, now=now or timezone.now())))
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive, json.loads(archive.read("data.json"))


def test_all_that_is_known_is_in_it(now):
    life = live(now)
    archive, data = taken(life.user)
    assert data["person"]["email"] == life.user.email
    assert {each["id"] for each in data["grants"]} == {str(pk) for pk in Grant.objects.values_list("id", flat=True)}
    assert {each["id"] for each in data["artifacts"]} == {
        str(pk) for pk in Artifact.objects.values_list("id", flat=True)
    }
    for grant in data["grants"]:
        assert next(each["body"] for each in data["notices"] if each["id"] == grant["notice"])["title"]
        assert grant["controller"]["name"] == "Harbour Audio"
        assert json.loads(archive.read(grant["receipt"]))
    assert {each["slug"] for each in data["purposes"]} == {each["purpose"] for each in data["grants"]}
    assert {"custody": "app", "name": "Storyteller"}.items() <= data["holders"][0].items()
    assert {each["at_most"] for each in data["periods"]} >= {"P0DT00H05M00S"}
    here = [each for each in data["artifacts"] if each["file"]]
    assert len(here) == Artifact.objects.filter(custody=Custody.VAULT, state="active").count() == 2
    taken_out = {each["kind"]: archive.read(each["file"]) for each in here}
    assert taken_out["upload"] == speech(3.5)
    heard = [soundfile.read(io.BytesIO(data))[0] for data in (taken_out["synthesis"], speech(2.0))]
    assert (heard[0] == heard[1]).all()  # marked as AI-made, and otherwise as it came
    assert all(each["file"].endswith(".wav") for each in here)
    assert "data.json" in archive.read("README.txt").decode()


def test_every_record_comes_with_the_opening_that_proves_its_leaf(now, monkeypatch):
    monkeypatch.setattr(about, "BATCH", 3)
    life = live(now)
    _, data = taken(life.user)
    records = data["records"]
    assert records[0]["kind"] == "access.exported"
    assert len(records) == len(records_of(user=life.user, limit=1000)) > 20
    proved = 0
    for each in records:
        entry = Entry.objects.filter(ref=each["ref"]).first()
        if entry is None:
            continue
        opening = each["opening"]
        told = commit("payload", bytes.fromhex(opening["payload_salt"]), opening["payload"].encode())
        assert json.loads(bytes(entry.leaf))["payload"] == told.hex()
        assert json.loads(opening["payload"]) == each["payload"]
        proved += 1
    assert proved > 20


def test_it_is_entered_before_anything_is_handed_out(user, consent):
    consent()
    asked = export(user=user, by=None, now=timezone.now())
    assert kinds()[-1] == "access.exported"
    assert asked.state == "waiting"
    (record,) = [record for record in records_of(user=user) if record.kind == "access.exported"]
    assert record.payload == {}
    assert next(pieces(asked))


def test_a_stranger_to_every_app_takes_the_little_there_is(user):
    archive, data = taken(user)
    assert data["grants"] == data["records"] == []
    assert set(archive.namelist()) == {"README.txt", "data.json"}


def test_nothing_of_anybody_else(now):
    life = live(now)
    other = UserFactory()
    archive, data = taken(other)
    assert life.user.email not in archive.read("data.json").decode()
    assert data["artifacts"] == []


def test_who_acts_for_somebody_takes_their_data_and_not_after_the_end(user, now):
    child = request_delegation(
        delegate=user,
        relationship=Relationship.GUARDIAN,
        whom=Child(now.date().replace(year=now.date().year - 9, day=1)),
        label="Little Bear",
        document=b"%PDF-",
        now=now,
    )
    with pytest.raises(DelegationUnknown):
        taken(child.principal, by=child)
    approve(delegation_id=child.id, officer=OfficerFactory(), now=now)
    request_delegation(
        delegate=UserFactory(),
        relationship=Relationship.ATTORNEY,
        whom=Address(user.email),
        label="the old one",
        document=b"%PDF-",
        now=now,
    )
    _, data = taken(child.principal, by=child)
    assert data["person"]["email"] is None
    assert [each["acts_for_you"] for each in data["delegations"]] == [user.email]
    text = json.dumps(data)
    assert "Little Bear" not in text
    _, mine = taken(user)
    assert {each.get("you_act_for") for each in mine["delegations"]} == {"Little Bear", None}
    assert "the old one" not in json.dumps(mine)
    end_delegation(delegation_id=child.id, user=user, now=now)
    with pytest.raises(DelegationUnknown):
        taken(child.principal, by=child)


def test_a_spoken_consent_is_in_it_until_an_erasure_restricts_it(api, user, consent, now):
    grant = consent()
    say(api, grant, ask(api, grant).json()["id"])
    archive, data = taken(user)
    (said,) = data["grants"][0]["statements"]
    assert archive.read(said["file"]) == speech(2.5)
    request_erasure.by_subject(user=user, app_id=None, now=now)
    archive, data = taken(user)
    assert not [name for name in archive.namelist() if name.startswith(("statements/", "receipts/"))]
    for _ in range(2):
        pursue(clock=lambda: now)
    assert taken(user)[1]["grants"] == []


def test_what_comes_to_its_end_meanwhile_is_left_out(api, app, user, consent, clip):
    session = uuid.UUID(api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"])
    now = timezone.now()
    made = [upload(app=app, session_id=session, data=clip, ttl=timedelta(seconds=n), now=now).artifact for n in (1, 60)]
    asked = export(user=user, by=None, now=now)
    sweep(clock=lambda: now + timedelta(seconds=2))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces(asked))))
    assert f"media/{made[1].id}.wav" in archive.namelist()
    assert f"media/{made[0].id}.wav" not in archive.namelist()
    late = zipfile.ZipFile(io.BytesIO(b"".join(pieces(asked, at=now + timedelta(seconds=61)))))
    assert "media/" not in str(late.namelist())
    assert {each["reason"] for each in json.loads(late.read("data.json"))["left_out"]} == {"destroyed"}


def test_it_is_never_in_memory_whole(api, app, user, consent):
    session = uuid.UUID(api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"])
    now = timezone.now()
    clip = speech(10.0, rate=48_000)
    for _ in range(12):
        upload(app=app, session_id=session, data=clip, ttl=None, now=now)
    asked = export(user=user, by=None, now=now)
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in pieces(asked))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > 8 * len(clip)
    assert peak < 6 * len(clip)


def test_the_document_of_a_delegation_is_with_who_handed_it_in_and_whom_it_is_about(user, now):
    delegation, waiting = (
        request_delegation(
            delegate=user,
            relationship=Relationship.GUARDIAN,
            whom=Child(now.date().replace(year=now.date().year - 9, day=1)),
            label="Little Bear",
            document=b"%PDF-1.7 " + name,
            now=now,
        )
        for name in (b"one", b"two")
    )
    approve(delegation_id=delegation.id, officer=OfficerFactory(), now=now)
    archive, data = taken(user)
    files = {each["id"]: archive.read(each["document"]) for each in data["delegations"]}
    assert files == {str(delegation.id): b"%PDF-1.7 one", str(waiting.id): b"%PDF-1.7 two"}
    assert all(name.endswith(".pdf") for name in archive.namelist() if name.startswith("documents/"))
    archive, data = taken(delegation.principal, by=delegation)
    assert [archive.read(each["document"]) for each in data["delegations"]] == [b"%PDF-1.7 one"]
    archive, data = taken(waiting.principal)
    assert [each["document"] for each in data["delegations"]] == [None], "nobody has said yet that it shows anything"
    Delegation.objects.filter(id=delegation.id).update(evidence_until=now)
    archive, data = taken(delegation.principal, by=delegation)
    assert not [name for name in archive.namelist() if name.startswith("documents/")], "restricted by an erasure"
    [left] = data["left_out"]
    assert (left["id"], left["what"], left["reason"]) == (str(delegation.id), "document", "restricted")


def test_a_file_that_is_cut_off_keeps_nothing_else_from_going_out(api, app, user, consent):
    session = uuid.UUID(api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"])
    now = timezone.now()
    long = speech(10.0, rate=48_000)
    cut, whole = (upload(app=app, session_id=session, data=long, ttl=None, now=now).artifact.id for _ in range(2))
    path = Path(vault.blobs._storage(Kind.VOICE).path(vault.blobs._path(cut)))
    path.write_bytes(path.read_bytes()[:-10])
    archive, data = taken(user)
    assert archive.read(f"media/{whole}.wav") == long
    assert long.startswith(archive.read(f"media/{cut}.wav"))
    files = {each["id"]: each["file"] for each in data["artifacts"]}
    assert files == {str(cut): None, str(whole): f"media/{whole}.wav"}
    assert [(each["id"], each["reason"]) for each in data["left_out"]] == [(str(cut), "broken")]


def test_what_a_legal_hold_keeps_is_with_the_person_all_the_same(api, app, user, consent, clip):
    session = uuid.UUID(api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"])
    now = timezone.now()
    kept = upload(app=app, session_id=session, data=clip, ttl=timedelta(seconds=1), now=now).artifact
    hold.place(
        tenant=app.tenant,
        subject=None,
        app=None,
        artifact=kept,
        ground=Hold.Ground.LITIGATION,
        reference="VI ZR 1/26",
        actor=f"officer:{OfficerFactory().pk}",
        now=now,
    )
    later = now + timedelta(minutes=1)
    sweep(clock=lambda: later)
    archive, _ = taken(user, now=later)
    assert archive.read(f"media/{kept.id}.wav") == clip


def test_each_period_says_of_whom_and_of_what_it_is_and_from_when_it_counts(now):
    life = live(now)
    _, data = taken(life.user)
    illinois = [each for each in data["periods"] if each["lives_in"] == "US-IL"]
    assert {each["counted_from"] for each in illinois} >= {"interaction"}
    assert all(each["source"] for each in illinois)
    assert {each["counted_from"] for each in data["periods"] if each["lives_in"] is None} >= {"processed"}
