"""Voiceprints and synthetic speech over REST: lineage, custody, marks, two voices in one act, and facts that are never dropped."""

import io
import json
import uuid
from datetime import timedelta

import pytest
import soundfile
from django.utils import timezone

import vault.blobs
from consent.models import Notice, Session
from consent.queries import records_of
from consent.withdraw import withdraw
from keyring.keys import store
from retention import sweep as sweeping
from retention.models import Artifact, Derivation, Policy
from tests.conftest import Api, kinds, speech
from tests.factories import AppFactory, UserFactory

pytestmark = pytest.mark.django_db

EVERYTHING = ("upload", "embed", "synthesize")
WATERMARK = {"kind": "watermark", "watermark_id": "wm-7"}
AIGC = {"Label": "1", "ContentProducer": "studio", "ProduceID": "clip-17"}


@pytest.fixture
def grant(consent):
    return consent(operations=EVERYTHING)


def open_session(api, grant):
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


@pytest.fixture
def session(api, grant):
    return open_session(api, grant)


def embed(api, session, **changes):
    return api.post("/api/v1/embeddings", {"session": session, "dimensions": 192} | changes)


def synthesise(api, session, **changes):
    return api.post("/api/v1/syntheses", {"session": session, "mark": WATERMARK} | changes)


def form(api, path, data, **fields):
    file = io.BytesIO(data)
    file.name = "made.bin"
    return api.client.post(path, {"content": file, "custody": "vault", **fields}, headers=api.headers)


def last_record(user):
    return records_of(user=user)[0]


def test_from_a_recording_to_speech(api, user, session, clip):
    recording = api.upload(session, clip).json()["id"]
    voiceprint = embed(api, session, derived_from=[recording], model="resnet-192").json()
    assert (voiceprint["kind"], voiceprint["custody"], voiceprint["standing"]) == ("embedding", "none", "permitted")
    assert voiceprint["derived_from"] == [recording]
    assert voiceprint["reason"] is None
    speech_made = synthesise(api, session, derived_from=[voiceprint["id"]], custody="app", duration_ms=2_000)
    assert speech_made.status_code == 201, speech_made.content
    made = speech_made.json()
    assert (made["marking"], made["audible_label"], made["duration_ms"]) == ("watermark", None, 2_000)
    assert api.get(f"/api/v1/artifacts/{made['id']}").json()["derived_from"] == [voiceprint["id"]]
    record = last_record(user)
    assert record.kind == "artifact.recorded"
    assert record.payload["mark"] == {"kind": "watermark", "audible_label": "", "watermark_id": "wm-7"}
    assert record.payload["derived_from"] == [voiceprint["id"]]
    assert record.payload["act"] == made["act"]


def test_what_is_never_stored_lives_as_long_as_its_session(api, session):
    made = embed(api, session).json()
    assert made["expires_at"] == api.get(f"/api/v1/artifacts/{made['id']}").json()["expires_at"]
    artifact = Artifact.objects.get(id=made["id"])
    assert artifact.expires_at == Session.objects.get(id=session).expires_at
    api.delete(f"/api/v1/sessions/{session}")
    sweeping.sweep(clock=timezone.now)
    artifact.refresh_from_db()
    assert artifact.state == "erased"
    assert artifact.key_destroyed_at is None
    assert kinds()[-1] == "artifact.lapsed"


def test_a_voiceprint_is_stored_only_for_recognising_a_speaker(api, app, user, session, consent):
    assert embed(api, session, custody="app").json()["type"].endswith("no-retention-policy")
    assert Artifact.objects.count() == 0
    door = AppFactory(tenant=app.tenant, purposes=["speaker-verification"])
    from consent.allow import allow
    from consent.ask import ask

    now = timezone.now()
    asked = ask(
        app=door,
        subject_ref="u",
        purpose="speaker-verification",
        operations=["embed"],
        term=timedelta(days=9),
        now=now,
    )
    read = {"notice_id": Notice.objects.get(app=door, locale="en").id, "screen": "<p>what was read</p>"}
    grant = allow(token=asked.token, user=user, choice="term", locale="en", now=now, **read)
    theirs = Api(door)
    made = embed(theirs, open_session(theirs, grant), custody="app")
    assert made.status_code == 201
    assert Artifact.objects.get().expires_at == grant.valid_until  # no life outlasts its consent


def test_speech_in_the_vault(api, session):
    sound = speech(12.0)
    made = form(api, "/api/v1/syntheses", sound, session=session, mark=json.dumps(WATERMARK))
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["custody"], body["duration_ms"], body["sample_rate"]) == ("vault", 12_000, 16_000)
    stored = api.get(f"/api/v1/artifacts/{body['id']}/content").content
    assert stored != sound, "the service's mark is in it"
    assert (soundfile.read(io.BytesIO(stored))[0] == soundfile.read(io.BytesIO(sound))[0]).all()
    artifact = Artifact.objects.get(id=body["id"])
    assert artifact.expires_at - artifact.recorded_at == timedelta(days=1)


def test_lists_of_a_form_are_json_or_repeated(api, session, clip):
    sources = sorted(api.upload(session, clip).json()["id"] for _ in range(2))
    words = {"session": session, "mark": json.dumps(WATERMARK)}
    for said in (sources, json.dumps(sources)):
        made = form(api, "/api/v1/syntheses", speech(), derived_from=said, **words)
        assert sorted(made.json()["derived_from"]) == sources
    for broken in ("[", "[[", "{}", "x", "[" * 2_000):
        assert form(api, "/api/v1/syntheses", speech(), derived_from=broken, **words).status_code == 422


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        (None, "missing"),
        ({"kind": "watermark"}, "incomplete"),
        ({"kind": "c2pa", "watermark_id": "w"}, "mixed"),
        ({"kind": "aigc", "metadata": AIGC}, "no_audible_label"),
    ],
)
def test_speech_without_evidence_of_its_mark_is_refused(api, session, mark, reason):
    before = kinds()
    said = {"mark": mark} if mark else {}
    answer = api.post("/api/v1/syntheses", {"session": session, **said})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:consonant:problem:mark-refused")
    assert answer.json()["reason"] == reason
    assert kinds() == before
    assert Artifact.objects.count() == 0


def test_each_kind_of_evidence(api, session):
    digest = "sha256:" + "0f" * 32
    for mark in (
        WATERMARK,
        {"kind": "c2pa", "manifest_digest": digest},
        {"kind": "aigc", "metadata": AIGC, "audible_label": "rhythm"},
    ):
        assert synthesise(api, session, mark=mark).status_code == 201
    assert digest[7:] not in str(list(Artifact.objects.values()))


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "00" * 32},
        {"audio_digest": "x"},
        {"surprise": 1},
        {"model": "call 0044 20 7946 0958"},
        {"model": "6222 0200 0011 2233"},
        {"model": "11010519491231002X"},
        {"model": "someone@test.localhost"},
        {"model": "d41d8cd98f00b204e9800998ecf8427e"},
        {"dimensions": 0},
        {"custody": "vault"},
        {"custody": "theirs"},
        {"ttl": "P1Y"},
    ],
    ids=str,
)
def test_what_may_not_be_said_is_refused_and_leaves_nothing(api, session, changes):
    before = kinds()
    answer = embed(api, session, **changes)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    for value in changes.values():
        if isinstance(value, str) and len(value) > 8:
            assert value not in answer.content.decode()
    assert kinds() == before
    assert Artifact.objects.count() == 0


def test_sources_of_others_are_unknown(api, app, session, clip, consent):
    elsewhere = AppFactory(tenant=app.tenant)
    grant = consent(by=elsewhere, ref="u", operations=EVERYTHING)
    theirs = Api(elsewhere)
    foreign = theirs.upload(open_session(theirs, grant), clip).json()["id"]
    other = consent(who=UserFactory(), ref="user-2", operations=EVERYTHING)
    of_another = api.upload(open_session(api, other), clip).json()["id"]
    for source in (foreign, of_another, str(uuid.uuid4())):
        assert embed(api, session, derived_from=[source]).json()["type"].endswith("lineage-unknown")
    assert Derivation.objects.count() == 0


def test_late(api, user, session):
    api.delete(f"/api/v1/sessions/{session}")
    made = embed(api, session)
    assert made.status_code == 201
    assert (made.json()["standing"], made.json()["reason"]) == ("late", "session_ended")
    assert last_record(user).kind == "use.late"


def test_closing_the_session_first_makes_nothing_permitted(api, consent):
    session = open_session(api, consent(operations=("upload",)))
    api.delete(f"/api/v1/sessions/{session}")
    made = synthesise(api, session, custody="app").json()
    assert (made["standing"], made["expires_at"]) == ("unpermitted", made["recorded_at"])


def test_late_under_allow_once_is_late_once(api, consent):
    """The one use was allowed; that it is over is how it was meant to end."""
    session = open_session(api, consent("once", operations=EVERYTHING))
    api.delete(f"/api/v1/sessions/{session}")
    made = [synthesise(api, session, custody="app").json() for _ in range(2)]
    assert [(each["standing"], each["reason"]) for each in made] == [
        ("late", "uses_exhausted"),
        ("unpermitted", "uses_exhausted"),
    ]


def test_late_speech_in_an_apps_custody_keeps_its_deadline(api, session):
    api.delete(f"/api/v1/sessions/{session}")
    made = synthesise(api, session, custody="app", ttl="P2D").json()
    artifact = Artifact.objects.get(id=made["id"])
    assert (made["standing"], artifact.expires_at - artifact.recorded_at) == ("late", timedelta(days=2))


def test_without_permission_it_is_entered_and_must_go_at_once(api, user, grant, session):
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    made = synthesise(api, session, custody="app")
    assert made.status_code == 201
    body = made.json()
    assert (body["standing"], body["reason"]) == ("unpermitted", "consent_withdrawn")
    assert body["expires_at"] == body["recorded_at"]
    record = last_record(user)
    assert (record.kind, record.payload["reason"]) == ("use.unpermitted", "consent_withdrawn")
    sweeping.sweep(clock=timezone.now)
    assert Artifact.objects.get().state == "erasing"
    assert kinds()[-1] == "artifact.erase_requested"


def test_an_operation_that_was_not_allowed(api, app, consent):
    session = open_session(api, consent(operations=("upload",)))
    assert embed(api, session).json()["reason"] == "operation_not_covered"
    app.suspended_at = timezone.now()
    app.save()
    assert embed(api, session).json()["reason"] == "app_suspended"
    assert set(Artifact.objects.values_list("standing", flat=True)) == {"unpermitted"}


def test_once_is_once(api, consent):
    session = open_session(api, consent("once", operations=EVERYTHING))
    assert [embed(api, session).json()["standing"] for _ in range(2)] == ["permitted", "unpermitted"]


def test_bytes_are_taken_only_in_a_living_session_and_the_fact_is_entered(api, user, session):
    api.delete(f"/api/v1/sessions/{session}")
    keys = {name for batch in store().older_than(timezone.now(), prefix="voice:") for name in batch}
    answer = form(api, "/api/v1/syntheses", speech(), session=session, mark=json.dumps(WATERMARK))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:consonant:problem:bytes-not-taken")
    artifact = Artifact.objects.get(id=answer.json()["artifact"])
    assert (artifact.custody, artifact.expires_at) == ("app", artifact.recorded_at)
    assert last_record(user).kind == "use.late"
    assert vault.blobs.left(blobs=[artifact.id]) == set()
    assert keys == {name for batch in store().older_than(timezone.now(), prefix="voice:") for name in batch}


class TestTwoVoices:
    """An emotion prompt is a second voice."""

    @pytest.fixture
    def second(self, api, consent):
        self.other = UserFactory()
        self.grant = consent(who=self.other, ref="user-2", operations=EVERYTHING)
        return open_session(api, self.grant)

    def test_one_entry_for_each_person_with_one_act(self, api, user, session, second):
        made = synthesise(api, session, with_sessions=[second], custody="app").json()
        (other,) = made["others"]
        assert made["session"] == session
        assert other["session"] == second
        assert other["entry"] != made["entry"]
        mine, theirs = last_record(user), last_record(self.other)
        assert mine.payload["act"] == theirs.payload["act"] == made["act"] == other["act"]
        assert mine.payload["grant"] != theirs.payload["grant"]

    def test_when_one_goes_the_other_goes(self, api, user, session, second, settings):
        sound = speech()
        fields = {"session": session, "with_sessions": json.dumps([second]), "mark": json.dumps(WATERMARK)}
        made = form(api, "/api/v1/syntheses", sound, **fields).json()
        ids = [uuid.UUID(made["id"]), uuid.UUID(made["others"][0]["id"])]
        assert vault.blobs.left(blobs=ids) == set(ids)
        withdraw(grant_id=self.grant.id, user=self.other, now=timezone.now())
        sweeping.sweep(clock=timezone.now)
        assert vault.blobs.left(blobs=ids) == set()
        assert set(Artifact.objects.values_list("state", flat=True)) == {"erased"}

    def test_apps_are_asked_for_both(self, api, user, session, second):
        synthesise(api, session, with_sessions=[second], custody="app")
        withdraw(grant_id=self.grant.id, user=self.other, now=timezone.now())
        for _ in range(2):
            sweeping.sweep(clock=timezone.now)
        assert kinds().count("artifact.erase_requested") == 2

    def test_without_the_seconds_permission_all_of_it_must_go(self, api, session, second):
        withdraw(grant_id=self.grant.id, user=self.other, now=timezone.now())
        made = synthesise(api, session, with_sessions=[second], custody="app").json()
        assert [made["standing"], made["others"][0]["standing"]] == ["permitted", "unpermitted"]
        assert made["expires_at"] == made["recorded_at"]

    def test_sources_belong_to_the_person_they_are_of(self, api, session, second, clip):
        mine, theirs = (api.upload(each, clip).json()["id"] for each in (session, second))
        made = synthesise(api, session, with_sessions=[second], custody="app", derived_from=[mine, theirs]).json()
        assert (made["derived_from"], made["others"][0]["derived_from"]) == ([mine], [theirs])

    def test_one_person_twice_is_refused(self, api, grant, session):
        twice = synthesise(api, session, with_sessions=[open_session(api, grant)])
        assert twice.json()["type"].endswith("subject-twice")


def test_an_officers_policy_shortens_an_apps_custody(api, app, session):
    Policy.objects.create(kind="synthesis", custody="app", app=app, ttl=timedelta(hours=2))
    made = synthesise(api, session, custody="app").json()
    artifact = Artifact.objects.get(id=made["id"])
    assert artifact.expires_at - artifact.recorded_at == timedelta(hours=2)
