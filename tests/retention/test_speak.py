"""A consent said aloud: the phrase, the recording as evidence that no app reads, and its end."""

import io
import json
from datetime import timedelta

import pytest
from django.utils import timezone

import vault.blobs
from consent.models import Statement
from consent.queries import records_of
from consent.withdraw import withdraw
from keyring.keys import store
from ledger.models import Opening
from retention import request_erasure
from retention.certify import EVIDENCE_KEPT
from retention.models import Artifact
from retention.phrase import WORDS, phrase
from retention.pursue import pursue
from retention.speak import LASTS, speak
from retention.sweep import sweep_orphans
from tests.conftest import Api, kinds, speech
from tests.factories import AppFactory
from vault.blobs import Kind
from vault.errors import BlobGone

pytestmark = pytest.mark.django_db
SPEECH = {"model": "asr-1", "score": 0.97}
SPEAKER = {"model": "ecapa-1", "score": 0.81, "threshold": 0.6}


class Killed(BaseException):
    pass


def ask(api, grant, **body):
    return api.post(f"/api/v1/grants/{grant.id}/statements", body)


def say(api, grant, statement, data=None, **changes):
    file = io.BytesIO(speech(2.5) if data is None else data)
    file.name = "said.wav"
    parts = {"audio": file, "speech": json.dumps(SPEECH), "speaker": json.dumps(SPEAKER)} | changes
    return api.client.post(
        f"/api/v1/grants/{grant.id}/statements/{statement}/recording",
        {name: part for name, part in parts.items() if part is not None},
        headers=api.headers,
    )


@pytest.fixture
def spoken(api, consent):
    """A statement with its recording."""
    grant = consent()
    statement = ask(api, grant).json()["id"]
    assert say(api, grant, statement).status_code == 201
    return Statement.objects.get(id=statement)


def heard(statement):
    return vault.blobs.read(blob=statement.recording, kind=Kind.STATEMENT)


def test_what_is_said_is_kept_as_evidence_and_entered(api, app, user, consent):
    grant = consent()
    asked = ask(api, grant)
    assert asked.status_code == 201
    said = asked.json()
    assert said["phrase"].startswith(f"I allow {app.name} of {app.tenant.name} to use my voice for 30 days for this: ")
    answer = say(api, grant, said["id"])
    assert answer.status_code == 201
    assert answer.json() == {"id": said["id"], "duration_ms": 2500, "entry": answer.json()["entry"]}
    statement = Statement.objects.get()
    assert said["phrase"].endswith(f": {statement.nonce.replace(' ', ', ')}.")
    assert len(set(statement.nonce.split()) & set(WORDS["en"])) >= 2
    assert heard(statement) == speech(2.5)
    assert store().has(f"statement:{statement.recording}")
    record = next(record for record in records_of(user=user) if record.kind == "consent.spoken")
    assert str(record.ref) == answer.json()["entry"]
    assert record.payload == {
        **grant.record(),
        "statement": said["id"],
        "locale": "en",
        "phrase": said["phrase"],
        "duration_ms": 2500,
        "sample_rate": 16000,
        "speech": SPEECH,
        "speaker": SPEAKER,
    }
    assert Opening.objects.get(kind="consent.spoken").holder == grant.subject.evidence_name
    assert not Artifact.objects.exists()


def test_the_phrase_in_each_language_names_who_what_for_how_long_and_words_of_the_day(api, consent):
    grant = consent("once")
    chinese = ask(api, grant, locale="zh-hans").json()["phrase"]
    assert all(word in chinese for word in ("我允许", grant.app.name, grant.app.tenant.name, "一次", "口令"))
    assert ask(api, grant).json()["phrase"] != ask(api, grant).json()["phrase"]
    words = {"app": "A", "controller": "C", "purpose": "p", "nonce": ["x", "y"]}
    said = {
        timedelta(days=1): ("for 1 day ", "在1天内"),
        timedelta(days=30): ("for 30 days ", "在30天内"),
        timedelta(hours=25): ("for 2 days ", "在2天内"),
        timedelta(hours=3): ("for 3 hours ", "在3小时内"),
        timedelta(seconds=1): ("for 1 hour ", "在1小时内"),
        None: ("once ", "一次"),
    }
    for term, (english, han) in said.items():
        assert english in phrase(locale="en", term=term, **words)
        assert han in phrase(locale="zh-hans", term=term, **words)
    for each in WORDS.values():
        assert len(set(each)) == 64


def test_a_phrase_is_said_once_and_soon(api, app, consent, clip):
    grant = consent()
    statement = ask(api, grant).json()["id"]
    other = ask(api, grant).json()["id"]
    assert say(api, grant, statement).status_code == 201
    assert say(api, grant, statement).json()["type"].endswith("statement-unknown")
    Statement.objects.filter(id=other).update(asked_at=timezone.now() - LASTS)
    assert say(api, grant, other).status_code == 404
    assert say(api, grant, grant.id).status_code == 404
    assert kinds().count("consent.spoken") == 1


def test_only_under_a_consent_that_stands_and_only_its_app(api, app, user, consent, now):
    grant, foreign = consent(), Api(AppFactory(tenant=app.tenant))
    statement = ask(api, grant).json()["id"]
    assert ask(foreign, grant).json()["type"].endswith("grant-unknown")
    assert say(foreign, grant, statement).json()["type"].endswith("grant-unknown")
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    for answer in (say(api, grant, statement), ask(api, grant)):
        assert (answer.status_code, answer.json()["reason"]) == (403, "consent_withdrawn")
    assert Statement.objects.get().recording is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"audio": None}, "audio"),
        ({"speech": None}, "speech"),
        ({"speech": "good"}, "speech"),
        ({"speech": "[" * 100_000}, "speech"),
        ({"speech": '{"model": "a", "score": NaN}'}, "speech"),
        ({"speech": '{"model": "a", "score": 1e400}'}, "speech"),
        ({"speech": '{"model": "a", "score": 1, "sha256": "ab"}'}, "speech"),
        ({"speech": '{"model": "of +49 151 23456789", "score": 1}'}, "speech"),
        ({"speaker": json.dumps(SPEECH)}, "speaker"),
        ({"digest": "ab"}, "digest"),
    ],
)
def test_a_form_that_is_not_whole_changes_nothing(api, consent, changes, field):
    grant = consent()
    statement = ask(api, grant).json()["id"]
    answer = say(api, grant, statement, **changes)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert say(api, grant, statement).status_code == 201


@pytest.mark.parametrize(("seconds", "rate", "reason"), [(31, 16_000, "too_long"), (1, 4_000, "sample_rate_too_low")])
def test_a_recording_that_is_none(api, consent, seconds, rate, reason):
    grant = consent()
    statement = ask(api, grant).json()["id"]
    assert say(api, grant, statement, data=speech(seconds, rate)).json()["reason"] == reason
    assert say(api, grant, statement, data=b"no audio").json()["reason"] == "not_audio"
    assert say(api, grant, statement, data=speech(30)).status_code == 201


def test_ask_for_a_language_that_is_spoken_here(api, consent):
    assert list(ask(api, consent(), locale="fr").json()["errors"]) == ["locale"]


def test_no_app_reads_the_recording(api, spoken):
    path = f"/api/v1/grants/{spoken.grant_id}/statements"
    for address in (f"{path}/{spoken.id}/recording", path, f"{path}/{spoken.id}"):
        assert api.get(address).status_code in {404, 405}
    assert api.get(f"/api/v1/artifacts/{spoken.recording}/content").status_code == 404
    assert api.get(f"/api/v1/artifacts/{spoken.id}/content").status_code == 404


def test_a_repeated_call_finds_the_first_answer(api, consent):
    grant = consent()
    api.headers |= {"Idempotency-Key": "one"}
    first = ask(api, grant)
    assert ask(api, grant).json() == first.json()
    api.headers |= {"Idempotency-Key": "two"}
    answer = say(api, grant, first.json()["id"])
    assert say(api, grant, first.json()["id"]).json() == answer.json()
    assert Statement.objects.count() == 1


def test_killed_between_vault_and_row_it_can_be_said_again_and_the_noise_is_swept(
    api, app, consent, clip, now, monkeypatch
):
    grant = consent()
    statement = ask(api, grant).json()["id"]
    words = {"app": app, "grant_id": grant.id, "statement_id": statement, "data": clip}
    words |= {"speech": SPEECH, "speaker": SPEAKER}

    def dying(*_args, **_words):
        raise Killed

    def names():
        later = timezone.now() + timedelta(days=1)
        return {name for batch in store().older_than(later, prefix="statement:") for name in batch}

    before = names()
    with monkeypatch.context() as patch:
        patch.setattr(Statement, "save", dying)
        with pytest.raises(Killed):
            speak(now=timezone.now(), **words)
    (orphan,) = names() - before
    speak(now=timezone.now(), **words)
    spoken = Statement.objects.get()
    assert sweep_orphans(now=timezone.now() + timedelta(seconds=400)) >= 1
    assert not store().has(orphan)
    assert heard(spoken) == clip


def test_an_erasure_keeps_the_recording_restricted_and_the_end_of_evidence_destroys_it(api, user, spoken, now):
    """GDPR 7(1) and 17(3): it proves the consent for as long as that can be asked for, and nobody reads it meanwhile."""
    request_erasure.by_subject(user=user, app_id=None, now=now)
    for _ in range(2):
        pursue(clock=lambda: now)
    spoken.refresh_from_db()
    assert spoken.grant.subject.user is None
    assert heard(spoken)
    pursue(clock=lambda: now + EVIDENCE_KEPT - timedelta(seconds=1))
    recording = spoken.recording
    assert heard(spoken)
    pursue(clock=lambda: now + EVIDENCE_KEPT)
    spoken.refresh_from_db()
    assert spoken.recording is None
    with pytest.raises(BlobGone):
        vault.blobs.read(blob=recording, kind=Kind.STATEMENT)
    assert not vault.blobs.left(blobs=[recording], kind=Kind.STATEMENT)
    assert not Opening.objects.filter(kind="consent.spoken").exists()


@pytest.mark.parametrize("name", ["delete", "shred"])
def test_the_end_of_evidence_killed_midway_is_finished_by_the_sweep(user, spoken, now, monkeypatch, name):
    request_erasure.by_subject(user=user, app_id=None, now=now)
    for _ in range(2):
        pursue(clock=lambda: now)
    recording = spoken.recording

    def dying(**_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(vault.blobs, name, dying)
        with pytest.raises(Killed):
            pursue(clock=lambda: now + EVIDENCE_KEPT)
    sweep_orphans(now=timezone.now() + timedelta(seconds=400))
    assert not vault.blobs.left(blobs=[recording], kind=Kind.STATEMENT)
