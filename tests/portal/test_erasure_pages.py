"""My rights: asked without having just shown who one is; what is kept and why; to whom things went; the certificate as a paper."""

from datetime import timedelta

import pytest
from django.utils import timezone

from retention.identify_erasure import ANSWER_WITHIN
from retention.models import Artifact, Erasure
from tests.conftest import Api
from tests.factories import PASSWORD, AppFactory, UserFactory, sign_in_just_now
from tests.portal.test_pages import text_of
from tests.retention.test_erasure import CONSENT, acknowledged, live, turn
from tests.retention.test_erasure_requests import hold_on
from tests.retention.test_processors import passed_on, registered

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(api, consent, clip):
    return live(api, consent(operations=CONSENT), clip)


def test_who_has_not_shown_who_they_are_is_asked_to_and_then_goes_on(client, user, kept):
    client.force_login(user)
    place = client.post("/rights/erase/").url
    erasure = Erasure.objects.get()
    assert (place, erasure.state) == (f"/rights/erasures/{erasure.id}/", "identity_pending")
    page = text_of(client.get(place))
    assert "Is it you?" in page
    assert "nothing has been destroyed" in page
    asked = client.get(f"{place}identify/")
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    assert client.post(f"{place}identify/").headers["Location"] == f"{place}identify/"
    shown = client.post(asked.headers["Location"], {"password": PASSWORD})
    assert shown.headers["Location"] == f"{place}identify/"
    assert "Go on with the erasure?" in text_of(client.get(f"{place}identify/"))
    erasure.refresh_from_db()
    assert erasure.state == "identity_pending", "looking begins nothing"
    assert client.post(f"{place}identify/").url == place
    erasure.refresh_from_db()
    assert (erasure.state, erasure.identified_by) == ("approved", "fresh_sign_in")
    assert "It has begun." in text_of(client.get(place))


def test_it_can_be_taken_back_before_it_has_begun_and_not_afterwards(client, user, kept):
    client.force_login(user)
    place = client.post("/rights/erase/").url
    client.post(f"{place}cancel/")
    page = text_of(client.get(place))
    assert "Taken back" in page
    assert "There is none: nothing was erased." in page
    assert Artifact.objects.get(id=kept).state == "active"
    sign_in_just_now(client, user)
    begun = client.post("/rights/erase/").url
    client.post(f"{begun}cancel/")
    assert "so it cannot be taken back any more" in text_of(client.get(begun))
    assert client.get(f"{begun}cancel/").status_code == 405
    client.force_login(UserFactory())
    assert client.post(f"{begun}cancel/").status_code == 404
    assert client.get(f"{begun}identify/").status_code == 404


def test_what_is_not_deleted_is_told_thing_by_thing_with_its_ground(client, api, user, kept):
    hold = hold_on(Artifact.objects.get(custody="vault"), ground="subpoena")
    sign_in_just_now(client, user)
    place = client.post("/rights/erase/").url
    page = text_of(client.get(place))
    assert "What is not deleted, and why" in page
    assert "recording, made by" in page
    assert "Not deleted, because of a duty by law or the demand of a court or an authority (GDPR 17(3)(b))" in page
    assert "The proof that you consented, and of this erasure Not deleted, because of legal claims" in page
    assert hold.reference not in page
    acknowledged(api, kept)
    turn()
    turn()
    assert "Done but for what the law keeps, with a certificate" in text_of(client.get(place))
    paper = client.get(f"{place}certificate.pdf")
    assert (paper.headers["Content-Type"], paper.content[:4]) == ("application/pdf", b"%PDF")


def test_what_ended_without_everybodys_word_is_not_called_done(client, api, app, user, kept):
    passed_on(api, kept, registered(app).processor)
    sign_in_just_now(client, user)
    place = client.post("/rights/erase/").url
    turn()
    acknowledged(api, kept)
    turn()
    page = text_of(client.get(place))
    assert "Waiting for 1 to whom something was passed on." in page
    late = Erasure.objects.get().due_at + timedelta(seconds=1)
    for _ in range(3):
        turn(late)
    assert Erasure.objects.get().state == "certified"
    page = text_of(client.get(place))
    assert "Ended, with a certificate; not everybody confirmed" in page
    assert "Not everybody to whom something was passed on has answered" in page
    assert "Done, with a certificate" not in page


def test_what_a_hold_keeps_is_said_before_anything_is_decided(client, api, user, kept):
    sign_in_just_now(client, user)
    assert "1 thing kept here is destroyed within seconds" in text_of(client.get("/rights/erase/"))
    hold_on(Artifact.objects.get(custody="vault"))
    page = text_of(client.get("/rights/erase/"))
    assert "1 thing that a legal hold keeps for now." in page
    assert "Nothing made of your voice is kept here at this moment." not in page
    assert "destroyed within seconds" not in page


def test_what_another_erasure_took_is_not_called_taken_back(client, api, user, kept):
    client.force_login(user)
    place = client.post("/rights/erase/").url
    api.delete("/v1/voice/consent/user-1")
    page = text_of(client.get(place))
    assert "Part of another erasure now" in page
    assert "Taken back" not in page
    assert "nothing was erased" not in page
    assert "An erasure that waited for you is part of another one now" in text_of(client.get("/records/"))


def test_a_consent_that_an_officer_ended_was_not_taken_back(client, api, user, kept):
    from consent.models import Grant
    from consent.revoke import revoke

    revoke(grant_id=Grant.objects.get().id, reason="controller", officer="7", now=timezone.now())
    turn()
    client.force_login(user)
    page = text_of(client.get(f"/rights/erasures/{Erasure.objects.get().id}/"))
    assert "The end of your consent opened it at" in page
    assert "took back" not in page


def test_who_showed_nothing_reads_why_and_what_can_be_done(client, user, kept):
    client.force_login(user)
    place = client.post("/rights/erase/").url
    turn(timezone.now() + ANSWER_WITHIN + timedelta(seconds=1))
    page = text_of(client.get(place))
    assert "Nobody showed within 30 days that it was you who asked." in page
    assert "or go to court" in page


def test_g9_the_person_sees_to_whom_things_went_and_what_became_of_them(client, api, app, user, kept):
    passed_on(api, kept, registered(app).processor)
    sign_in_just_now(client, user)
    page = text_of(client.get("/rights/"))
    assert "Who else was given something Far Away Speech speech in your voice, passed on by" in page
    assert "with your consent may still have it" in page
    place = client.post("/rights/erase/").url
    turn()
    assert "Passed on to Far Away Speech 0 of 1 thing gone" in text_of(client.get(place))


def test_the_paper_of_a_certificate_in_both_languages(client, api, user, kept):
    sign_in_just_now(client, user)
    place = client.post("/rights/erase/").url
    assert client.get(f"{place}certificate.pdf").status_code == 404
    acknowledged(api, kept)
    turn()
    turn()
    for language in ("en", "zh-hans"):
        paper = client.get(f"{place}certificate.pdf", headers={"Accept-Language": language})
        assert paper.content.startswith(b"%PDF"), language
    client.force_login(UserFactory())
    assert client.get(f"{place}certificate.pdf").status_code == 404


def test_an_app_gets_the_paper_of_what_is_about_it_alone(api, app, user, kept):
    erasure = api.delete("/v1/voice/consent/user-1").json()["id"]
    place = f"/api/v1/erasures/{erasure}/certificate.pdf"
    early = api.get(place)
    assert (early.status_code, early.json()["type"].rpartition(":")[2]) == (404, "no-certificate")
    turn()
    acknowledged(api, kept)
    turn()
    turn()
    paper = api.get(place)
    assert (paper.status_code, paper.headers["Content-Type"], paper.content[:4]) == (200, "application/pdf", b"%PDF")
    assert Api(AppFactory(tenant=app.tenant)).get(place).status_code == 404
    assert api.client.get(place).status_code == 401


def test_a_withdrawal_shows_up_among_the_erasures(client, api, user, kept):
    from consent.models import Grant
    from consent.withdraw import withdraw

    withdraw(grant_id=Grant.objects.get().id, user=user, now=timezone.now())
    turn()
    client.force_login(user)
    assert "What was made under the consent you took back from" in text_of(client.get("/rights/"))
    page = text_of(client.get(f"/rights/erasures/{Erasure.objects.get().id}/"))
    assert "Taking your consent back opened it at" in page
    assert "Your records made unreadable" not in page
