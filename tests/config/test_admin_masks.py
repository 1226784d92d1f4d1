"""What identifies a person is masked until it is asked for with a purpose, and the look is an entry; and what officers decide there."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from consent.capacity import Relationship
from consent.delegate import Address, Child, request_delegation
from consent.delegate_decide import approve
from consent.models import Delegation, Grant, Subject
from consent.queries import records_of
from consent.withdraw import withdraw
from keyring.keys import store
from keyring.seal import unseal
from ledger.models import Opening
from retention import request_erasure
from retention.pursue import pursue
from tests.conftest import kinds
from tests.factories import OfficerFactory, UserFactory, sign_in
from tests.portal.test_pages import text_of

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 a document that names somebody"
WHY = {"reason": "authority", "words": "The authority asks for case 12."}
LABEL = "Little Bear"


@pytest.fixture
def officer(client):
    person = OfficerFactory()
    sign_in(client, person)
    return person


@pytest.fixture
def auditor(client):
    """May see rows, and change none."""
    person = OfficerFactory(is_superuser=False)
    person.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    sign_in(client, person)
    return person


@pytest.fixture
def someone(consent):
    """A person who can be told from others by all that is masked."""
    person = UserFactory(email="Known.By.Name@test.localhost", residence="US-IL")
    consent(who=person)
    User.objects.filter(id=person.id).update(born_on="2011-07-19")
    return person


def page(what, row, act="change"):
    return reverse(f"admin:{what}_{act}", args=[row])


def looks():
    """Every look that was entered, opened, without those of each page."""
    entered = Opening.objects.filter(kind="access.viewed").order_by("at")
    said = [
        json.loads(
            json.loads(unseal(store().get(each.holder), bytes(each.sealed), context=each.ref.bytes))["payload"][1]
        )
        for each in entered
    ]
    return [each for each in said if "fields" in each]


def asked(now, **changes):
    words = {
        "delegate": User.objects.filter(email="delegate@test.localhost").first()
        or UserFactory(email="delegate@test.localhost"),
        "relationship": Relationship.GUARDIAN,
        "whom": Child(now.date().replace(year=now.date().year - 9, month=7, day=19)),
        "label": LABEL,
        "document": PDF,
        "now": now,
    }
    return request_delegation(**(words | changes))


def test_p12_no_list_and_no_page_says_who_a_person_is(client, officer, someone, now):
    """GB/T 45574-2025, 6.1."""
    delegation = asked(now, whom=Address(someone.email), relationship=Relationship.ATTORNEY)
    approve(delegation_id=delegation.id, officer=OfficerFactory(), now=now)
    grant, subject = Grant.objects.get(), Subject.objects.get()
    paths = ["/admin/", *(reverse(f"admin:{name}_changelist") for name in ROOMS)]
    paths += [page("accounts_user", someone.id), page("consent_subject", subject.id), page("consent_grant", grant.id)]
    paths += [page("consent_delegation", delegation.id)]
    for path in paths:
        text = client.get(path).content.decode()
        assert not [said for said in (someone.email, "2011-07-19", "US-IL", LABEL, "delegate@test") if said in text], (
            path
        )
    for path in (page("consent_subject", subject.id), page("consent_grant", grant.id)):
        assert str(someone.id) not in client.get(path).content.decode()
    assert str(subject.id) not in client.get(page("accounts_user", someone.id)).content.decode()
    assert client.get(page("accounts_user", someone.id, "history")).status_code == 404
    assert looks() == []


ROOMS = ("accounts_user", "consent_subject", "consent_grant", "consent_delegation", "consent_consentrequest")


def test_p12_a_look_takes_a_purpose_is_entered_and_is_shown_once(client, officer, someone):
    where = page("accounts_user", someone.id)
    answer = client.post(page("accounts_user", someone.id, "reveal"), WHY | {"fields": ["email", "born_on"]})
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    text = answer.content.decode()
    assert someone.email in text
    assert "2011-07-19" in text
    assert "US-IL" not in text
    assert someone.email not in client.get(where).content.decode()
    said = {"officer": str(officer.id), "what": "user", "fields": ["born_on", "email"], "why": WHY}
    assert looks() == [said]
    (record,) = [record for record in records_of(user=someone) if record.kind == "access.viewed"]
    assert (record.payload, record.actor) == (said, f"officer:{officer.id}")


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": []},
        {"fields": ["password"]},
        {"reason": ""},
        {"reason": "curiosity"},
        {"words": "why not"},
        {"words": ""},
        {"words": "x" * 201},
        {"words": "She is known.by.name@test.localhost"},
        {"words": "Call +49 151 23456789 about it"},
    ],
)
def test_without_a_purpose_nothing_is_shown_and_nothing_entered(client, officer, someone, changes):
    answer = client.post(page("accounts_user", someone.id, "reveal"), WHY | {"fields": ["email"]} | changes)
    assert answer.status_code == 422
    assert someone.email not in answer.content.decode()
    assert looks() == []


def test_who_may_only_read_sees_masks_alone(client, auditor, someone, now):
    delegation = asked(now)
    grant, subject = Grant.objects.get(), Subject.objects.get()
    for name, row in (
        ("accounts_user", someone.id),
        ("consent_subject", subject.id),
        ("consent_delegation", delegation.id),
    ):
        shown = client.get(page(name, row))
        assert shown.status_code == 200
        assert "masked" in text_of(shown)
        assert "Show it once" not in text_of(shown)
        assert client.post(page(name, row, "reveal"), WHY | {"fields": ["email"]}).status_code == 403
    for act in ("document", "approve", "refuse", "end"):
        assert client.post(page("consent_delegation", delegation.id, act), WHY).status_code == 403
    assert client.post(page("consent_grant", grant.id, "end"), {"reason": "fraud"}).status_code == 403
    assert client.get(reverse("admin:accounts_user_find")).status_code == 403
    grant.refresh_from_db()
    assert grant.state == "given"
    assert looks() == []


def test_no_look_without_a_button(client, officer, someone):
    path = page("accounts_user", someone.id, "reveal")
    assert client.get(path, WHY | {"fields": ["email"]}).status_code == 403
    client.logout()
    assert client.post(path, WHY | {"fields": ["email"]}).status_code == 302
    assert looks() == []


def test_a_look_that_cannot_be_entered_shows_nothing(client, officer, someone, monkeypatch):
    def broken(**_):
        raise RuntimeError

    monkeypatch.setattr("config.adminpeople.look.enter_for_person", broken)
    with pytest.raises(RuntimeError):
        client.post(page("accounts_user", someone.id, "reveal"), WHY | {"fields": ["email"]})


def test_whose_a_subject_is_and_of_one_who_was_forgotten_nothing(client, officer, someone, now):
    subject = Subject.objects.get()
    fields = {"fields": ["user", "email"]}
    text = client.post(page("consent_subject", subject.id, "reveal"), WHY | fields).content.decode()
    assert str(someone.id) in text
    assert someone.email in text
    assert [(each["what"], each["id"]) for each in looks()] == [("subject", str(subject.id))]
    request_erasure.by_subject(user=someone, app_id=None, now=now)
    for _ in range(2):
        pursue(clock=timezone.now)
    text = client.post(page("consent_subject", subject.id, "reveal"), WHY | fields).content.decode()
    assert someone.email not in text


def test_finding_somebody_by_address_is_a_look(client, officer, someone):
    path = reverse("admin:accounts_user_find")
    assert client.get(path).status_code == 200
    assert "Nobody has this address" in text_of(client.post(path, WHY | {"email": "x@test.localhost"}))
    assert client.post(path, {"email": someone.email}).status_code == 200
    assert looks() == []
    found = client.post(path, WHY | {"email": someone.email.upper()})
    assert found.headers["Location"] == page("accounts_user", someone.id)
    assert [each["fields"] for each in looks()] == [["email"]]
    for nothing in (" ", "x\0@test.localhost", "nobody"):
        assert "Nobody has this address" not in text_of(client.post(path, WHY | {"email": nothing}))
    assert len(looks()) == 1


def test_g1_who_had_consented_to_what_at_an_instant(client, officer, someone, now):
    """GDPR 7(1): who, to which notice's bytes, on which screen, in which language, how and when."""
    grant, subject = Grant.objects.get(), Subject.objects.get()
    path = page("consent_subject", subject.id)
    later = timezone.now()
    withdraw(grant_id=grant.id, user=someone, now=later)

    def at(moment):
        return text_of(client.get(path, {"at": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")}))

    stood = at(later - (later - grant.valid_from) / 2)
    assert "given" in stood
    assert grant.notice.shown()["sha256"] in stood
    assert "subject · portal" in stood
    assert "withdrawn" in at(later)
    assert "None." in at(grant.valid_from.replace(year=2020))
    assert "That is no instant." in text_of(client.get(path, {"at": "yesterday"}))
    assert "That is no instant." in text_of(client.get(path, {"at": "2026-13-45T00:00:00"}))


@pytest.mark.parametrize(
    ("reason", "state"), [("controller", "revoked"), ("wrong_speaker", "invalidated"), ("minor_found", "invalidated")]
)
def test_an_officer_ends_a_grant_for_a_reason(client, officer, consent, user, reason, state):
    grant = consent()
    path = page("consent_grant", grant.id, "end")
    assert "Choose a reason." in text_of(client.post(path, {"reason": "mood"}, follow=True))
    assert "Ended." in text_of(client.post(path, {"reason": reason}, follow=True))
    grant.refresh_from_db()
    assert (grant.state, grant.end_reason) == (state, reason)
    assert f"consent.{state}" in kinds()
    client.post(path, {"reason": "controller"})
    grant.refresh_from_db()
    assert (grant.state, grant.end_reason) == (state, reason)
    assert client.get(path).status_code == 403


def test_the_document_is_opened_with_a_purpose_as_a_file(client, officer, now):
    delegation = asked(now)
    path = page("consent_delegation", delegation.id, "document")
    for words in ({}, {"document-reason": "delegation", "document-words": "short"}, WHY):
        refused = client.post(path, words)
        assert refused.status_code == 422
        assert PDF not in refused.content
    assert looks() == []
    opened = client.post(path, {"document-reason": "delegation", "document-words": "To decide on the guardian."})
    assert opened.content == PDF
    assert opened.headers["Content-Type"] == "application/pdf"
    assert opened.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in opened.headers["Content-Security-Policy"]
    assert "no-store" in opened.headers["Cache-Control"]
    assert opened.headers["X-Content-Type-Options"] == "nosniff"
    (look,) = looks()
    assert (look["what"], look["id"], look["fields"]) == ("delegation", str(delegation.id), ["document"])
    assert client.get(path).status_code == 403


def test_an_officer_approves_and_ends(client, officer, now):
    delegation = asked(now)
    revealed = client.post(
        page("consent_delegation", delegation.id, "reveal"), WHY | {"fields": ["principal", "delegate", "born_on"]}
    )
    assert "delegate@test.localhost" in text_of(revealed)
    assert f"{now.date().year - 9}-07-19" in text_of(revealed)
    assert LABEL not in text_of(revealed)
    assert "Approved" in text_of(client.post(page("consent_delegation", delegation.id, "approve"), follow=True))
    delegation.refresh_from_db()
    assert (delegation.state, delegation.decided_by) == ("approved", officer)
    said = text_of(
        client.post(page("consent_delegation", delegation.id, "refuse"), {"reason": "forbidden"}, follow=True)
    )
    assert "decided already" in said
    assert "Ended" in text_of(client.post(page("consent_delegation", delegation.id, "end"), follow=True))
    delegation.refresh_from_db()
    assert (delegation.state, delegation.end_reason) == ("ended", "by_officer")
    shown = client.post(
        page("consent_delegation", delegation.id, "document"),
        {"document-reason": "delegation", "document-words": "To look at it again."},
        follow=True,
    )
    assert "destroyed" in text_of(shown)


def test_an_officer_refuses_with_a_reason(client, officer, now):
    delegation = asked(now, relationship=Relationship.ESTATE, whom=Address("nobody@test.localhost"))
    where = page("consent_delegation", delegation.id)
    assert "This can only be refused" in text_of(client.get(where))
    said = client.post(page("consent_delegation", delegation.id, "approve"), follow=True)
    assert "with the day of death" in text_of(said)
    said = client.post(
        page("consent_delegation", delegation.id, "approve"), {"died_on": now.date().isoformat()}, follow=True
    )
    assert "cannot be approved" in text_of(said)
    refused = page("consent_delegation", delegation.id, "refuse")
    assert "Choose a reason" in text_of(client.post(refused, {"reason": "mood"}, follow=True))
    assert "Refused" in text_of(client.post(refused, {"reason": "person_unknown"}, follow=True))
    delegation.refresh_from_db()
    assert (delegation.state, delegation.end_reason, delegation.document_type) == ("refused", "person_unknown", "")


def test_who_has_an_address_is_told_that_somebody_may_act_for_them(client, officer, now, monkeypatch):
    person = UserFactory()
    words = {"relationship": Relationship.ATTORNEY, "whom": Address(person.email)}
    client.post(page("consent_delegation", asked(now, **words).id, "approve"))
    (letter,) = mail.outbox
    assert letter.to == [person.email]
    assert letter.body.count("/delegates/") == 2
    assert "delegate@test" not in letter.body
    client.post(page("consent_delegation", asked(now).id, "approve"))
    assert len(mail.outbox) == 1

    def away(*_args, **_words):
        raise ConnectionRefusedError

    monkeypatch.setattr("config.adminpeople.letter.send_mail", away)
    other = asked(now, delegate=UserFactory(), **words)
    assert "Approved" in text_of(client.post(page("consent_delegation", other.id, "approve"), follow=True))


def test_the_pages_warn_before_a_decision(client, officer, now):
    grown, private = UserFactory(is_adult=True), UserFactory(relatives_may_act=False)
    guardian = asked(now, whom=Address(grown.email, now.date().replace(year=now.date().year - 9, day=1)))
    estate = asked(
        now, relationship=Relationship.ESTATE, whom=Address(private.email), delegate=UserFactory(), document=PDF
    )
    assert "has said to be an adult" in text_of(client.get(page("consent_delegation", guardian.id)))
    assert "relatives shall not act" in text_of(client.get(page("consent_delegation", estate.id)))
    died = {"died_on": now.date().isoformat()}
    client.post(page("consent_delegation", estate.id, "approve"), died)
    assert set(Delegation.objects.values_list("state", flat=True)) == {"requested"}
