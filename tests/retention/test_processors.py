"""Third parties to which an app passes things on: the basis of each, and that what they got goes with the rest."""

import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from consent.queries import records_of
from consent.withdraw import withdraw
from keyring.keys import store
from retention import ask_processors as asking
from retention import probe
from retention.ask_processors import ask_processors, by_letter
from retention.attest import attest
from retention.errors import ProcessorRefused
from retention.models import Artifact, Disclosure, Erasure, Probe, Processor
from retention.queries import recipients_known, recipients_of
from retention.register_processor import Words, end_processor, register_processor, set_probe
from tests.conftest import Api, kinds
from tests.factories import AppFactory
from tests.retention.test_erasure import CONSENT, acknowledged, erase, live, turn
from tests.retention.test_erasure_requests import verified

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)


class Receiver:
    """A processor's server: keeps what came, and answers everything with one status."""

    def __init__(self):
        self.got, self.answer = [], 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(SimpleNamespace(headers=self.headers, body=body.decode()))
                self._answer()

            def do_GET(self):
                self._answer()

            def _answer(self):
                self.send_response(receiver.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def words(**more):
    said = {
        "name": "Far Away Speech",
        "service": "Speech recognition",
        "country": "US",
        "contact": "privacy@asr.test.localhost",
        "agreement": "DPA 2026-7",
        "keeps_for": timedelta(days=30),
    }
    return Words(**{**said, **more})


def registered(app, **more):
    return register_processor(app=app, words=words(**more), officer="7", now=timezone.now())


@pytest.fixture
def grant(consent):
    return consent(operations=CONSENT)


@pytest.fixture
def kept(api, grant, clip):
    return live(api, grant, clip)


def passed_on(api, artifact, processor, basis="consent", **more):
    said = {"processor": str(processor.id), "basis": basis, **more}
    return api.post(f"/api/v1/artifacts/{artifact}/disclosures", said)


def attested(client, row, secret, *, at=None, message=None, **said):
    body, at, message = json.dumps(said), at or datetime.now(UTC), message or f"{row}.1"
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, body),
    }
    return client.post(
        f"/api/v1/disclosures/{row}/attestations", body, content_type="application/json", headers=headers
    )


def test_b4_each_passing_on_has_one_of_four_bases(api, app, grant, kept):
    """740 ILCS 14/15(d)."""
    one = registered(app).processor
    for basis, reference, status in (
        ("marketing", None, 422),
        ("transaction", None, 403),
        ("law", None, 403),
        ("warrant", None, 403),
        ("consent", None, 201),
    ):
        said = {"reference": reference} if reference else {}
        assert passed_on(api, kept, one, basis, **said).status_code == status, basis
    assert [row.basis for row in Disclosure.objects.all()] == ["consent"]
    assert kinds().count("disclosure.made") == 1
    assert passed_on(api, kept, one).json()["id"] == str(Disclosure.objects.get().id), "twice is one row"
    others = [registered(app, name=f"No. {n}").processor for n in range(3)]
    for basis, processor in zip(("transaction", "law", "warrant"), others, strict=True):
        assert passed_on(api, kept, processor, basis, reference="Ref 12").status_code == 201
    assert set(Disclosure.objects.values_list("basis", flat=True)) == {"consent", "transaction", "law", "warrant"}


def test_without_consent_nothing_is_passed_on(api, app, user, grant, kept):
    one = registered(app).processor
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    refused = passed_on(api, kept, one)
    assert (refused.status_code, refused.json()["type"]) in {
        (403, "urn:consonant:problem:use-refused"),
        (410, "urn:consonant:problem:artifact-gone"),
    }
    assert not Disclosure.objects.exists()


def test_what_people_are_recognised_by_is_not_shared(api, app, kept):
    one = registered(app).processor
    Artifact.objects.filter(id=kept).update(level="C3")
    assert passed_on(api, kept, one).json()["reason"] == "not_shared"
    assert passed_on(api, kept, one, "warrant", reference="7 Gs 3/26").status_code == 201


def test_one_that_has_ended_or_is_anothers_gets_nothing(api, app, kept):
    one = registered(app).processor
    end_processor(processor_id=one.id, officer="7", now=timezone.now())
    assert passed_on(api, kept, one).json()["reason"] == "processor_ended"
    elsewhere = registered(AppFactory(tenant=app.tenant)).processor
    assert passed_on(api, kept, elsewhere).json()["type"].endswith("processor-unknown")
    assert Api(AppFactory(tenant=app.tenant)).get(f"/api/v1/artifacts/{kept}/disclosures").status_code == 404
    assert [each["name"] for each in api.get("/api/v1/processors").json()] == ["Far Away Speech"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "ftp://asr.test.localhost/"},
        {"probe_url": "https://asr.test.localhost/x"},
        {"probe_url": "https://asr.test.localhost/{disclosure}/{artifact}"},
        {"keeps_for": timedelta(days=-1)},
    ],
)
def test_what_cannot_be_registered(app, wrong):
    with pytest.raises(ProcessorRefused):
        registered(app, **wrong)
    assert not Processor.objects.exists()


def test_a_name_is_taken_once(app):
    registered(app)
    with pytest.raises(ProcessorRefused):
        registered(app)


def test_s2_2_a_recogniser_that_keeps_things_for_weeks_is_asked_and_attests(
    api, app, user, tenant, kept, receiver, client
):
    """The bank assistant's outside ASR."""
    one = registered(app, endpoint=receiver.url)
    row = passed_on(api, kept, one.processor).json()["id"]
    erase(api)
    turn()
    acknowledged(api, kept)
    turn()
    assert Erasure.objects.get().state == "dispatching", "the recogniser has not been asked yet"
    assert ask_processors(clock=timezone.now) == 1
    [(headers, body)] = [(each.headers, each.body) for each in receiver.got]
    Webhook(one.secret).verify(body, dict(headers))
    said = json.loads(body)
    assert (said["type"], said["data"]["disclosure"]) == ("disclosure.erase_requested", row)
    turn()
    assert Erasure.objects.get().state == "awaiting_acks", "without its word nothing is said to be gone"
    assert ask_processors(clock=timezone.now) == 0

    gone = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
    assert attested(client, row, "whsec_" + "A" * 43 + "=", **gone).json()["type"].endswith("acknowledgement-unsigned")
    old = timezone.now() - timedelta(minutes=6)
    assert attested(client, row, one.secret, at=old, **gone).status_code == 403
    assert attested(client, row, one.secret, message=str(one.processor.id), **gone).status_code == 403, "of another"
    assert attested(client, row, one.secret, outcome="in_progress").json()["state"] == "in_progress"
    assert attested(client, row, one.secret, outcome="deleted").status_code == 422
    assert attested(client, row, one.secret, **gone).json()["state"] == "done_signed"
    assert attested(client, row, one.secret, outcome="refused", reason="law").json()["state"] == "done_signed"
    assert kinds().count("disclosure.attested") == 1
    turn()
    turn()
    body, found = verified(Erasure.objects.get(), tenant)
    [recipient] = body["recipients"]
    assert (recipient["name"], recipient["outcome"], recipient["basis"]) == ("Far Away Speech", "deleted", "consent")
    assert "recipient.unconfirmed" not in found


def test_g9_every_recipient_is_told_and_the_person_sees_who_they_are(api, app, user, grant, kept, receiver):
    """GDPR 19: also when it expires, without any erasure."""
    names = ["Far Away Speech", "Near By Speech"]
    for name in names:
        passed_on(api, kept, registered(app, name=name, endpoint=receiver.url).processor)
    assert [row.processor.name for row in recipients_known(user=user)] == names[::-1]
    assert [record.kind for record in records_of(user=user)].count("disclosure.made") == 2
    turn(Artifact.objects.get(id=kept).expires_at + timedelta(seconds=1))
    assert ask_processors(clock=timezone.now) == 2
    assert kinds().count("disclosure.erase_requested") == 2
    told = {json.loads(each.body)["data"]["artifact"] for each in receiver.got}
    assert told == {kept}


def test_one_that_refuses_or_never_answers_is_told_so(api, app, user, tenant, kept, receiver, client):
    refusing = registered(app, name="Refusing", endpoint=receiver.url)
    row = passed_on(api, kept, refusing.processor).json()["id"]
    passed_on(api, kept, registered(app, name="Silent", endpoint=receiver.url).processor)
    erase(api)
    turn()
    acknowledged(api, kept)
    ask_processors(clock=timezone.now)
    assert attested(client, row, refusing.secret, outcome="refused", reason="law").status_code == 200
    erasure = Erasure.objects.get()
    later = timezone.now() + timedelta(days=31)
    turn(later)
    states = dict(Disclosure.objects.values_list("processor__name", "state"))
    assert states == {"Refusing": "refused_signed", "Silent": "timed_out"}
    assert [each.overdue for each in recipients_of(erasure)] == [False, True]
    for _ in range(3):
        turn(later)
    erasure.refresh_from_db()
    body, found = verified(erasure, tenant)
    assert {(each["name"], each["outcome"]) for each in body["recipients"]} == {
        ("Refusing", "refused"),
        ("Silent", "unconfirmed"),
    }
    assert {"recipient.unconfirmed", "recipient.refused"} <= found


def test_one_without_an_address_is_asked_by_letter(api, app, user, kept):
    row = passed_on(api, kept, registered(app).processor).json()["id"]
    assert ask_processors(clock=timezone.now) == 0
    erase(api)
    turn()
    assert ask_processors(clock=timezone.now) == 0
    assert by_letter(disclosure_id=row, officer="7", now=timezone.now())
    attest(disclosure_id=row, outcome="not_found", deleted_at=None, actor="officer:7", now=timezone.now())
    acknowledged(api, kept)
    turn()
    turn()
    assert Erasure.objects.get().state == "certified"


def test_one_that_fails_is_tried_again_under_the_same_id(api, app, kept, receiver):
    passed_on(api, kept, registered(app, endpoint=receiver.url).processor)
    erase(api)
    turn()
    receiver.answer = 500
    now = timezone.now()
    assert ask_processors(clock=lambda: now) == 0
    assert ask_processors(clock=lambda: now) == 0, "it waits"
    assert len(receiver.got) == 1
    receiver.answer = 200
    assert ask_processors(clock=lambda: now + timedelta(minutes=1)) == 1
    ids = {each.headers["webhook-id"] for each in receiver.got}
    assert len(ids) == 1


def test_what_is_passed_on_again_after_its_word_is_asked_for_again(api, app, user, tenant, kept, receiver, client):
    """Its word was about what it had then: the certificate may not show it as deleted."""
    one = registered(app, endpoint=receiver.url)
    row = passed_on(api, kept, one.processor).json()["id"]
    assert attested(client, row, one.secret, outcome="refused", reason="law").json()["state"] == "queued", "unasked"
    gone = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
    assert attested(client, row, one.secret, **gone).json()["state"] == "done_signed"
    again = passed_on(api, kept, one.processor, basis="law", reference="Art. 7").json()
    assert (again["id"], again["state"], again["answered_at"], again["basis"]) == (row, "queued", None, "law")
    assert passed_on(api, kept, one.processor).json()["basis"] == "law", "it has not answered since"
    assert kinds().count("disclosure.made") == 2
    erase(api)
    turn()
    acknowledged(api, kept)
    assert ask_processors(clock=timezone.now) == 1
    late = Erasure.objects.get().due_at + timedelta(seconds=1)
    for _ in range(3):
        turn(late)
    body, found = verified(Erasure.objects.get(), tenant)
    assert [(each["outcome"], each["basis"]) for each in body["recipients"]] == [("unconfirmed", "law")]
    assert "recipient.unconfirmed" in found


def test_who_does_not_answer_in_time_is_asked_once_more(api, app, kept, receiver):
    passed_on(api, kept, registered(app, endpoint=receiver.url).processor)
    erase(api)
    turn()
    ask_processors(clock=timezone.now)
    later = timezone.now() + timedelta(days=30, hours=1)
    assert asking.overdue(now=later) == 1
    for _ in range(2):
        ask_processors(clock=lambda: later)
    assert len({each.headers["webhook-id"] for each in receiver.got}) == len(receiver.got) == 2
    row = Disclosure.objects.get()
    assert (row.state, kinds().count("disclosure.erase_requested")) == ("timed_out", 2)
    assert asking.overdue(now=later + timedelta(days=60)) == 0


def test_a_word_that_comes_while_it_is_being_asked_is_kept(api, app, kept, receiver, client):
    one = registered(app, endpoint=receiver.url)
    row = passed_on(api, kept, one.processor).json()["id"]
    erase(api)
    turn()
    claimed = asking._claim(uuid.UUID(row), now=timezone.now())
    attested(client, row, one.secret, outcome="in_progress")
    asking._settle(claimed, True, now=timezone.now())
    found = Disclosure.objects.get()
    assert (found.state, found.asked_at is not None) == ("in_progress", True)


# --- looks ----------------------------------------------------------------------------------------------------------


def test_a_look_that_finds_it_there_begins_again(api, app, user, tenant, kept, receiver):
    """Who said that it is gone is asked by GET, and has to say so too."""
    set_probe(app=app, url=f"{receiver.url}/things/{{artifact}}")
    erase(api)
    turn()
    acknowledged(api, kept)
    turn()
    assert Erasure.objects.get().state == "verifying", "nobody has looked yet"
    receiver.answer = 200
    assert probe.look(clock=timezone.now) == 1
    assert Artifact.objects.get(id=kept).state == "erasing"
    turn()
    assert Erasure.objects.get().state in {"dispatching", "awaiting_acks"}
    acknowledged(api, kept)
    turn()
    receiver.answer = 404
    probe.look(clock=timezone.now)
    turn()
    turn()
    body, _ = verified(Erasure.objects.get(), tenant)
    assert [each["gone"] for each in body["artifacts"] if each["custody"] == "app"] == ["acknowledged"]
    assert Probe.objects.get().answer == "gone"


def test_who_does_not_answer_a_look_is_believed_after_three(api, app, kept, receiver):
    set_probe(app=app, url=f"{receiver.url}/things/{{artifact}}")
    erase(api)
    turn()
    acknowledged(api, kept)
    turn()
    receiver.answer = 503
    now = timezone.now()
    for step in range(4):
        probe.look(clock=lambda at=now + step * probe.BETWEEN: at)
    assert (Probe.objects.get().answer, Probe.objects.get().tries) == ("silent", 3)
    turn()
    turn()
    assert Erasure.objects.get().state == "certified"


def test_two_who_look_at_once_look_once(api, app, kept, receiver):
    set_probe(app=app, url=f"{receiver.url}/things/{{artifact}}")
    erase(api)
    turn()
    acknowledged(api, kept)
    turn()
    now = timezone.now()
    [each] = probe._looks(Erasure.objects.get(), now=now)
    assert probe._claim(each, now=now)
    assert probe.look(clock=lambda: now) == 0, "somebody is at it"
    receiver.answer = 503
    assert probe.look(clock=lambda: now + probe.BETWEEN) == 1, "a look that died is taken again"
    assert Probe.objects.get().tries == 1


def test_one_look_that_fails_keeps_no_other_waiting(api, app, consent, clip, kept, receiver, monkeypatch):
    set_probe(app=app, url=f"{receiver.url}/things/{{artifact}}")
    more = live(api, consent(operations=CONSENT), clip)
    erase(api)
    turn()
    for each in (kept, more):
        acknowledged(api, each)
    turn()
    real = probe._get
    receiver.answer = 404

    def broken(client, each, **words):
        if str(each.artifact) == min(kept, more):
            raise RuntimeError
        return real(client, each, **words)

    monkeypatch.setattr(probe, "_get", broken)
    assert probe.look(clock=timezone.now) == 1
    assert Probe.objects.get(answer="gone").artifact_id == uuid.UUID(max(kept, more))


def test_a_processor_that_lied_is_asked_again(api, app, kept, receiver, client):
    one = registered(app, endpoint=receiver.url, probe_url=f"{receiver.url}/look/{{disclosure}}")
    row = passed_on(api, kept, one.processor).json()["id"]
    erase(api)
    turn()
    acknowledged(api, kept)
    ask_processors(clock=timezone.now)
    gone = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
    attested(client, row, one.secret, **gone)
    turn()
    assert Erasure.objects.get().state == "verifying"
    probe.look(clock=timezone.now)
    turn()
    assert Disclosure.objects.get().state == "queued"
    ask_processors(clock=timezone.now)
    attested(client, row, one.secret, **gone)
    turn()
    receiver.answer = 410
    probe.look(clock=timezone.now)
    turn()
    turn()
    assert Erasure.objects.get().state == "certified"
    assert store().has(one.processor.key_name)
