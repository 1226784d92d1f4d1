"""Acting for somebody, in the pages: ask with a document, switch, act, stop; the code, the letter, and what is dropped when it ends."""

import re
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from consent.capacity import Relationship
from consent.delegate import Child, request_delegation
from consent.delegate_decide import approve
from consent.delegate_end import end_by_officer
from consent.models import Delegation, Grant, Invitation
from consent.queries import Record, records_of
from portal.words import entries
from retention.models import Erasure
from tests.factories import PASSWORD, OfficerFactory, UserFactory
from tests.portal.scene import question
from tests.portal.test_pages import answer, mine, text_of  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 a birth certificate"


def young(now, years=9):
    return now.date().replace(day=1, year=now.date().year - years)


def form(now, **changes):
    paper = SimpleUploadedFile("certificate.pdf", changes.pop("data", PDF), "text/html")
    return {"label": "Little Bear", "born_on": young(now).isoformat(), "document": paper} | changes


@pytest.fixture
def delegation(user, now):
    """The person is a child's guardian."""
    asked = request_delegation(
        delegate=user,
        relationship=Relationship.GUARDIAN,
        whom=Child(young(now), "DE"),
        label="Little Bear",
        document=PDF,
        now=now,
    )
    return approve(delegation_id=asked.id, officer=OfficerFactory(), now=now)


@pytest.fixture
def guardian(mine, delegation):  # noqa: F811
    """A browser in which the person acts for the child."""
    mine.post("/act-for/", {"delegation": str(delegation.id)})
    return mine


def test_asking_for_a_child(mine, user, now):  # noqa: F811
    assert "For nobody but yourself" in text_of(mine.get("/delegates/"))
    assert mine.get("/delegates/ask/child/").status_code == 200
    sent = mine.post("/delegates/ask/child/", form(now, residence="DE"), follow=True)
    assert "An officer looks at your document." in text_of(sent)
    delegation = Delegation.objects.get()
    assert (delegation.delegate, delegation.label, delegation.document_type) == (user, "Little Bear", "application/pdf")
    assert (delegation.principal.residence, delegation.principal.email) == ("DE", None)
    page = text_of(mine.get("/delegates/"))
    assert "Little Bear" in page
    assert "Act for this person" not in page


def test_by_a_code(mine, now):  # noqa: F811
    person = UserFactory()
    theirs = Client()
    theirs.force_login(person)
    shown = theirs.post("/delegates/invite/", {"relationship": "attorney"})
    assert shown.headers["Cache-Control"].startswith("max-age=0, no-cache")
    code = re.search(r"<code>([0-9A-Z-]{14})</code>", shown.content.decode())[1]
    words = {"relationship": "attorney", "code": code, "born_on": ""}
    assert mine.post("/delegates/ask/code/", form(now, **words)).status_code == 302
    assert "no such code" in text_of(mine.post("/delegates/ask/code/", form(now, **words)))
    assert "you agreed" in text_of(theirs.get("/delegates/"))


def test_what_was_asked_without_a_code_the_person_sees_agrees_to_and_ends(mine, user, now):  # noqa: F811
    person = UserFactory()
    theirs = Client()
    theirs.force_login(person)
    words = {"relationship": "attorney", "email": person.email, "born_on": ""}
    assert mine.post("/delegates/ask/address/", form(now, **words)).status_code == 302
    delegation = Delegation.objects.get()
    page = text_of(theirs.get("/delegates/"))
    assert user.email in page
    assert "by a document alone" in page
    assert theirs.post(f"/delegates/{delegation.id}/agree/", follow=True).status_code == 200
    delegation.refresh_from_db()
    assert delegation.agreed_at
    assert theirs.post(f"/delegates/{delegation.id}/agree/").status_code == 404
    assert "Ended" in text_of(theirs.post(f"/delegates/{delegation.id}/end/", follow=True))
    assert "ended already" in text_of(mine.post(f"/delegates/{delegation.id}/end/", follow=True))
    assert "The person ended it" in text_of(mine.get("/delegates/"))


@pytest.mark.parametrize(
    ("way", "changes", "sentence"),
    [
        ("child", {"born_on": ""}, "This field is required."),
        ("child", {"born_on": "1990-01-01"}, "younger than 18"),
        ("child", {"data": b"<html>"}, "This is no PDF, JPEG or PNG."),
        ("child", {"data": b"%PDF-" + bytes(10 * 1024 * 1024)}, "larger than 10 MiB"),
        ("child", {"label": "x" * 61}, "at most 60"),
        ("child", {"residence": "XX-123"}, "not one of the available choices"),
        ("code", {"relationship": "attorney", "code": "0000-0000-0000"}, "no such code"),
        ("code", {"relationship": "estate", "code": "0000-0000-0000"}, "not one of the available choices"),
        ("address", {"relationship": "guardian", "born_on": "", "email": "a@b.test"}, "when the person was born"),
        ("estate", {"email": "nobody"}, "valid email address"),
    ],
)
def test_a_form_that_is_not_whole(mine, now, way, changes, sentence):  # noqa: F811
    sent = mine.post(f"/delegates/ask/{way}/", form(now, **changes))
    assert sent.status_code == 422
    assert sentence in text_of(sent)
    assert "Nothing was sent yet" in text_of(sent)
    assert not Delegation.objects.exists()


def test_who_has_not_said_to_be_an_adult_is_asked_to(client, now):
    client.force_login(UserFactory(is_adult=False))
    assert "how old you are" in text_of(client.post("/delegates/ask/child/", form(now)))


def test_every_page_is_about_the_person_for_whom_one_acts(guardian, user, delegation, app, consent, now):
    own = consent()
    token = question(app, now=now, ref="little-bear")
    page = text_of(guardian.get("/"))
    assert "You act for Little Bear as guardian." in page
    assert answer(guardian, token, "term").status_code == 302
    grant = Grant.objects.exclude(id=own.id).get()
    assert (grant.subject.user, grant.actor, grant.delegation) == (delegation.principal, "guardian", delegation)
    listed = guardian.get("/apps/").content.decode()
    assert str(grant.id) in listed
    assert str(own.id) not in listed
    guardian.post(f"/apps/withdraw/{own.id}/")
    guardian.post(f"/apps/withdraw/{grant.id}/")
    own.refresh_from_db()
    grant.refresh_from_db()
    assert (own.state, grant.end_reason) == ("given", "withdrawn_by_guardian")
    guardian.post("/rights/erase/")
    assert list(Erasure.objects.values_list("user", "asked_by")) == [(delegation.principal.id, "guardian")]
    assert "Who acts for you asked for it" in text_of(guardian.get(f"/rights/erasures/{Erasure.objects.get().id}/"))
    guardian.post("/act-for/")
    assert "You act for" not in text_of(guardian.get("/"))
    assert str(own.id) in guardian.get("/apps/").content.decode()
    assert "Little Bear" not in str([record.payload for record in records_of(user=user)])


def test_stop_all_stops_the_childs(guardian, delegation, app, consent, now):
    own = consent()
    answer(guardian, question(app, now=now, ref="little-bear"), "term")
    guardian.post("/stop-all/")
    own.refresh_from_db()
    assert own.state == "given"
    assert Grant.objects.exclude(id=own.id).get().state == "withdrawn"


@pytest.mark.parametrize("path", ["/stop-all/", "/rights/erase/"])
def test_a_button_meant_for_somebody_for_whom_one_acts_no_more_does_nothing(guardian, delegation, consent, now, path):
    own = consent()
    end_by_officer(delegation_id=delegation.id, officer=OfficerFactory(), now=now)
    refused = guardian.post(path)
    assert refused.status_code == 403
    assert "You no longer act for this person" in text_of(refused)
    own.refresh_from_db()
    assert own.state == "given"
    assert not Erasure.objects.exists()
    assert "You act for" not in text_of(guardian.get("/"))
    assert guardian.post("/stop-all/").status_code == 302
    own.refresh_from_db()
    assert own.state == "withdrawn"


def test_what_ends_between_the_look_and_the_act_is_refused_and_no_failure(
    guardian, user, delegation, app, now, monkeypatch
):
    """The verb looks again, in its own transaction."""
    answer(guardian, question(app, now=now, ref="little-bear"), "term")
    grant = Grant.objects.get()
    paths = [f"/apps/{act}/{grant.id}/" for act in ("withdraw", "pause", "resume")]
    monkeypatch.setattr("portal.acting._standing", lambda *_: delegation)
    Delegation.objects.update(state=Delegation.State.ENDED)
    for path, words in (
        *((path, {}) for path in paths),
        ("/stop-all/", {}),
        ("/settings/about/", {"residence": "FR"}),
        ("/rights/erase/", {}),
    ):
        refused = guardian.post(path, words)
        assert refused.status_code == 403, path
        assert "You no longer act for this person" in text_of(refused), path
    grant.refresh_from_db()
    assert grant.state == "given"
    assert not Erasure.objects.exists()


def test_it_ends_with_the_birthday_also_in_an_open_session(guardian, delegation, now):
    Delegation.objects.filter(id=delegation.id).update(valid_until=now - timedelta(seconds=1))
    assert "You act for" not in text_of(guardian.get("/apps/"))
    assert "acting_for" not in guardian.session


def test_nobody_acts_by_somebody_elses_delegation(client, delegation):
    client.force_login(UserFactory())
    told = client.post("/act-for/", {"delegation": str(delegation.id)}, follow=True)
    assert "cannot act for this person now" in text_of(told)
    assert client.post(f"/delegates/{delegation.id}/end/").status_code == 404
    assert client.post(f"/delegates/{delegation.id}/account/", {"email": "x@test.localhost"}).status_code == 404
    assert client.post("/act-for/", {"delegation": "x"}).status_code == 400
    session = client.session
    session["acting_for"] = str(delegation.id)
    session.save()
    assert "You act for" not in text_of(client.get("/"))


def test_a_form_that_was_open_before_the_switch_is_taken_no_more(user, delegation, consent, now):
    """It was about somebody else."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    own = consent()

    def token(page):
        return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())[1]

    before = token(client.get("/"))
    words = {"delegation": str(delegation.id), "csrfmiddlewaretoken": before}
    assert client.post("/act-for/", words).status_code == 302
    assert client.post("/stop-all/", {"csrfmiddlewaretoken": before}).status_code == 403
    child = token(client.get("/"))
    assert client.post("/act-for/", {"csrfmiddlewaretoken": child}).status_code == 302
    assert client.post("/stop-all/", {"csrfmiddlewaretoken": child}).status_code == 403
    own.refresh_from_db()
    assert own.state == "given"


def test_a_form_that_was_open_when_it_ended_is_taken_no_more(user, delegation, consent, now):
    """Whatever was asked for in between, by the page's own script for instance: it would be done to oneself."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    own = consent()

    def token(page):
        return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())[1]

    client.post("/act-for/", {"delegation": str(delegation.id), "csrfmiddlewaretoken": token(client.get("/"))})
    before = token(client.get("/"))
    end_by_officer(delegation_id=delegation.id, officer=OfficerFactory(), now=now)
    assert client.get("/now/events").status_code == 200
    assert client.post("/stop-all/", {"csrfmiddlewaretoken": before}).status_code == 403
    own.refresh_from_db()
    assert own.state == "given"


def test_the_card_of_another_person_is_not_put_into_a_page(guardian, delegation, consent):
    """Two windows: in one of them one has begun, or ceased, to act."""
    consent()
    card = re.search(r'data-card="([^"]+)"', guardian.get("/").content.decode())[1]
    assert card == f"/now/card?about={delegation.id}"
    assert guardian.get(card).status_code == 200
    assert guardian.get("/now/card?about=").status_code == 403
    guardian.post("/act-for/")
    assert guardian.get(card).status_code == 403
    assert guardian.get("/now/card?about=").status_code == 200
    guardian.post("/act-for/", {"delegation": str(delegation.id)})
    Delegation.objects.update(state=Delegation.State.ENDED)
    assert guardian.get(card).status_code == 403


def test_who_answers_for_somebody_reads_whom_the_answer_ties(guardian, user, app, now):
    token = question(app, now=now)
    text = text_of(guardian.get(f"/consent/{token}/"))
    assert "Your answer ties Little Bear, not you, to the user for whom" in text
    assert "ties this account" not in text
    answer(guardian, token, "term")
    text = text_of(guardian.get(f"/consent/{question(app, now=now)}/"))
    assert "already knows Little Bear as its user" in text


def test_switching_leads_back_and_nowhere_else(mine, delegation):  # noqa: F811
    words = {"delegation": str(delegation.id)}
    assert mine.post("/act-for/", words | {"next": "/apps/"}).headers["Location"] == "/apps/"
    assert mine.post("/act-for/", words | {"next": "https://elsewhere.test/"}).headers["Location"] == "/"


def test_who_had_no_account_chooses_a_password_by_a_letter(mine, delegation, user):  # noqa: F811
    """And confirms the address by a code, as everybody; the guardian acts on until the person is of age."""
    assert "An account of their own" in text_of(mine.get("/delegates/"))
    path = f"/delegates/{delegation.id}/account/"
    assert "no e-mail address" in text_of(mine.post(path, {"email": "bear"}, follow=True))
    same = text_of(mine.post(path, {"email": user.email}, follow=True))
    assert (mail.outbox[-1].to, "already" in mail.outbox[-1].body) == ([user.email], True)
    assert text_of(mine.post(path, {"email": "bear@test.localhost"}, follow=True)) == same
    assert mail.outbox[-1].to == ["bear@test.localhost"]
    link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", mail.outbox[-1].body)[1]
    child = Client()
    opened = child.get(link, follow=True)
    words = {"password1": PASSWORD + " too", "password2": PASSWORD + " too"}
    assert child.post(opened.request["PATH_INFO"], words).status_code == 302
    delegation.principal.refresh_from_db()
    assert delegation.principal.has_usable_password()
    child.post("/accounts/login/", {"login": "bear@test.localhost", "password": PASSWORD + " too"})
    code = re.search(r"^ +([0-9A-Z-]+)$", mail.outbox[-1].body, re.MULTILINE)[1]
    child.post("/accounts/confirm-email/", {"code": code})
    assert user.email in text_of(child.get("/delegates/"))
    assert "An account of their own" not in text_of(mine.get("/delegates/"))
    assert "has an account already" in text_of(mine.post(path, {"email": "bear@test.localhost"}, follow=True))


@pytest.mark.parametrize("path", ["/delegates/invite/", "/act-for/"])
def test_only_who_has_signed_in_and_only_by_a_button(client, mine, path):  # noqa: F811
    looked = mine.get(path)
    # Where a code was shown, a switch of the language leads back to the page without it.
    assert looked.headers.get("Location") == "/delegates/" if "invite" in path else looked.status_code == 405
    assert not Invitation.objects.exists()
    assert Client().post(path).headers["Location"].startswith("/accounts/login/")
    assert mine.post("/delegates/invite/", {"relationship": "estate"}).status_code == 400
    assert mine.get("/delegates/ask/nobody/").status_code == 404


def test_the_records_tell_who_came_to_act_and_who_looked(user, now):
    """Each kind in words, and no code on the page."""

    def tell(kind, actor="service", **payload):
        return entries.tell(
            Record(
                uuid.uuid4(), "log", None, now, kind, payload, None, sealed=False, salt="", sealed_text="", actor=actor
            )
        )

    who = {"relationship": "guardian"}
    assert tell("delegation.requested", **who).sentence == "Somebody asked to act for you: as guardian"
    assert "brought back" in tell("delegation.requested", reason="records_restored", **who).sentence
    assert "until" in str(tell("delegation.approved", valid_until=now.isoformat(), **who).details)
    assert tell("delegation.approved", valid_until=None, relationship="attorney").details == []
    assert "did not let" in tell("delegation.refused", reason="unreadable", **who).sentence
    for reason in ("by_subject", "by_delegate", "by_officer", "majority", "death"):
        assert tell("delegation.ended", reason=reason, **who).details != [f"Why: {reason}"]
    assert tell("access.exported", actor="subject").sentence == "You asked for a file with your data"
    assert tell("access.exported", actor="guardian").sentence == "Your guardian asked for a file with your data"
    assert "said your consent" in tell("consent.spoken", phrase="I allow", purpose="voice-cloning").sentence
    why = {"reason": "authority", "words": "Case 12."}
    look = tell("access.viewed", fields=["born_on", "email"], why=why)
    assert look.sentence == "A compliance officer looked at: your date of birth, your e-mail address"
    assert look.details == ["What for: a court or an authority asked", "In the officer's words: Case 12."]
