"""B3 after the answer: who moves to where the law forbids trade in voiceprints is not traded with from that moment on."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from consent.allow import allow
from consent.ask import ask
from consent.describe import describe
from consent.errors import PurposeForbidden
from consent.lapse import lapse
from consent.models import Grant, Purpose, Session
from consent.pause import pause, resume
from consent.queries import newest_notice, records_of
from consent.reaffirm import reaffirm
from portal import screen
from portal.words import standing
from tests.conftest import speech

pytestmark = pytest.mark.django_db


@pytest.fixture
def grant(app, user):
    """A consent to trade, of somebody in New York."""
    Purpose.objects.filter(slug="voice-cloning").update(trades_voiceprints=True)
    User.objects.filter(id=user.id).update(residence="US-NY")
    now = timezone.now()
    asked = ask(
        app=app, subject_ref="user-1", purpose="voice-cloning", operations=["upload"], term=timedelta(days=90), now=now
    )
    return allow(token=asked.token, user=user, choice="term", locale="en", now=now)


def confirm(grant, user):
    notice = newest_notice(app_id=grant.app_id, purpose_id=grant.purpose_id, locale="en")
    now = timezone.now()
    return reaffirm(grant_id=grant.id, user=user, notice_id=notice.id, screen="<p>again</p>", now=now)


@pytest.mark.parametrize("residence", ["US-IL", "US", ""])
def test_b3_who_moves_there_is_not_traded_with_from_that_moment_on(api, user, grant, residence):
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    assert api.upload(session, speech()).status_code == 201
    describe(user=user, residence=residence, now=timezone.now())
    for refused in (
        api.post("/api/v1/sessions", {"grant": str(grant.id)}),
        api.upload(session, speech()),
        api.get(f"/api/v1/grants/{grant.id}/status-token?audience=tts.example"),
    ):
        assert (refused.status_code, refused.json()["reason"]) == (403, "place_forbids"), "before anything else has run"
    assert api.get("/api/v1/grants?subject_ref=user-1").json()["results"][0]["reason"] == "place_forbids"


def test_the_record_follows_and_the_person_reads_why(user, api, grant):
    api.post("/api/v1/sessions", {"grant": str(grant.id)})
    describe(user=user, residence="US-IL", now=timezone.now())
    grant.refresh_from_db()
    said = standing(grant, timezone.now())
    assert said.active
    assert not said.must_confirm, "there is nothing to confirm where it is forbidden"
    assert "the law where you live" in said.sentence
    lapse(now=timezone.now())
    grant = Grant.objects.get()
    assert (grant.state, grant.end_reason) == ("stale", "residence")
    assert Session.objects.get().closed_at is not None
    (entered,) = [record for record in records_of(user=user) if record.kind == "consent.stale"]
    assert entered.payload["reason"] == "residence"
    assert "the law where you live" in standing(grant, timezone.now()).sentence
    assert lapse(now=timezone.now()) == 0
    lapse(now=grant.grace_until)
    assert Grant.objects.get().state == "expired"


def test_nobody_confirms_or_resumes_it_there_and_elsewhere_they_can(user, api, grant):
    pause(grant_id=grant.id, user=user, now=timezone.now())
    describe(user=user, residence="US-IL", now=timezone.now())
    lapse(now=timezone.now())
    assert Grant.objects.get().state == "paused", "nothing is used, so nothing has to stop"
    with pytest.raises(PurposeForbidden):
        resume(grant_id=grant.id, user=user, now=timezone.now())
    describe(user=user, residence="DE", now=timezone.now())
    resume(grant_id=grant.id, user=user, now=timezone.now())
    describe(user=user, residence="US-IL", now=timezone.now())
    lapse(now=timezone.now())
    with pytest.raises(PurposeForbidden):
        confirm(grant, user)
    assert Grant.objects.get().state == "stale"
    describe(user=user, residence="DE", now=timezone.now())
    refused = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["reason"]
    assert refused == "consent_stale", "it waits for the person's own word"
    assert standing(Grant.objects.get(), timezone.now()).must_confirm
    assert confirm(grant, user).state == "renewed"
    assert api.post("/api/v1/sessions", {"grant": str(grant.id)}).status_code == 201


def test_what_trades_with_nothing_is_nobodys_residence(api, user, consent):
    grant = consent()
    describe(user=user, residence="US-IL", now=timezone.now())
    assert lapse(now=timezone.now()) == 0
    assert api.post("/api/v1/sessions", {"grant": str(grant.id)}).status_code == 201


def test_the_page_says_so_where_it_was_to_be_resumed_or_confirmed(client, user, grant):
    client.force_login(user)
    pause(grant_id=grant.id, user=user, now=timezone.now())
    describe(user=user, residence="US-IL", now=timezone.now())
    page = client.post(reverse("portal:resume", args=[grant.id]), follow=True)
    assert page.status_code == 200
    assert "forbids this" in page.content.decode()
    assert Grant.objects.get().state == "paused"
    Grant.objects.update(state="stale")
    page = client.get(reverse("portal:reaffirm", args=[grant.id]), follow=True)
    assert "forbids what it would do with your voiceprint" in page.content.decode()
    newest = newest_notice(app_id=grant.app_id, purpose_id=grant.purpose_id, locale="en")
    seen = screen.of_grant(Grant.objects.get(), newest, before=newest)
    said = {"choice": "confirm", "notice": str(newest.id), "screen": seen.sha256}
    page = client.post(reverse("portal:reaffirm", args=[grant.id]), said, follow=True)
    assert page.status_code == 200
    assert "forbids this" in page.content.decode()
    assert Grant.objects.get().state == "stale"
