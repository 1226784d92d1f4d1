"""Receipts as the service issues them, to the app and to the person, over a consent's whole life."""

import json
import re
from datetime import timedelta

import jsonschema
import pytest
from django.utils import timezone

from consent import receipt, verify_receipt
from consent.allow import allow
from consent.ask import ask
from consent.consent_record import tell
from consent.issue_receipt import issue_receipt
from consent.models import Grant
from consent.pause import pause, resume
from consent.withdraw import withdraw
from ledger.models import Log
from ledger.note import Verifier
from ledger.signing import published_certifier
from retention.phrase import NONCE_WORDS
from tests import vectors
from tests.conftest import Api
from tests.factories import AppFactory, UserFactory
from tests.retention import test_speak as speaking
from tests.retention.test_erasure import erase, seal

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(tenant):
    """The published keys of the log and of its certificates."""
    return [Verifier.from_vkey(Log.objects.get(origin=tenant.origin).vkey), published_certifier(tenant.origin)]


def findings(data, keys):
    return [(each.level, each.what) for each in verify_receipt.verify(data, keys)]


def states(data):
    return [each["vl:state"] for each in receipt.parse(data)[0]["dpv:hasRecordOfActivity"][0]["dpv:hasConsentStatus"]]


def take(api, grant):
    return api.get(f"/api/v1/grants/{grant.id}/receipt")


def test_the_whole_life_of_a_consent(api, user, consent, keys):
    grant = consent(operations=("upload", "embed"))
    for act in (pause, resume, pause, resume, withdraw):
        act(grant_id=grant.id, user=user, now=timezone.now())
    seal()
    answer = take(api, grant)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/ld+json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert findings(answer.content, keys) == [("ok", "receipt.verified")]
    assert states(answer.content) == ["requested", "given", "paused", "given", "paused", "given", "withdrawn"]
    jsonschema.validate(json.loads(answer.content), vectors.load("consent/spec/receipt.schema.json"))


def test_before_it_is_sealed_it_is_the_issuers_word_and_afterwards_the_logs(api, consent, keys):
    grant = consent()
    assert findings(take(api, grant).content, keys) == [("warning", "entry.not_shown"), ("ok", "receipt.signed")]
    seal()
    assert findings(take(api, grant).content, keys) == [("ok", "receipt.verified")]


def test_a_request_that_was_entered_about_nobody_is_shown_too(api, user, consent, keys):
    """The first consent binds the person: its request stands under the tenant's key. The second one's stands under theirs."""
    first = consent()
    withdraw(grant_id=first.id, user=user, now=timezone.now())
    grant = consent()
    seal()
    for each, count in ((first, 3), (grant, 2)):
        data = take(api, each).content
        assert findings(data, keys) == [("ok", "receipt.verified")]
        assert len(receipt.parse(data)[0]["vl:entries"]) == count
    record = receipt.parse(take(api, grant).content)[0]["dpv:hasRecordOfActivity"][0]
    assert record["dct:replaces"] == f"urn:uuid:{first.id}"


def person(data):
    return receipt.parse(data)[0]["dpv:hasRecordOfActivity"][0]["dpv:hasDataSubject"]["@id"]


def test_nobody_is_named_in_it(api, app, user, consent):
    grant = consent(ref="user-of-the-app-17")
    data = take(api, grant).content
    for word in (user.email, "user-of-the-app-17", str(user.id), str(grant.subject_id)):
        assert word not in data.decode()
    assert person(data) == person(take(api, consent(ref="user-of-the-app-17")).content)


def test_two_apps_cannot_join_their_users_by_receipts(api, app, tenant, user, consent):
    """Not even two of one organisation: all ids that both receipts hold are the organisation's."""
    other = AppFactory(tenant=tenant)
    one, two = (take(Api(each), consent(by=each)).content for each in (app, other))
    assert person(one) != person(two)
    ids = [set(re.findall(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", data)) for data in (one, two)]
    assert ids[0] & ids[1] == {str(tenant.id).encode()}


def test_what_is_not_this_apps_or_this_persons(api, tenant, user, consent, client):
    grant = consent()
    assert take(Api(AppFactory(tenant=tenant)), grant).status_code == 404
    assert take(Api(grant.app, scope="record"), grant).status_code == 403
    address = f"/apps/papers/{grant.id}/receipt"
    assert client.get(address).status_code == 302
    client.force_login(UserFactory())
    assert client.get(address).status_code == 404
    client.force_login(user)
    answer = client.get(address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/ld+json")
    assert "no-store" in answer.headers["Cache-Control"]
    assert f"receipt-{grant.id}.jsonld" in answer.headers["Content-Disposition"]


def test_after_an_erasure_the_app_has_no_more_of_it(api, consent):
    grant = consent()
    assert take(api, grant).status_code == 200
    erase(api)
    answer = take(api, grant)
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:consonant:problem:receipt-restricted")


def test_an_allow_once_consent_and_its_end(api, app, user, keys):
    now = timezone.now()
    asked = ask(
        app=app, subject_ref="u", purpose="voice-cloning", operations=["upload"], term=timedelta(days=1), now=now
    )
    grant = allow(token=asked.token, user=user, choice="once", locale="zh-hans", now=now)
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    api.delete(f"/api/v1/sessions/{session}")
    seal()
    data = take(api, grant).content
    assert findings(data, keys) == [("ok", "receipt.verified")]
    record = receipt.parse(data)[0]["dpv:hasRecordOfActivity"][0]
    assert (record["vl:state"], record["vl:currentStatus"], record["vl:usesLeft"]) == (
        "exhausted",
        ["dpv:ConsentExpired"],
        0,
    )
    assert record["dct:language"] == ["zh-hans"]
    durations = [each["@type"] for each in record["dpv:hasConsentStatus"][1]["dpv:hasDuration"]]
    assert durations == ["dpv:UntilTimeDuration", "dpv:FixedOccurrencesDuration"]


def test_the_record_names_the_notice_that_was_read_and_who_answers_for_it(consent, tenant):
    tenant.address, tenant.contact, tenant.country = "1 Example Street", "dpo@acme.example", "CN"
    tenant.save()
    grant = Grant.objects.get(id=consent().id)
    record = receipt.parse(issue_receipt(grant=grant, now=timezone.now()))[0]["dpv:hasRecordOfActivity"][0]
    assert record["dpv:hasNotice"][0]["vl:noticeSha256"] == grant.notice.shown()["sha256"]
    (controller,) = record["dpv:hasEntity"]
    assert controller["schema:contactPoint"][0]["schema:streetAddress"] == "1 Example Street"
    assert controller["schema:contactPoint"][1]["schema:email"] == "dpo@acme.example"
    assert record["dpv:hasProcess"][0]["dpv:hasJurisdiction"] == ["loc:CN"]


def test_what_others_of_the_same_person_hold_is_not_unsealed(api, user, consent, monkeypatch):
    """A receipt takes as long as its own consent's story, not as all that the person ever allowed."""
    from consent import consent_record

    old = consent(at=timezone.now() - timedelta(days=90))
    withdraw(grant_id=old.id, user=user, now=timezone.now() - timedelta(days=80))
    for days in range(70, 40, -1):
        other = consent(at=timezone.now() - timedelta(days=days), ref="user-2")
        withdraw(grant_id=other.id, user=user, now=timezone.now() - timedelta(days=days, hours=-1))
    seen = []
    unseal = consent_record.unseal
    monkeypatch.setattr(consent_record, "unseal", lambda *said, **more: seen.append(1) or unseal(*said, **more))
    assert states(take(api, old).content) == ["requested", "given", "withdrawn"]
    assert len(seen) == 3


def test_what_was_said_aloud_stands_beside_the_yes_with_its_nonce(api, consent, keys):
    grant = consent()
    asked_ = speaking.ask(api, grant).json()
    assert speaking.say(api, grant, asked_["id"]).status_code == 201
    seal()
    data = take(api, grant).content
    assert findings(data, keys) == [("ok", "receipt.verified")]
    given = receipt.parse(data)[0]["dpv:hasRecordOfActivity"][0]["dpv:hasConsentStatus"][1]
    assert given["vl:statementText"] == asked_["phrase"]
    words = given["vl:statementNonce"].split()
    assert asked_["phrase"].endswith(f"{', '.join(words)}.")
    assert len(words) == NONCE_WORDS
    assert given["vl:speakerMatch"]["threshold"] == str(speaking.SPEAKER["threshold"])
    jsonschema.validate(json.loads(data), vectors.load("consent/spec/receipt.schema.json"))


def test_each_receipt_is_one_of_its_own(api, consent):
    grant = consent()
    first, second = (receipt.parse(take(api, grant).content)[0] for _ in range(2))
    assert first["dpv:hasIdentifier"] != second["dpv:hasIdentifier"]
    assert tell(Grant.objects.get(id=grant.id)).facts.grant == grant.id
