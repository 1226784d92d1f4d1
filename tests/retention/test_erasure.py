"""Erasure from the request to the certificate, and what a crash at each of its steps leaves."""

import json
import uuid
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

import ledger.reserve
import vault.blobs
from consent.allow import allow
from consent.ask import ask
from consent.lapse import lapse
from consent.models import Binding, ConsentRequest, Grant, Subject
from consent.queries import records_of
from keyring.errors import KeyGone
from keyring.keys import store
from ledger.models import Entry, Opening
from ledger.publish import publish
from ledger.queries import logs
from ledger.sequence import sequence
from retention import acknowledge as acknowledging
from retention import certify, decide_erasure, pursue, request_erasure
from retention import sweep as sweeping
from retention.errors import CertificateGone, NothingToErase
from retention.models import Artifact, Erasure
from retention.queries import erasures_of, holders_of
from tests.conftest import Api, kinds
from tests.factories import AppFactory, UserFactory

pytestmark = pytest.mark.django_db
WATERMARK = {"kind": "watermark", "watermark_id": "wm-7"}
CONSENT = ("upload", "embed", "synthesize")


class Killed(BaseException):
    """The process is gone at this line."""


def live(api, grant, clip):
    """Use a voice: a recording, a voiceprint in memory, and speech that the app keeps; return its id."""
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    recording = api.upload(session, clip).json()["id"]
    words = {"session": session, "derived_from": [recording]}
    api.post("/api/v1/embeddings", {**words, "dimensions": 192})
    return api.post("/api/v1/syntheses", {**words, "mark": WATERMARK, "custody": "app"}).json()["id"]


@pytest.fixture
def kept(api, consent, clip):
    """The app's own speech of a life of `user-1`."""
    return live(api, consent(operations=CONSENT), clip)


def seal(now=None):
    for log in logs():
        while sequence(origin=log.origin):
            pass
        publish(origin=log.origin, now=now or timezone.now())


def turn(at=None):
    """What the worker does in a second."""
    clock = (lambda: at) if at else timezone.now
    sweeping.sweep(clock=clock)
    pursue.pursue(clock=clock)
    seal()


def acknowledged(api, artifact):
    said = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
    return api.post(f"/api/v1/artifacts/{artifact}/erasure-acks", said)


def erase(api, ref="user-1"):
    return api.delete(f"/v1/voice/consent/{ref}")


def state_of(api, erasure):
    return api.get(f"/api/v1/erasures/{erasure}").json()["state"]


def is_there(name):
    try:
        store().get(name)
    except KeyGone:
        return False
    return True


def test_the_whole_way(api, app, user, kept):
    binding, subject = Binding.objects.get(), Subject.objects.get()
    asked = erase(api)
    assert asked.status_code == 202
    assert Grant.objects.get().state == "withdrawn"
    body = asked.json()
    assert (body["state"], body["completed_at"]) == ("approved", None)
    assert erase(api).json()["id"] == body["id"], "asking again finds the same request"

    turn()
    assert state_of(api, body["id"]) == "awaiting_acks"
    vault_row, app_row, none_row = (Artifact.objects.get(custody=each) for each in ("vault", "app", "none"))
    assert [vault_row.state, app_row.state, none_row.state] == ["erased", "erasing", "erased"]
    assert vault.blobs.left(blobs=[vault_row.id]) == set()
    turn()
    assert state_of(api, body["id"]) == "awaiting_acks", "without its word nothing is said to be gone"
    assert api.get(f"/api/v1/erasures/{body['id']}/certificate").status_code == 404

    assert acknowledged(api, kept).status_code == 200
    assert acknowledged(api, kept).json()["state"] == "erased"
    turn()
    turn()
    assert state_of(api, body["id"]) == "certified"
    assert kinds().count("artifact.erase_acknowledged") == 0, "its openings have died"
    assert set(kinds()) == {
        "app.registered",
        "consent.requested",
        "consent.given",
        "consent.withdrawn",
        "erasure.requested",
        "erasure.completed",
    }
    assert not any(is_there(name) for name in (binding.key_name, subject.key_name, subject.custody_name))
    assert is_there(subject.evidence_name), "consent must be provable after the voice is gone"
    subject.refresh_from_db()
    assert (subject.user, subject.evidence_until > timezone.now() + timedelta(days=180)) == (None, True)
    assert Binding.objects.get().reference is None
    assert ConsentRequest.objects.get().reference is None
    assert records_of(user=user) == []

    signed = api.get(f"/api/v1/erasures/{body['id']}/certificate")
    certificate = json.loads(signed.content)["certificate"]
    assert {(each["kind"], each["gone"]) for each in certificate["artifacts"]} == {
        ("upload", "key_destroyed"),
        ("embedding", "never_stored"),
        ("synthesis", "acknowledged"),
    }
    assert [erasure.id for erasure in erasures_of(user=user)] == [uuid.UUID(body["id"])]
    assert "user-1" not in signed.content.decode()


def test_the_portal_erases_everything_and_each_holder_can_be_followed(api, app, user, kept, consent, clip):
    elsewhere = AppFactory(tenant=app.tenant)
    theirs = live(Api(elsewhere), consent(by=elsewhere, ref="other-name", operations=CONSENT), clip)
    (erasure,) = request_erasure.by_subject(user=user, app_id=None, now=timezone.now())
    turn()
    assert [(holder.app, holder.custody, holder.total, holder.gone) for holder in holders_of(erasure)].count(
        (app, "app", 1, 0)
    ) == 1
    acknowledged(api, kept)
    turn()
    assert Erasure.objects.get().state == "awaiting_acks"
    acknowledged(Api(elsewhere), theirs)
    turn()
    turn()
    assert Erasure.objects.get().state == "certified"
    assert all(holder.gone == holder.total for holder in holders_of(erasure))
    assert Subject.objects.get().user is None
    with pytest.raises(NothingToErase):
        request_erasure.by_subject(user=user, app_id=None, now=timezone.now())


def test_an_app_sees_its_own_part_of_an_erasure_of_everything(api, app, user, kept, consent, clip):
    elsewhere = AppFactory(tenant=app.tenant)
    live(Api(elsewhere), consent(by=elsewhere, ref="other-name", operations=CONSENT), clip)
    (erasure,) = request_erasure.by_subject(user=user, app_id=None, now=timezone.now())
    assert erase(api).json()["id"] == str(erasure.id)
    turn()
    seen = api.get(f"/api/v1/erasures/{erasure.id}").json()
    assert sum(holder["total"] for holder in seen["holders"]) == 3
    assert api.get(f"/api/v1/erasures/{erasure.id}/certificate").json()["type"].endswith("erasure-unknown")
    stranger = Api(AppFactory(tenant=app.tenant))
    assert stranger.get(f"/api/v1/erasures/{erasure.id}").json()["type"].endswith("erasure-unknown")


def test_one_app_is_forgotten_and_the_other_goes_on(api, app, user, kept, consent, clip):
    elsewhere = AppFactory(tenant=app.tenant)
    other = consent(by=elsewhere, ref="other-name", operations=CONSENT)
    live(Api(elsewhere), other, clip)
    request_erasure.by_subject(user=user, app_id=app.id, now=timezone.now())
    acknowledged(api, kept)
    turn()
    turn()
    assert Erasure.objects.get().state == "certified"
    subject = Subject.objects.get(user=user)
    assert is_there(subject.custody_name)
    mine = Grant.objects.get(app=app)
    assert mine.subject != subject, "its rows lead to the person no longer"
    assert mine.binding.subject == mine.subject
    assert not Artifact.objects.filter(app=app, subject=subject).exists()
    other.refresh_from_db()
    assert other.state == "given"
    left = records_of(user=user)
    assert {record.app.id for record in left if record.kind.startswith(("artifact.", "session."))} == {elsewhere.id}
    assert Api(elsewhere).post("/api/v1/sessions", {"grant": str(other.id)}).status_code == 201


def test_one_user_of_an_app_and_not_the_other(api, user, kept, consent, clip):
    """One person may be two users of an app."""
    second = consent(ref="user-2", operations=CONSENT)
    live(api, second, clip)
    erase(api)
    acknowledged(api, kept)
    turn()
    turn()
    second.refresh_from_db()
    assert second.state == "given"
    assert is_there(second.binding.key_name)


def test_who_comes_back_begins_anew(api, app, user, kept, consent):
    """While the old erasure still waits for an acknowledgement."""
    erase(api)
    turn()
    again = consent(operations=CONSENT)
    assert again.subject != Grant.objects.exclude(id=again.id).get().subject
    assert api.post("/api/v1/sessions", {"grant": str(again.id)}).status_code == 201
    acknowledged(api, kept)
    turn()
    turn()
    again.refresh_from_db()
    assert again.state == "given"
    assert is_there(again.binding.key_name)
    assert again.binding.reference is not None
    assert again.request.reference is not None
    assert {record.kind for record in records_of(user=user)} >= {"consent.given", "session.opened"}


def test_a_question_that_was_open_can_still_be_answered(api, app, user, kept):
    now = timezone.now()
    waiting = ask(
        app=app, subject_ref="user-1", purpose="voice-cloning", operations=["upload"], term=timedelta(days=1), now=now
    )
    erase(api)
    acknowledged(api, kept)
    turn()
    turn()
    grant = allow(token=waiting.token, user=user, choice="term", locale="en", now=timezone.now())
    assert grant.binding.reference is not None


def test_nobody_known(api, app, kept):
    for ref in ("nobody", "user-2"):
        answer = erase(api, ref)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:consonant:problem:nothing-to-erase")
    assert erase(Api(AppFactory(tenant=app.tenant))).status_code == 404
    assert Erasure.objects.count() == 0
    with pytest.raises(NothingToErase):
        request_erasure.by_subject(user=UserFactory(), app_id=None, now=timezone.now())


def test_posted_with_an_idempotency_key(api, kept):
    headers = api.headers | {"Idempotency-Key": "erase-1"}
    answers = [
        api.client.post("/api/v1/erasures", {"subject_ref": "user-1"}, "application/json", headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert Erasure.objects.count() == 1


def test_an_app_that_does_not_answer(api, user, kept):
    """It escalates, and on the last day the certificate says that nobody confirmed."""
    erase(api)
    turn()
    erasure = Erasure.objects.get()
    turn(erasure.acks_due_at + timedelta(seconds=1))
    erasure.refresh_from_db()
    assert erasure.state == "escalated"
    assert kinds().count("erasure.escalated") == 1
    assert [holder.overdue for holder in holders_of(erasure) if holder.custody == "app"] == [True]
    turn(erasure.acks_due_at + timedelta(days=1))
    assert kinds().count("erasure.escalated") == 1
    last = erasure.due_at + timedelta(seconds=1)
    turn(last)
    turn(last)
    erasure.refresh_from_db()
    assert erasure.state == "certified"
    certificate = json.loads(certify.certificate_of(erasure))["certificate"]
    assert [each["gone"] for each in certificate["artifacts"] if each["custody"] == "app"] == ["unconfirmed"]

    before = Entry.objects.count()
    assert acknowledged(api, kept).status_code == 200, "its word is taken also then"
    seal()
    assert Entry.objects.count() == before + 1
    assert Artifact.objects.get(id=kept).state == "erased"


def test_an_escalated_app_that_answers(api, kept):
    erase(api)
    turn()
    later = Erasure.objects.get().acks_due_at + timedelta(seconds=1)
    turn(later)
    acknowledged(api, kept)
    turn(later)
    turn(later)
    assert Erasure.objects.get().state == "certified"


def test_what_is_told_of_someone_forgotten_is_entered_about_nobody(api, app, kept):
    session = Artifact.objects.get(id=kept).session_id
    erase(api)
    acknowledged(api, kept)
    turn()
    turn()
    made = api.post("/api/v1/embeddings", {"session": str(session), "dimensions": 192})
    assert (made.status_code, made.json()["standing"]) == (201, "unpermitted")
    assert Opening.objects.get(ref=made.json()["entry"]).holder == app.tenant.key_name


def test_what_is_told_while_the_keys_go_is_not_lost(api, app, kept, monkeypatch):
    """Between the keys' destruction and the rows' that name them."""
    session = Artifact.objects.get(id=kept).session_id
    erase(api)
    acknowledged(api, kept)
    sweeping.sweep(clock=timezone.now)
    real, told = certify.forget, []

    def forget(**words):
        told.append(api.post("/api/v1/embeddings", {"session": str(session), "dimensions": 192}))
        return real(**words)

    monkeypatch.setattr(certify, "forget", forget)
    pursue.pursue(clock=timezone.now)
    assert (told[0].status_code, told[0].json()["standing"]) == (201, "unpermitted")
    assert Opening.objects.get(ref=told[0].json()["entry"]).holder == app.tenant.key_name


@pytest.mark.parametrize("name", ["a/b", " blanks ", "%2F", "张三"])
def test_whatever_an_app_calls_its_user(api, app, user, name):
    asked = api.ask(subject_ref=name).json()
    token = asked["url"].rstrip("/").rpartition("/")[2]
    allow(token=token, user=user, choice="term", locale="en", now=timezone.now())
    assert erase(api, quote(name, safe="")).status_code == 202
    assert Grant.objects.get().state == "withdrawn"


def test_our_copy_goes_after_a_week_and_the_evidence_in_its_time(api, user, kept):
    erase(api)
    acknowledged(api, kept)
    turn()
    turn()
    erasure = Erasure.objects.get()
    turn(erasure.certificate_until + timedelta(seconds=1))
    erasure.refresh_from_db()
    assert (erasure.sealed, erasure.user) == (None, None)
    assert not is_there(erasure.key_name)
    with pytest.raises(CertificateGone):
        certify.certificate_of(erasure)
    subject = Subject.objects.get()
    assert is_there(subject.evidence_name)
    turn(subject.evidence_until + timedelta(seconds=1))
    assert not is_there(subject.evidence_name)
    assert not Opening.objects.filter(holder=subject.evidence_name).exists()


def test_what_is_found_again_is_destroyed_again(api, kept):
    erase(api)
    acknowledged(api, kept)
    recording = Artifact.objects.get(custody="vault")
    sweeping.sweep(clock=timezone.now)
    vault.blobs.put(blob=recording.id, data=b"come back", kind=recording.stored_as, now=timezone.now())
    pursue.pursue(clock=timezone.now)
    recording.refresh_from_db()
    assert (Erasure.objects.get().state, recording.state) == ("dispatching", "erasing")
    turn()
    turn()
    assert Erasure.objects.get().state == "certified"
    assert vault.blobs.left(blobs=[recording.id]) == set()


def test_two_erasures_that_end_together_forget_the_person(api, app, user, kept, consent, clip, monkeypatch):
    """The second ends while the first has looked and not yet written: one of them is the last."""
    elsewhere = AppFactory(tenant=app.tenant)
    theirs = live(Api(elsewhere), consent(by=elsewhere, ref="other-name", operations=CONSENT), clip)
    request_erasure.by_subject(user=user, app_id=app.id, now=timezone.now())
    request_erasure.by_subject(user=user, app_id=elsewhere.id, now=timezone.now())
    sweeping.sweep(clock=timezone.now)
    acknowledged(api, kept)
    acknowledged(Api(elsewhere), theirs)
    subject = Subject.objects.get()
    for _ in range(3):
        turn()
    assert set(Erasure.objects.values_list("state", flat=True)) == {"certified"}
    assert not Subject.objects.filter(user=user).exists()
    assert not is_there(subject.custody_name)


@pytest.mark.parametrize("custody", ["app", "none"])
def test_what_is_recorded_while_it_is_verified_does_not_spoil_it(api, kept, monkeypatch, custody):
    session = Artifact.objects.get(id=kept).session_id
    erase(api)
    acknowledged(api, kept)
    sweeping.sweep(clock=timezone.now)
    seal()
    real, told = certify.complete, []

    def complete(**words):
        said = {"session": str(session), "mark": WATERMARK, "custody": custody}
        told.append(api.post("/api/v1/syntheses", said).json())
        real(**words)

    with monkeypatch.context() as patch:
        patch.setattr(certify, "complete", complete)
        pursue.pursue(clock=timezone.now)
    assert told[0]["standing"] == "unpermitted"
    turn()
    turn()
    erasure = Erasure.objects.get()
    assert erasure.state == "certified"
    assert told[0]["id"] not in certify.certificate_of(erasure).decode()


def test_an_app_that_records_late_is_waited_for(api, kept):
    session = Artifact.objects.get(id=kept).session_id
    erase(api)
    acknowledged(api, kept)
    sweeping.sweep(clock=timezone.now)
    Erasure.objects.update(state="verifying")
    late = api.post("/api/v1/syntheses", {"session": str(session), "mark": WATERMARK, "custody": "app"}).json()["id"]
    turn()
    turn()
    assert Erasure.objects.get().state == "awaiting_acks"
    acknowledged(api, late)
    turn()
    turn()
    assert Erasure.objects.get().state == "certified"


def test_a_late_record_with_a_key_is_not_lost_either(api, kept):
    session = Artifact.objects.get(id=kept).session_id
    erase(api)
    acknowledged(api, kept)
    turn()
    turn()
    headers = api.headers | {"Idempotency-Key": "late-1"}
    words = {"session": str(session), "dimensions": 192}
    answers = [
        api.client.post("/api/v1/embeddings", words, "application/json", headers=headers).json() for _ in range(2)
    ]
    assert answers[0]["standing"] == "unpermitted"
    assert answers[0] == answers[1]


def test_asking_again_finds_it_until_the_certificate_goes(api, kept):
    first = erase(api).json()["id"]
    acknowledged(api, kept)
    turn()
    turn()
    assert erase(api).json() | {"state": "certified"} == api.get(f"/api/v1/erasures/{first}").json()
    turn(Erasure.objects.get().certificate_until + timedelta(seconds=1))
    assert erase(api).status_code == 404


def test_a_question_nobody_answered_keeps_no_name(api, kept):
    api.ask(return_url="https://app.test.localhost/", state="user-1-session")
    lapse(now=timezone.now() + timedelta(days=2))
    asked = ConsentRequest.objects.get(state="expired")
    assert (asked.reference, asked.return_url, asked.client_state) == (None, "", "")


def test_nothing_is_late_for_a_person_who_was_erased(api, consent):
    session = api.post("/api/v1/sessions", {"grant": str(consent("once", operations=CONSENT).id)}).json()["id"]
    api.delete(f"/api/v1/sessions/{session}")
    erase(api)
    made = api.post("/api/v1/syntheses", {"session": session, "mark": WATERMARK, "custody": "app"}).json()
    assert made["standing"] == "unpermitted"


STEPS = {
    "before a step": (pursue, "_step"),
    "before a move": (pursue, "_move"),
    "before it is completed": (certify, "complete"),
    "at the entry of completion": (certify, "enter_about"),
    "before the draft is sealed": (certify, "seal"),
    "before the keys are destroyed": (certify, "is_last"),
    "before the openings go": (ledger.reserve, "forget"),
    "before the ties are cut": (certify, "forget"),
    "before the signature": (certify, "_body"),
    "before the certificate is kept": (certify, "certifier_of"),
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step_and_resumed(api, user, kept, monkeypatch, step, after):
    """Nothing is said that is not so, and the next round finishes it."""
    erase(api)
    acknowledged(api, kept)
    sweeping.sweep(clock=timezone.now)
    seal()
    module, name = STEPS[step]
    real, calls = getattr(module, name), []

    def dying(*args, **words):
        if after:
            real(*args, **words)
        calls.append(1)
        raise Killed

    keys = [Binding.objects.get().key_name, Subject.objects.get().custody_name]
    for _ in range(3):  # the signature comes only when the log has been published
        with monkeypatch.context() as patch:
            patch.setattr(module, name, dying)
            try:
                pursue.pursue(clock=timezone.now)
            except Killed:
                break
        seal()
    assert calls, "it was reached"
    erasure = Erasure.objects.get()
    gone = not any(is_there(key) for key in keys)
    assert (erasure.state in {"completed", "certified"}) == ("erasure.completed" in kinds())
    if erasure.keys_destroyed_at:
        assert gone
    if erasure.state == "certified":
        certify.certificate_of(erasure)
    else:
        with pytest.raises(CertificateGone):
            certify.certificate_of(erasure)
    for _ in range(3):
        turn()
    erasure.refresh_from_db()
    assert erasure.state == "certified"
    assert kinds().count("erasure.completed") == 1
    assert not any(is_there(key) for key in keys)
    assert Subject.objects.get().user is None


@pytest.mark.parametrize(("module", "name"), [(decide_erasure, "release"), (request_erasure, "enter")])
def test_a_request_killed_before_its_commit_leaves_nothing(api, user, kept, monkeypatch, module, name):
    before = kinds()
    real = getattr(module, name)

    def dying(*args, **words):
        real(*args, **words)
        raise Killed

    monkeypatch.setattr(module, name, dying)
    with pytest.raises(Killed):
        request_erasure.by_subject(user=user, app_id=None, now=timezone.now())
    assert kinds() == before
    assert (Grant.objects.get().state, Erasure.objects.count()) == ("given", 0)
    assert Binding.objects.get().closed_at is None


def test_an_acknowledgement_killed_before_its_commit_leaves_nothing(api, kept, monkeypatch):
    erase(api)
    turn()

    def dying(**_words):
        raise Killed

    monkeypatch.setattr(acknowledging, "enter_for_grant", dying)
    with pytest.raises(Killed):
        acknowledged(api, kept)
    assert Artifact.objects.get(id=kept).state == "erasing"


def test_what_the_app_does_not_hold_it_cannot_acknowledge(api, app, kept):
    recording = Artifact.objects.get(custody="vault")
    assert acknowledged(api, recording.id).json()["type"].endswith("not-held-by-app")
    assert acknowledged(Api(AppFactory(tenant=app.tenant)), kept).status_code == 404
    future = {"outcome": "deleted", "deleted_at": (timezone.now() + timedelta(days=1)).isoformat()}
    assert api.post(f"/api/v1/artifacts/{kept}/erasure-acks", future).status_code == 422
    assert set(Artifact.objects.exclude(state="active")) == set()
