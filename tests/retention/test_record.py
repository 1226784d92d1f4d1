"""Taking a recording: over REST, with what each refusal leaves behind."""

import io
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

import vault.blobs
from consent.models import Session
from consent.withdraw import withdraw
from keyring.keys import store
from retention.models import Artifact, Policy
from retention.policy import Life, Rule, Since, resolve
from retention.record import upload
from tests.conftest import Api, kinds, speech
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(api, consent):
    return api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"]


def sealed():
    """Return the names of the keys of artifacts."""
    later = timezone.now() + timedelta(days=1)
    return [name for batch in store().older_than(later, prefix="voice:") for name in batch]


def test_recorded_sealed_and_read_back(api, session, clip):
    made = api.upload(session, clip)
    assert made.status_code == 201
    body = made.json()
    assert (body["state"], body["duration_ms"], body["sample_rate"]) == ("active", 1000, 16_000)
    content = api.get(f"/api/v1/artifacts/{body['id']}/content")
    assert content.content == clip
    assert content.headers["Cache-Control"] == "no-store"
    artifact = Artifact.objects.get()
    assert artifact.expires_at == Session.objects.get().expires_at + timedelta(minutes=5)
    path = Path(vault.blobs._storage(artifact.stored_as).path(vault.blobs._path(artifact.id)))
    assert clip[:64] not in path.read_bytes()
    assert kinds()[-1] == "artifact.recorded"


def test_an_app_may_keep_shorter_never_longer(api, session, clip):
    for asked, seconds in (("PT8S", 8), ("P2D", 3_900)):
        body = api.upload(session, clip, ttl=asked).json()
        artifact = Artifact.objects.get(id=body["id"])
        assert seconds - 60 < (artifact.expires_at - artifact.recorded_at).total_seconds() <= seconds


def test_an_officers_policy_for_one_app(api, app, session):
    Policy.objects.create(
        kind="upload", custody="vault", app=app, ttl=timedelta(minutes=2), longest_seconds=30.0, lowest_rate=16_000
    )
    body = api.upload(session, speech(20.0)).json()
    artifact = Artifact.objects.get(id=body["id"])
    assert artifact.expires_at - artifact.recorded_at == timedelta(minutes=2)


def test_the_shortest_wins():
    general = Rule(timedelta(minutes=5), 10, 16_000, for_app=False)
    own = Rule(timedelta(minutes=9), 30, 24_000, for_app=True)
    assert resolve([general, own], asked=None) == Life({Since.RECORDED: timedelta(minutes=5)}, 30, 24_000)
    assert resolve([general], asked=timedelta(seconds=8)).ttls == {Since.RECORDED: timedelta(seconds=8)}


def test_without_a_policy_nothing_is_recorded(api, session, clip):
    Policy.objects.all().delete()
    assert api.upload(session, clip).json()["type"].endswith("no-retention-policy")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (speech(11.0), "too_long"),
        (speech(1.0, rate=8_000), "sample_rate_too_low"),
        (b"not audio", "not_audio"),
        (b"", "empty"),
    ],
)
def test_bad_audio_changes_nothing(api, session, data, reason):
    before, keys = kinds(), sealed()
    answer = api.upload(session, data)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["reason"] == reason
    assert (kinds(), sealed()) == (before, keys)
    assert not Artifact.objects.exists()


def test_too_large_a_body(api, session, settings):
    settings.MAX_UPLOAD_BYTES = 10_000
    answer = api.upload(session, speech(1.0))
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("body-too-large")


def test_a_body_that_is_no_form(api, session):
    answer = api.client.post(
        "/api/v1/uploads", b"\x00\x01", content_type="multipart/form-data; boundary=x", headers=api.headers
    )
    assert answer.status_code in {400, 422}
    assert api.post("/api/v1/uploads", {"session": session}).status_code == 415
    assert api.client.post("/api/v1/uploads", {"session": "nope"}, headers=api.headers).status_code == 422


def test_a_dead_session(api, session, clip):
    keys = sealed()
    api.delete(f"/api/v1/sessions/{session}")
    answer = api.upload(session, clip)
    assert answer.status_code == 403
    assert answer.json()["reason"] == "session_ended"
    assert kinds()[-1] == "use.refused"
    assert sealed() == keys


def test_a_withdrawal_between_the_look_and_the_record(app, user, api, session, clip, monkeypatch):
    """The look decides nothing: what counts is the decision under the lock, after the bytes were sealed."""
    grant, now = Session.objects.get(id=session).grant, timezone.now()
    put = vault.blobs.put

    def put_then_withdraw(**words):
        put(**words)
        withdraw(grant_id=grant.id, user=user, now=now)

    keys = sealed()
    monkeypatch.setattr(vault.blobs, "put", put_then_withdraw)
    refusal = upload(app=app, session_id=uuid.UUID(session), data=clip, ttl=None, now=now)
    assert refusal.reason == "consent_withdrawn"
    assert sealed() == keys
    assert not Artifact.objects.exists()


def test_once_admits_one_upload(api, consent, clip):
    session = api.post("/api/v1/sessions", {"grant": str(consent("once").id)}).json()["id"]
    assert api.upload(session, clip).status_code == 201
    assert api.upload(session, clip).json()["reason"] == "operation_spent"


def test_other_apps_find_nothing(api, app, session, clip):
    made = api.upload(session, clip).json()
    foreign = Api(AppFactory(tenant=app.tenant))
    for path in (f"/api/v1/artifacts/{made['id']}", f"/api/v1/artifacts/{made['id']}/content"):
        answer = foreign.get(path)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:consonant:problem:artifact-unknown")
    assert foreign.upload(session, clip).status_code == 404
    assert api.client.get(f"/api/v1/artifacts/{made['id']}").status_code == 401


def test_reading_ends_with_session_grant_and_deadline(api, user, session, clip, now):
    made = api.upload(session, clip).json()
    path = f"/api/v1/artifacts/{made['id']}/content"
    api.delete(f"/api/v1/sessions/{session}")
    assert api.get(path).json()["reason"] == "session_ended"
    Artifact.objects.update(expires_at=now)
    assert api.get(path).status_code == 410


def test_the_senders_file_name_goes_nowhere(api, session, clip):
    file = io.BytesIO(clip)
    file.name = "somebodys-name.wav"
    made = api.client.post("/api/v1/uploads", {"session": session, "audio": file}, headers=api.headers)
    assert made.status_code == 201
    assert "somebodys-name" not in made.content.decode()


def test_no_recording_hides_in_a_voiceprint(api, consent, clip):
    Policy.objects.filter(kind="embedding").exclude(custody="none").update(purpose=None)
    session = api.post("/api/v1/sessions", {"grant": str(consent(operations=("upload", "embed")).id)}).json()["id"]

    def sent(data):
        form = {"session": session, "dimensions": 192, "custody": "vault", "content": io.BytesIO(data)}
        return api.client.post("/api/v1/embeddings", form, headers=api.headers)

    before = sealed()
    refused = sent(clip)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:consonant:problem:audio-refused")
    assert sealed() == before
    assert not Artifact.objects.exists()
    assert sent(bytes(192 * 8)).status_code == 201
