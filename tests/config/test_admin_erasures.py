"""The officer's rooms of erasures and of processors."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from retention.models import Artifact, Disclosure, Erasure, ProbeAddress, Processor
from tests.conftest import kinds
from tests.factories import OfficerFactory, sign_in
from tests.retention.test_erasure import CONSENT, acknowledged, erase, live, turn
from tests.retention.test_erasure_requests import ask, hold_on
from tests.retention.test_processors import passed_on, registered

pytestmark = pytest.mark.django_db
ROOM, PROCESSORS = "/admin/retention/erasure/", "/admin/retention/processor/"


@pytest.fixture
def officer(client):
    sign_in(client, OfficerFactory())
    return client


@pytest.fixture
def kept(api, consent, clip):
    return live(api, consent(operations=CONSENT), clip)


def text_of(answer):
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_an_erasure_with_every_holders_state(officer, api, app, user, kept):
    passed_on(api, kept, registered(app).processor)
    erase(api)
    turn()
    erasure = Erasure.objects.get()
    page = text_of(officer.get(f"{ROOM}{erasure.id}/change/"))
    for words in ("awaiting_acks", "Far Away Speech", "by letter", "0/1", app.name):
        assert words in page
    assert "access.viewed" in kinds()
    turn(erasure.acks_due_at + timedelta(seconds=1))
    page = text_of(officer.get(f"{ROOM}{erasure.id}/change/"))
    assert f"{app.name} has not confirmed in time. Proposed: suspend it until it does." in page
    found = text_of(officer.get(f"{ROOM}?standing=escalated"))
    assert str(erasure.id) in found
    assert str(erasure.id) not in text_of(officer.get(f"{ROOM}?standing=identity"))


def test_asked_by_letter_and_answered_by_letter(officer, api, app, user, kept):
    passed_on(api, kept, registered(app).processor)
    erase(api)
    turn()
    erasure, row = Erasure.objects.get(), Disclosure.objects.get()
    officer.post(f"{ROOM}{erasure.id}/asked/")
    assert kinds().count("disclosure.erase_requested") == 1
    officer.post(f"{ROOM}{erasure.id}/letter/", {"disclosure": row.id, "outcome": "deleted"})
    row.refresh_from_db()
    assert row.state == "sent", "since when is missing"
    tomorrow = (timezone.now() + timedelta(days=1)).date().isoformat()
    said = {"disclosure": row.id, "outcome": "deleted", "deleted_at": tomorrow}
    officer.post(f"{ROOM}{erasure.id}/letter/", said)
    row.refresh_from_db()
    assert row.state == "sent", "nobody has deleted it tomorrow"
    officer.post(
        f"{ROOM}{erasure.id}/letter/", {"disclosure": row.id, "outcome": "deleted", "deleted_at": "2026-11-20"}
    )
    row.refresh_from_db()
    assert row.state == "done_signed"
    acknowledged(api, kept)
    turn()
    turn()
    erasure.refresh_from_db()
    assert erasure.state == "certified"
    assert officer.get(f"{ROOM}{erasure.id}/certificate/").json()["certificate"]["erasure"] == str(erasure.id)
    paper = officer.get(f"{ROOM}{erasure.id}/certificate.pdf/")
    assert paper.content.startswith(b"%PDF")


def test_who_asked_is_known_to_an_officer(officer, user, kept):
    erasure = ask(user)
    assert "not yet" in text_of(officer.get(f"{ROOM}{erasure.id}/change/"))
    officer.post(f"{ROOM}{erasure.id}/identify/", {"way": ""})
    erasure.refresh_from_db()
    assert erasure.state == "identity_pending"
    officer.post(f"{ROOM}{erasure.id}/identify/", {"way": "in_person"})
    erasure.refresh_from_db()
    assert (erasure.state, erasure.identified_by) == ("approved", "officer_in_person")


def test_nobody_says_of_themselves_who_they_are(client, api, consent, clip, user, kept):
    """An officer who is a speaker too shows it as everybody does: whoever sits at their desk may be another."""
    officer = OfficerFactory()
    Erasure.objects.filter(id=ask(user).id).update(user=officer)
    sign_in(client, officer)
    erasure = Erasure.objects.get()
    said = client.post(f"{ROOM}{erasure.id}/identify/", {"way": "in_person"}, follow=True)
    assert "It is your own erasure" in text_of(said)
    erasure.refresh_from_db()
    assert erasure.state == "identity_pending"


def test_what_lives_is_asked_for_by_no_letter(officer, api, app, user, kept):
    """Neither before it is decided, nor while a hold keeps it."""
    passed_on(api, kept, registered(app).processor)
    hold_on(Artifact.objects.get(id=kept))
    erasure = ask(user)
    officer.post(f"{ROOM}{erasure.id}/asked/")
    erasure = ask(user, shown="fresh_sign_in")
    turn()
    page = text_of(officer.get(f"{ROOM}{erasure.id}/change/"))
    assert "They have been asked by letter" not in page
    officer.post(f"{ROOM}{erasure.id}/asked/")
    assert Disclosure.objects.get().state == "queued"
    assert "disclosure.erase_requested" not in kinds()


def test_an_extension_needs_its_reason(officer, user, kept):
    erasure = ask(user, shown="fresh_sign_in")
    said = officer.post(f"{ROOM}{erasure.id}/extend/", {"reason": ""}, follow=True)
    assert "An extension takes a reason" in text_of(said)
    said = officer.post(f"{ROOM}{erasure.id}/extend/", {"reason": "Many holders abroad"}, follow=True)
    assert "Many holders abroad" in text_of(said)
    assert "Extend its time" not in text_of(officer.get(f"{ROOM}{erasure.id}/change/"))


def test_what_is_kept_and_on_what_ground(officer, api, user, kept):
    hold_on(Artifact.objects.get(custody="vault"))
    erasure = ask(user, shown="fresh_sign_in")
    assert "GDPR 17(3)(e)" in text_of(officer.get(f"{ROOM}{erasure.id}/change/"))
    assert str(erasure.id) in text_of(officer.get(f"{ROOM}?standing=kept"))


def test_who_may_not_act(client, user, kept):
    erasure = ask(user)
    client.force_login(user)
    assert client.post(f"{ROOM}{erasure.id}/identify/", {"way": "document"}).status_code in {302, 403}
    erasure.refresh_from_db()
    assert erasure.state == "identity_pending"


def test_a_processor_is_registered_and_ended(officer, app):
    said = {
        "app": app.id,
        "name": "Far Away Speech",
        "service": "Speech recognition",
        "country": "US",
        "contact": "privacy@asr.test.localhost",
        "agreement": "DPA 7",
        "keeps_days": 30,
    }
    assert officer.get(f"{PROCESSORS}new/").status_code == 200
    assert "whsec_" in text_of(officer.post(f"{PROCESSORS}new/", said))
    assert officer.post(f"{PROCESSORS}new/", said).status_code == 422
    one = Processor.objects.get()
    assert "whsec_" not in text_of(officer.get(f"{PROCESSORS}{one.id}/change/"))
    officer.post(f"{PROCESSORS}{one.id}/end/")
    one.refresh_from_db()
    assert one.ended_at is not None
    assert {"processor.registered", "processor.ended"} <= set(kinds())
    officer.post(f"{PROCESSORS}look/", {"app": app.id, "url": "https://app.test.localhost/{artifact}"})
    assert ProbeAddress.objects.get().app_id == app.id
    assert "https://app.test.localhost/{artifact}" in text_of(officer.get(PROCESSORS))
    assert officer.post(f"{PROCESSORS}look/", {"app": app.id, "url": "https://app.test.localhost/"}).status_code == 422
