"""Each page in each of its states, as Django's own client gets it."""

import json
import re
import uuid
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from consent.allow import allow
from consent.machine import State
from consent.models import Grant, Notice
from consent.open_session import open_session
from consent.queries import Record
from consent.refuse import refuse
from consent.revoke import INVALID_FOR, REVOKED_FOR
from consent.terms import Refusal
from consent.withdraw import withdraw
from portal import words
from portal.views import now as now_view
from portal.views import records as records_view
from portal.words import entries
from portal.words.erasures import held
from retention.models import Artifact, Erasure
from retention.queries import Holder
from retention.sweep import sweep
from tests.conftest import Api, speech
from tests.factories import AppFactory, UserFactory, sign_in_just_now
from tests.portal.scene import leave, live, question
from tests.retention.combining import COLLECT, allowed, begun, portray

pytestmark = pytest.mark.django_db
NOBODY = "0190a1b2-0000-7000-8000-000000000000"
"""An id that nothing has; a constant, for names of tests are the same in each process."""

APP = "Voice app"


@pytest.fixture
def mine(client, user):
    """A browser that has signed in."""
    client.force_login(user)
    return client


@pytest.fixture
def ask(app, now):
    def make(**asked):
        return question(app, now=now, **asked)

    return make


def screen(client, token, **headers):
    return client.get(f"/consent/{token}/", headers=headers)


def answer(client, token, choice, **changes):
    """Press a button of the consent screen, with all that its form sends."""
    text = screen(client, token).content.decode()
    said = dict(re.findall(r'type="hidden"\s+name="(notice|locale|screen)"\s+value="([^"]+)"', text))
    return client.post(f"/consent/{token}/", {**said, "choice": choice, **changes})


def text_of(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


# --- what holds for every page ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/apps/", "/records/", "/rights/", "/settings/"])
def test_pages_about_a_person_are_kept_by_no_cache(mine, path):
    page = mine.get(path)
    assert page.status_code == 200
    assert {"no-store", "private"} <= set(page.headers["Cache-Control"].split(", "))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/apps/"),
        ("get", "/records/"),
        ("get", "/rights/"),
        ("get", "/rights/erase/"),
        ("post", "/rights/erase/"),
        ("get", f"/rights/erasures/{NOBODY}/"),
        ("get", f"/rights/erasures/{NOBODY}/certificate"),
        ("post", "/stop-all/"),
        ("post", f"/apps/withdraw/{NOBODY}/"),
        ("post", f"/apps/pause/{NOBODY}/"),
        ("post", f"/apps/resume/{NOBODY}/"),
        ("get", f"/apps/confirm/{NOBODY}/"),
        ("post", f"/apps/confirm/{NOBODY}/"),
        ("get", "/settings/"),
        ("post", "/settings/about/"),
        ("post", f"/records/erase/{NOBODY}/"),
    ],
)
def test_a_stranger_is_asked_to_sign_in(client, method, path):
    page = getattr(client, method)(path)
    assert page.status_code == 302
    assert page.url == f"/accounts/login/?next={path}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/"),
        ("post", "/apps/"),
        ("post", "/records/"),
        ("post", "/rights/"),
        ("put", "/rights/erase/"),
        ("get", f"/records/erase/{NOBODY}/"),
        ("post", f"/rights/erasures/{NOBODY}/"),
        ("get", "/stop-all/"),
        ("put", "/consent/x/"),
        ("get", "/consent/x/later/"),
        ("post", "/consent/x/qr.svg"),
        ("get", f"/apps/pause/{NOBODY}/"),
        ("get", f"/apps/resume/{NOBODY}/"),
        ("put", f"/apps/confirm/{NOBODY}/"),
        ("post", "/settings/"),
        ("get", "/theme/"),
    ],
)
def test_no_other_method(mine, method, path):
    assert getattr(mine, method)(path).status_code == 405


def test_every_change_needs_its_token(user, app, now):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    for path in (
        "/stop-all/",
        f"/apps/withdraw/{NOBODY}/",
        f"/apps/pause/{NOBODY}/",
        f"/apps/resume/{NOBODY}/",
        f"/apps/confirm/{NOBODY}/",
        f"/consent/{question(app, now=now)}/later/",
        "/settings/about/",
        f"/records/erase/{NOBODY}/",
        "/rights/erase/",
        f"/consent/{question(app, now=now)}/",
        "/theme/",
    ):
        page = client.post(path)
        assert page.status_code == 403
        assert "This page was open too long" in text_of(page)


def test_nothing_inline_and_nothing_from_elsewhere(mine, ask):
    for path in ("/", "/apps/", "/records/", "/rights/", "/settings/", "/tour/", f"/consent/{ask()}/"):
        page = mine.get(path)
        assert "'unsafe" not in page.headers["Content-Security-Policy"]
        text = page.content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
        assert all(
            source.startswith("/static/") or re.fullmatch(r"/consent/[\w-]+/qr\.svg", source)
            for source in re.findall(r'(?:src|rel="stylesheet" href)="([^"]+)"', text)
        )


# --- home ---------------------------------------------------------------------------------------------------------


def test_a_stranger_reads_what_this_is(client):
    text = text_of(client.get("/"))
    assert "You decide who may use your voice" in text
    assert "Create an account" in text
    assert "Here is the admin" in text


def test_a_newcomer_learns_what_to_expect(mine):
    text = text_of(mine.get("/"))
    assert "Nobody is using your voice now" in text
    assert "When one asks you, it gives you a link" in text
    assert "Stop everything" not in text


def test_now(client, now):
    life = live(now)
    client.force_login(life.user)
    text = text_of(client.get("/"))
    assert "1 app is using your voice now" in text
    assert "It may: receive recordings of your voice, speak in your voice" in text
    assert "Takes back all 2 consents that stand" in text


def test_two_apps_at_once(mine, user, consent, app):
    for by in (app, AppFactory(tenant=app.tenant)):
        grant = consent(by=by)
        open_session(app=by, grant_id=grant.id, operations=None, now=timezone.now())
    assert "2 apps are using your voice now" in text_of(mine.get("/"))


def test_stop_all(client, now):
    life = live(now)
    client.force_login(life.user)
    assert client.post("/stop-all/").url == "/"
    text = text_of(client.get("/"))
    assert re.search(r"Stopped: 2 consents, in \d+\.\d{3} seconds\.", text)
    assert "No longer allowed: Front Door, Storyteller." in text
    assert "Nobody is using your voice now" in text
    assert not Grant.objects.filter(state="given").exists()
    assert "Stopped:" not in text_of(client.get("/"))


def test_stop_all_stops_nobody_elses(mine, consent):
    other = consent(who=UserFactory())
    mine.post("/stop-all/")
    assert "There was nothing left to stop." in text_of(mine.get("/"))
    other.refresh_from_db()
    assert other.state == "given"


# --- the consent screen -----------------------------------------------------------------------------------------------


def test_the_notice_is_read_before_signing_in(client, app, ask):
    token = ask(operations=["synthesize", "upload"], term=timedelta(days=1, hours=12))
    page = screen(client, token)
    text = text_of(page)
    assert page.status_code == 200
    for body in Notice.objects.get(app=app, locale="en").body.values():
        assert " ".join(body.split()) in text
    assert "It may receive recordings of your voice, speak in your voice" in text
    assert "allow it for 1 day 12 hours, or not allow it" in text
    assert f'/accounts/login/?next=/consent/{token}/"' in page.content.decode()
    assert f'/accounts/signup/?next=/consent/{token}/"' in page.content.decode()
    assert 'name="choice"' not in page.content.decode()


def test_the_notice_in_chinese(client, ask):
    text = text_of(screen(client, ask(), **{"Accept-Language": "zh-CN,zh;q=0.9"}))
    assert "您上传的声音将用于生成语音，系统不会永久保存，请勿上传敏感对话。" in text
    assert "30 天" in text
    assert "是否提取声纹" in text


def test_it_says_who_will_be_bound(mine, user, app, ask, consent):
    text = text_of(screen(mine, ask()))
    assert f"Signed in as {user.email} . Your answer ties this account to the user for whom {app.name} asks." in text
    consent()
    assert f"{app.name} already knows this account as its user" in text_of(screen(mine, ask()))


@pytest.mark.parametrize(("choice", "uses"), [("once", 1), ("term", None)])
def test_allowing(mine, user, ask, choice, uses):
    token = ask()
    assert answer(mine, token, choice).url == f"/consent/{token}/"
    grant = Grant.objects.get()
    assert (grant.subject.user, grant.uses_left, grant.notice.locale) == (user, uses, "en")
    page = screen(mine, token)
    assert page.status_code == 200
    assert f"You allowed {grant.app.name}" in text_of(page)
    assert ("once" in text_of(page)) == (choice == "once")
    assert "Refresh" not in page.headers


def test_refusing(mine, app, ask):
    token = ask()
    answer(mine, token, "refuse")
    assert not Grant.objects.exists()
    assert f"You did not allow {app.name}" in text_of(screen(mine, token))


def test_what_was_on_the_screen_is_what_is_recorded(mine, ask):
    token = ask()
    mine.cookies["django_language"] = "zh-hans"
    text = screen(mine, token).content.decode()
    said = dict(re.findall(r'name="(notice|locale|screen)"\s+value="([^"]+)"', text))
    mine.cookies["django_language"] = "en"
    mine.post(f"/consent/{token}/", {**said, "choice": "term"})
    assert Grant.objects.get().notice.locale == "zh-hans"


def test_a_notice_that_changed_meanwhile_is_shown_again(mine, app, ask):
    token = ask()
    page = answer(mine, token, "term", notice=str(uuid.uuid4()))
    assert page.status_code == 409
    assert "What is asked has changed. Nothing was answered" in text_of(page)
    assert not Grant.objects.exists()


def test_an_answer_that_is_none(mine, ask):
    page = answer(mine, ask(), "perhaps")
    assert page.status_code == 400
    assert "This cannot be understood" in text_of(page)
    assert not Grant.objects.exists()


def test_answering_without_an_account(client, ask):
    token = ask()
    page = client.post(f"/consent/{token}/", {"choice": "term"})
    assert page.url == f"/accounts/login/?next=/consent/{token}/"
    assert not Grant.objects.exists()


def test_an_unknown_link(client, mine):
    for browser in (Client(), mine):
        assert screen(browser, "nobody-made-this").status_code == 404
    page = mine.post("/consent/nobody-made-this/", {"choice": "term"})
    assert page.status_code == 404
    assert "This link leads nowhere" in text_of(page)


def test_a_request_nobody_answered(mine, app):
    token = question(app, now=timezone.now() - timedelta(days=2))
    fresh = question(app, now=timezone.now())
    assert screen(mine, token).status_code == 410
    said = dict(re.findall(r'name="(notice|locale|screen)"\s+value="([^"]+)"', screen(mine, fresh).content.decode()))
    page = mine.post(f"/consent/{token}/", {**said, "choice": "term"})
    assert page.status_code == 410
    assert "This request is too old" in text_of(page)


def test_a_request_that_was_answered(client, user, app, now):
    token = question(app, now=now)
    allow(token=token, user=user, choice="once", locale="en", now=now)
    assert screen(client, token).status_code == 409
    client.force_login(UserFactory())
    page = screen(client, token)
    assert page.status_code == 409
    assert "This request has been answered" in text_of(page)
    assert user.email not in text_of(page)
    client.force_login(user)
    assert screen(client, token).status_code == 200


def test_pressing_twice(mine, ask):
    token = ask()
    said = dict(re.findall(r'name="(notice|locale|screen)"\s+value="([^"]+)"', screen(mine, token).content.decode()))
    for status in (302, 409):
        assert mine.post(f"/consent/{token}/", {**said, "choice": "term"}).status_code == status
    assert Grant.objects.count() == 1


def test_a_user_who_is_somebody_else(mine, user, consent, ask):
    consent(who=UserFactory(email="the-other@test.localhost"))
    token = ask()
    page = screen(mine, token)
    assert page.status_code == 409
    assert "This request is for somebody else" in text_of(page)
    assert "the-other" not in text_of(page)
    fresh = ask(ref="user-2")
    said = dict(re.findall(r'name="(notice|locale|screen)"\s+value="([^"]+)"', screen(mine, fresh).content.decode()))
    assert mine.post(f"/consent/{token}/", {**said, "choice": "refuse"}).status_code == 409


def test_the_way_back(mine, ask):
    token = ask(return_url="https://app.test/back?a=1&b=", client_state="x/y z")
    answer(mine, token, "term")
    page = screen(mine, token)
    request_id = Grant.objects.get().request_id
    back = f"https://app.test/back?a=1&b=&request={request_id}&outcome=given&state=x%2Fy+z"
    assert page.headers["Refresh"] == f"0;url={back}"
    assert "You are being taken back" in text_of(page)
    again = screen(mine, token)
    assert "Refresh" not in again.headers
    assert back.replace("&", "&amp;") in again.content.decode()


def test_a_way_back_that_is_written_in_chinese(mine, ask):
    token = ask(return_url="https://app.test/返回")
    answer(mine, token, "refuse")
    assert screen(mine, token).headers["Refresh"].startswith(f"0;url=https://app.test/{quote('返回')}?request=")


# --- apps ---------------------------------------------------------------------------------------------------------


def test_no_apps_yet(mine):
    text = text_of(mine.get("/apps/"))
    assert "No app may use your voice" in text
    assert "ended" not in text


def test_apps(client, now):
    life = live(now)
    client.force_login(life.user)
    text = text_of(client.get("/apps/"))
    assert text.index("Storyteller reading texts in your voice") < text.index("1 consent that has ended")
    assert "Allowed once, until" in text
    assert "You stopped it on" in text


def test_stopping_takes_one_click(mine, consent, app):
    grant = consent()
    page = mine.get("/apps/").content.decode()
    assert page.count(f'action="/apps/withdraw/{grant.id}/"') == 1
    stopped = mine.post(f"/apps/withdraw/{grant.id}/")
    assert stopped.url == "/apps/"
    grant.refresh_from_db()
    assert grant.state == "withdrawn"
    assert f"Stopped: {app.name}, voice cloning. The next use is refused." in text_of(mine.get("/apps/"))
    mine.post(f"/apps/withdraw/{grant.id}/")
    assert "This had ended already, or changed meanwhile." in text_of(mine.get("/apps/"))


def test_nobody_elses_grant_can_be_stopped_or_seen(mine, consent, app):
    grant = consent(who=UserFactory())
    assert mine.post(f"/apps/withdraw/{grant.id}/").status_code == 404
    grant.refresh_from_db()
    assert grant.state == "given"
    assert app.name not in text_of(mine.get("/apps/"))


@pytest.mark.parametrize(
    ("changes", "active", "sentence"),
    [
        ({}, True, "Allowed until"),
        ({"uses_left": 1}, True, "Allowed once, until"),
        ({"uses_left": 0}, True, "Allowed once. The one use has begun."),
        ({"state": "paused"}, True, "Paused: your voice is not used."),
        ({"state": "stale"}, True, "On hold, because records were restored from a backup."),
        ({"state": "stale", "end_reason": "majority"}, True, "On hold, because you are grown up"),
        ({"state": "withdrawn"}, False, "You stopped it on"),
        ({"state": "expired"}, False, "Ran out on"),
        ({"state": "exhausted"}, False, "Used once, as you allowed."),
        ({"state": "revoked"}, False, "No longer valid since"),
        ({"valid_until": timezone.now() - timedelta(minutes=1)}, False, "Ran out on"),
    ],
)
def test_where_a_grant_stands(mine, consent, changes, active, sentence):
    grant = consent()
    Grant.objects.filter(id=grant.id).update(**changes)
    text = mine.get("/apps/").content.decode()
    assert sentence in text_of(mine.get("/apps/"))
    assert (f"/apps/withdraw/{grant.id}/" in text) == active


def test_a_suspended_app(mine, consent, app):
    consent()
    app.suspended_at = timezone.now()
    app.save()
    assert "This app is suspended and may not use your voice." in text_of(mine.get("/apps/"))


# --- records ------------------------------------------------------------------------------------------------------


def test_no_records_yet(mine):
    text = text_of(mine.get("/records/"))
    assert "Nothing has happened yet." in text
    assert "Nothing. A recording appears here" in text


def test_records(client, now):
    life = live(now)
    client.force_login(life.user)
    page = client.get("/records/")
    text = text_of(page)
    for sentence in (
        "Storyteller recorded your voice 3.5 seconds at 16 kHz to be destroyed by",
        "A recording or picture that Storyteller received became unreadable: its key was destroyed",
        "A recording or picture that Storyteller received was deleted",
        "You did not allow Front Door: recognising you by voice",
        "Storyteller tried to use your voice and was refused Why: your consent had been taken back",
        "Storyteller no longer uses your voice Why: the app closed it",
        "… waiting to be sealed",
        "Storyteller computed a voiceprint of you made from 1 earlier thing never stored, gone by",
        (
            "Storyteller made speech in your voice 2.5 seconds made from 1 earlier thing "
            "Marked as AI-made: a label in the file (GB 45438), an audible rhythm kept by the app, to be destroyed by"
        ),
        "A voiceprint made by Storyteller is over with its session: it was never stored",
        "Reported too late: Storyteller made speech in your voice",
        (
            "Without permission: Storyteller made speech in your voice Why: your consent had been taken back "
            "It has to be destroyed at once."
        ),
        "Storyteller was asked to destroy what it keeps: speech in your voice it has until",
        "Storyteller confirmed that it has destroyed this: speech in your voice gone since",
        "Recording, 3.5 seconds Kept here, encrypted, until",
        "Recording, 4.2 seconds Destroyed at",
        "Voiceprint Never stored. It was in memory only, and its session is over.",
        "Speech in your voice, 1.2 seconds Reported only after the session in which you allowed it had ended.",
        "Speech in your voice, 0.8 seconds Made without your permission. It has to be destroyed at once.",
        "Speech in your voice, 6.0 seconds Kept by Storyteller, until",
        "Also made from: Speech in your voice, 6.0 seconds (",
        "Erase and 2 things made from it",
    ):
        assert sentence in text
    assert re.search(r"in the public log, no\. \d+", text)
    proof = re.search(r'href="(/api/v1/entries/[0-9a-f-]{36}/proof)"', page.content.decode())[1]
    assert client.get(proof).status_code == 200
    checkpoint = re.search(r'href="(/log/[^"]+/checkpoint)"', page.content.decode())[1]
    assert client.get(checkpoint).content


def test_records_of_others_are_not_there(mine, consent):
    consent(who=UserFactory())
    assert "Nothing has happened yet." in text_of(mine.get("/records/"))


def test_older_records(mine, user, app, now, monkeypatch):
    monkeypatch.setattr(records_view, "RECORDS_A_PAGE", 4)
    for minute in range(5):
        at = now - timedelta(minutes=minute)
        grant = allow(token=question(app, now=at), user=user, choice="term", locale="en", now=at)
        withdraw(grant_id=grant.id, user=user, now=at)
    seen, path = [], "/records/"
    while path:
        page = mine.get(path).content.decode()
        seen += re.findall(r'data-ref="([0-9a-f-]+)"', page)
        found = re.search(r'href="(\?before=[^"]+)"', page)
        path = f"/records/{found[1]}" if found else None
    assert len(seen) == 4 + 5 * 2  # after the first answer the app's user is known, so that asking is a record too
    assert "There is nothing older." in text_of(mine.get("/records/?before=2020-01-01T00:00:00Z"))


@pytest.mark.parametrize("before", ["yesterday", "2026-13-45T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01"])
def test_a_page_of_records_that_is_none(mine, before):
    assert mine.get("/records/", {"before": before}).status_code == 404


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Kept here, encrypted, until"),
        ({"expires_at": timezone.now() - timedelta(hours=1)}, "Being destroyed now."),
        ({"state": Artifact.State.ERASING}, "Being destroyed now."),
        ({"state": Artifact.State.SHREDDED, "key_destroyed_at": timezone.now()}, "Unreadable since"),
        ({"state": Artifact.State.ERASED, "erased_at": timezone.now()}, "Destroyed at"),
    ],
)
def test_what_became_of_a_recording(mine, api, consent, clip, changes, sentence):
    session = api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"]
    api.upload(session, clip)
    Artifact.objects.update(**changes)
    assert sentence in text_of(mine.get("/records/"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"custody": "app"}, "Kept by Voice app"),
        ({"custody": "app", "expires_at": timezone.now()}, "which is being asked to destroy it."),
        (
            {"custody": "app", "state": Artifact.State.ERASING, "erase_requested_at": timezone.now()},
            "to destroy it, and has not confirmed yet.",
        ),
        ({"custody": "app", "state": Artifact.State.ERASED, "erased_at": timezone.now()}, "that it is destroyed."),
        ({"custody": "none"}, "Never stored: in memory only, until its session ends."),
        ({"custody": "none", "state": Artifact.State.ERASED}, "Never stored. It was in memory only"),
        ({"marking": "c2pa"}, "Marked as AI-made: signed data in the file (C2PA)"),
        ({"kind": "hologram", "duration_ms": None}, "hologram"),
    ],
)
def test_where_a_thing_is(mine, api, consent, clip, changes, sentence):
    session = api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"]
    api.upload(session, clip)
    Artifact.objects.update(**changes)
    assert sentence in text_of(mine.get("/records/"))


def test_what_is_gone_is_put_away(client, now):
    life = live(now)
    client.force_login(life.user)
    page = client.get("/records/").content.decode()
    assert "What is gone" not in page
    Artifact.objects.exclude(state=Artifact.State.ERASED).update(state=Artifact.State.ERASED, erased_at=now)
    page = client.get("/records/").content.decode()
    assert page.index("Nothing of it is left.") < page.index("What is gone") < page.index("Recording, 4.2")
    assert "/records/erase/" not in page


def test_only_the_newest_things_are_shown(client, now, monkeypatch):
    monkeypatch.setattr(records_view, "THINGS_SHOWN", 2)
    life = live(now)
    client.force_login(life.user)
    text = text_of(client.get("/records/"))
    assert "Older things are left out here." in text
    assert "Also made from: Recording, 3.5 seconds (" in text, "what it was made from is told though it is not shown"


# --- erasing one thing --------------------------------------------------------------------------------------------


def test_erasing_one_thing_takes_what_was_made_from_it(client, now):
    life = live(now)
    client.force_login(life.user)
    recording = Artifact.objects.get(kind="upload", state="active")
    assert client.post(f"/records/erase/{recording.id}/").url == "/records/"
    assert "Being erased, with all that was made from it." in text_of(client.get("/records/"))
    sweep(clock=timezone.now)
    recording.refresh_from_db()
    assert recording.state == "erased"
    assert sorted(recording.children.values_list("custody", "state")) == [("app", "erasing"), ("vault", "erased")]
    assert (
        "A recording or picture that Storyteller received is to go before its time with 2 things made from it"
        in text_of(client.get("/records/"))
    )
    client.post(f"/records/erase/{recording.id}/")
    assert "This had gone already." in text_of(client.get("/records/"))


def test_nobody_elses_thing_can_be_erased(mine, now):
    live(now)
    thing = Artifact.objects.get(kind="upload", state="active")
    assert mine.post(f"/records/erase/{thing.id}/").status_code == 404
    assert mine.post(f"/records/erase/{uuid.uuid4()}/").status_code == 404
    before = thing.expires_at
    thing.refresh_from_db()
    assert thing.expires_at == before


# --- rights -------------------------------------------------------------------------------------------------------


def test_no_rights_to_use_yet(mine):
    text = text_of(mine.get("/rights/"))
    assert "No app knows you, so there is nothing to erase." in text
    assert "None. An erasure appears here with each step" in text
    for path in ("/rights/erase/", f"/rights/erase/{uuid.uuid4()}/"):
        for ask in (mine.get, mine.post):
            assert ask(path).url == "/rights/"
            assert "There is nothing here that could be erased." in text_of(mine.get("/rights/"))


def test_first_it_says_what_goes_and_what_stays(client, now):
    life = live(now)
    client.force_login(life.user)
    assert text_of(client.get("/rights/")).count("Erase what it has") == 2
    text = text_of(client.get("/rights/erase/"))
    for sentence in (
        "The 2 consents that stand end at once",
        "2 things kept here are destroyed within seconds",
        "4 things are kept by apps themselves. The app is told to destroy what it keeps, and has 7 days to confirm.",
        "for 6 months, under a key of its own",
        "This cannot be undone",
        "It concerns: Front Door, Storyteller",
    ):
        assert sentence in text
    text = text_of(client.get(f"/rights/erase/{life.door.id}/"))
    assert "The 1 consent that stands ends at once" in text
    assert "Nothing made of your voice is kept here at this moment." in text
    assert "What other apps have of you." in text
    assert "It concerns" not in text
    assert not Erasure.objects.exists(), "looking asks for nothing"


def test_erasing_everything(client, now):
    life = live(now)
    sign_in_just_now(client, life.user)
    answer = client.post("/rights/erase/")
    erasure = Erasure.objects.get()
    assert answer.url == f"/rights/erasures/{erasure.id}/"
    assert not Grant.objects.filter(state="given").exists()
    text = text_of(client.get(answer.url))
    assert "It has begun. From now on none of it can be used." in text
    assert "Everything in the log of Harbour Audio Being destroyed" in text
    assert "things kept here are gone" in text
    assert client.post("/rights/erase/").url == "/rights/", "a second press finds nothing left"
    assert Erasure.objects.count() == 1
    assert "Everything in the log of Harbour Audio Being destroyed" in text_of(client.get("/rights/"))
    assert client.get("/rights/erase/").url == "/rights/"


def test_erasing_one_app_leaves_the_other(client, now):
    life = live(now)
    sign_in_just_now(client, life.user)
    client.post(f"/rights/erase/{life.story.id}/")
    assert [grant.app for grant in Grant.objects.filter(state="given")] == [life.door]
    page = text_of(client.get("/rights/"))
    assert "Front Door Erase what it has" in page
    assert "What Storyteller has of you Being destroyed" in page


def test_erasures_in_two_logs_are_followed_from_the_list(client, now, consent):
    life = live(now)
    consent(who=life.user)
    sign_in_just_now(client, life.user)
    assert client.post("/rights/erase/").url == "/rights/"
    assert text_of(client.get("/rights/")).count("Being destroyed") == 2


def test_following_an_erasure(client, now):
    life = live(now)
    leaving = leave(life, now)
    client.force_login(life.user)
    text = text_of(client.get(f"/rights/erasures/{leaving.waiting.id}/"))
    for sentence in (
        "What Karaoke Bar has of you Overdue: waiting for apps",
        "1 of 1 thing kept here is gone: first its key, then its bytes. The last went at",
        "Confirmed by the apps (under way) Waiting for 1 app. Overdue since",
        "Certificate signed (to come)",
        "Kept here for Karaoke Bar 1 of 1 thing gone Gone since",
        "Kept by Karaoke Bar 0 of 1 thing gone Asked at",
        "Not delivered: without a hook, the app sees it when it asks.",
        "Overdue: it had until",
        "See where it stands now",
    ):
        assert sentence in text
    assert "Download" not in text
    text = text_of(client.get(f"/rights/erasures/{leaving.done.id}/"))
    for sentence in (
        "What Night Radio has of you Done, with a certificate",
        "Every app has confirmed.",
        "Nobody can read any more what was done.",
        "Certificate signed (done) Signed at",
        "Kept by Night Radio 1 of 1 thing gone",
        "Download the certificate",
        "consonant verify certificate",
        "Keep it well: our copy, and this page, are deleted on",
    ):
        assert sentence in text
    assert "See where it stands now" not in text
    assert "Overdue: waiting for apps" in text_of(client.get("/rights/"))
    Erasure.objects.filter(id=leaving.waiting.id).update(state="completed", keys_destroyed_at=now)
    text = text_of(client.get(f"/rights/erasures/{leaving.waiting.id}/"))
    assert "Not every app confirmed in time; the certificate says so." in text
    assert "Overdue: it had until" in text


def test_the_certificate(client, now, tmp_path):
    life = live(now)
    leaving = leave(life, now)
    client.force_login(life.user)
    answer = client.get(f"/rights/erasures/{leaving.done.id}/certificate")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="erasure-{leaving.done.id}.json"'
    assert "no-store" in answer.headers["Cache-Control"]
    (tmp_path / "certificate.json").write_bytes(answer.content)
    call_command("verify_certificate", tmp_path / "certificate.json")
    assert client.get(f"/rights/erasures/{leaving.waiting.id}/certificate").status_code == 404


def test_nobody_elses_erasure_is_there(client, mine, now):
    leaving = leave(live(now), now)
    for erasure in (leaving.done, leaving.waiting):
        for path in (f"/rights/erasures/{erasure.id}/", f"/rights/erasures/{erasure.id}/certificate"):
            assert mine.get(path).status_code == 404
    assert "Your erasures None." in text_of(mine.get("/rights/"))


@pytest.mark.parametrize(
    ("changes", "summary", "current"),
    [
        ({"state": "approved"}, "Being destroyed", "Destroyed here"),
        ({"state": "dispatching"}, "Being destroyed", "Destroyed here"),
        ({"state": "failed"}, "Being destroyed", "Destroyed here"),
        ({"state": "awaiting_acks"}, "Waiting for apps to confirm", "Confirmed by the apps"),
        ({"state": "verifying"}, "Being destroyed", "Your records made unreadable"),
        ({"state": "completed"}, "Done; the certificate is being made", "Your records made unreadable"),
        (
            {"state": "completed", "keys_destroyed_at": timezone.now()},
            "Done; the certificate is being made",
            "Certificate signed",
        ),
        ({"asked_by": "app:x"}, "Being destroyed", "Destroyed here"),
    ],
)
def test_where_an_erasure_stands(mine, api, consent, clip, changes, summary, current):
    session = api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"]
    api.upload(session, clip)
    api.delete("/v1/voice/consent/user-1")
    Erasure.objects.update(**changes)
    page = mine.get(f"/rights/erasures/{Erasure.objects.get().id}/")
    assert summary in text_of(page)
    assert re.search(r'aria-current="step">\s*<h3>\s*([^<]+?)\s*<', page.content.decode())[1] == current
    assert "The app asked for it at" in text_of(page)
    assert "The app had your data erased on" in text_of(mine.get("/apps/"))
    assert "had your data erased, which ended your consent" in text_of(mine.get("/records/"))


def test_an_erasure_of_nothing(mine, consent, user):
    grant = consent()
    mine.post("/rights/erase/")
    text = text_of(mine.get(f"/rights/erasures/{Erasure.objects.get(bindings=grant.binding).id}/"))
    assert "Nothing was kept here." in text
    assert "No app keeps anything itself." in text
    assert "Nobody: nothing had been made of your voice." in text


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"asked_at": None}, "About to be asked."),
        ({}, "Not confirmed yet; it has until"),
        ({"delivered_at": timezone.now()}, "The app took the message at"),
        ({"delivery_failed": True}, "The message could not be delivered."),
        ({"overdue": True}, "Overdue: it had until"),
        ({"gone": 1, "acknowledged_at": timezone.now()}, "Confirmed at"),
    ],
)
def test_what_a_holder_did(app, now, changes, line):
    holder = Holder(
        **{
            "app": app,
            "custody": "app",
            "total": 1,
            "gone": 0,
            "asked_at": now,
            "delivered_at": None,
            "delivery_failed": False,
            "acknowledged_at": None,
            "overdue": False,
        }
        | changes
    )
    told = held(holder, Erasure(acks_due_at=now))
    assert any(line in each for each in told.lines)
    assert told.tone == ("yes" if holder.gone else "stopped" if holder.overdue else "")


def test_every_refusal_and_every_kind_has_words(now):
    from consent import terms

    known = {value.reason for value in vars(terms).values() if isinstance(value, Refusal)}
    known |= {refusal.reason for refusal in terms._BY_STATE.values()}
    assert known - {"consent_unknown"} <= set(entries._REFUSALS)
    assert told("something.new").sentence == "something.new"
    assert told("access.viewed").sentence == "A compliance officer looked at a record about you"
    gone = told(
        "artifact.erase_acknowledged",
        artifact_kind="synthesis",
        outcome="not_found",
        deleted_at=now.isoformat(),
        signed=True,
    )
    assert gone.sentence == "An app confirmed that it no longer has this: speech in your voice"
    assert gone.details[1] == "the confirmation is signed"
    late = told("erasure.escalated", unacknowledged=2)
    assert late.sentence == "An erasure is overdue: 2 things are not confirmed by their apps"
    for kind in ("consent.expired", "consent.exhausted"):
        assert "An app" in told(kind, purpose="voice-cloning").sentence


def told(kind, *, actor="subject", **payload):
    """Tell an entry of an app that is not known any more."""
    return entries.tell(
        Record(uuid.uuid4(), "log", None, timezone.now(), kind, payload, None, False, "", "", actor=actor)
    )


LIFE = {
    "consent.given": ("allowed", {"choice": "term", "operations": ["upload"], "valid_until": "2026-01-01T00:00:00Z"}),
    "consent.refused": ("did not allow", {}),
    "consent.paused": ("paused", {"reason": "paused_by_guardian"}),
    "consent.resumed": ("allowed", {}),
    "consent.renewed": ("confirmed your consent", {"notice": {"version": 2}}),
    "consent.withdrawn": ("stopped", {"reason": "withdrawn_by_guardian"}),
}


@pytest.mark.parametrize("kind", LIFE)
def test_who_acted_is_told(kind):
    act, payload = LIFE[kind]
    assert told(kind, purpose="voice-cloning", **payload).sentence.startswith(f"You {act}")
    for actor, who in (("guardian", "Your guardian"), ("attorney", "Your attorney"), ("estate", "The estate")):
        assert told(kind, actor=actor, purpose="voice-cloning", **payload).sentence.startswith(f"{who} {act}")


@pytest.mark.parametrize(
    ("kind", "reason", "said"),
    [
        ("consent.stale", "notice_changed", "The app has changed what it says in something that matters."),
        ("consent.stale", "records_restored", "Records were restored from a backup, and something may be missing."),
        ("consent.stale", "majority", "You are grown up, and your guardian had allowed it."),
        *(("consent.revoked", reason, "Why: ") for reason in REVOKED_FOR),
        *(("consent.invalidated", reason, "Why: ") for reason in INVALID_FOR),
        ("session.closed", "consent_paused", "Why: your consent was paused"),
        ("session.closed", "app_suspended", "Why: the app was suspended"),
    ],
)
def test_why_is_told(kind, reason, said):
    (line,) = told(kind, purpose="voice-cloning", reason=reason).details
    assert line.startswith(said)
    assert line != f"Why: {reason}"


def test_every_entry_about_consent_has_words():
    states = {f"consent.{state}" for state in State} - {"consent.unknown", "consent.requested"}
    for kind in states | {"consent.deferred", "consent.resumed"}:
        assert kind in entries._TELLERS, kind
    assert told("consent.deferred", purpose="voice-cloning").sentence.startswith("The answer to An app was put off")
    assert "not confirmed in time" in told("consent.expired", purpose="x", reason="not_confirmed").sentence


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(days=30), "30 days"),
        (timedelta(days=1, hours=12), "1 day 12 hours"),
        (timedelta(seconds=8), "8 seconds"),
        (timedelta(minutes=61), "1 hour 1 minute"),
        (timedelta(milliseconds=200), "1 second"),
    ],
)
def test_terms(span, said):
    assert words.term(span) == said


# --- the tour -------------------------------------------------------------------------------------------------------


@pytest.fixture
def note(settings, tmp_path):
    """Where the tour leaves its note."""
    settings.VAR = tmp_path
    (tmp_path / "demo").mkdir()
    return tmp_path / "demo" / "tour.json"


def test_no_tour_yet(client, note):
    assert "make demo" in text_of(client.get("/tour/"))
    assert 'href="/tour/"' not in client.get("/").content.decode()


def test_the_tour(client, note):
    note.write_text(
        json.dumps(
            {
                "at": "2026-11-21T08:00:00Z",
                "steps": [
                    {"who": "speaker", "what": "allows it <b>once</b>", "where": "http://testserver/apps/"},
                    {"who": "app", "what": "records", "where": "https://elsewhere.test/"},
                    {"who": "log", "what": "seals", "where": 7},
                ],
                "links": [
                    {"title": "An entry's proof", "url": "/api/v1/entries/x/proof?a=1", "what": "as JSON"},
                    {"title": "Elsewhere", "url": "//elsewhere.test/x", "what": ""},
                ],
            }
        )
    )
    page = client.get("/tour/")
    text = page.content.decode()
    assert "allows it &lt;b&gt;once&lt;/b&gt;" in text
    assert re.findall(r'<a (?:class="mono" )?href="([^"]+)"', text[text.index("<main") : text.index("</main")]) == [
        "/api/v1/entries/x/proof?a=1",
        "/apps/",
    ]
    assert "https://elsewhere.test/" in text_of(page), "told, and not linked"
    assert client.get("/").content.decode().count('href="/tour/"') == 2


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//elsewhere.test/",
        "https://elsewhere.test/",
        "http://testserver//elsewhere.test/",
        "/\\elsewhere.test/",
        "apps/",
        "",
        None,
        ["/"],
        "/" + "x" * 600,
    ],
)
def test_a_tour_leads_nowhere_else(client, note, url):
    note.write_text(json.dumps({"steps": [], "links": [{"title": "A way out", "url": url}]}))
    text = text_of(client.get("/tour/"))
    assert "The tour left no addresses." in text
    assert "A way out" not in text


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({"steps": [{"what": "x" * 400}] * 1000}).encode(),
    ],
    ids=["empty", "cut", "list", "bytes", "deep", "long"],
)
def test_a_note_that_cannot_be_read_is_none(client, note, said):
    note.write_bytes(said)
    assert "No tour has been taken yet" in text_of(client.get("/tour/"))


@pytest.mark.parametrize(
    "said", [{"steps": 7, "links": {}, "at": "2026-99-99T00:00:00Z"}, {"steps": ["x", None]}, {"at": 5}, {}]
)
def test_a_note_that_tells_little(client, note, said):
    note.write_text(json.dumps(said))
    text = text_of(client.get("/tour/"))
    assert "What it made is still there" in text
    assert "The tour wrote down no steps." in text


def test_no_tour_but_on_a_developers_machine(client, note, settings):
    note.write_text("{}")
    settings.LOCAL = False
    assert client.get("/tour/").status_code == 404
    assert "/tour/" not in client.get("/").content.decode()


# --- errors, language, theme ------------------------------------------------------------------------------------------


def test_nothing_here(client):
    page = client.get("/nothing/")
    assert page.status_code == 404
    assert "There is nothing here" in text_of(page)
    assert "这里什么也没有" in text_of(client.get("/nothing/", headers={"Accept-Language": "zh-CN"}))


def test_our_own_mistake(client, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(now_view, "render", broken)
    client.raise_request_exception = False
    page = client.get("/")
    assert page.status_code == 500
    assert "Something went wrong here" in text_of(page)
    assert "a mistake" not in text_of(page)


def test_theme(client):
    page = client.post("/theme/", {"theme": "dark", "next": "/accounts/login/"})
    assert page.url == "/accounts/login/"
    assert 'data-theme="dark"' in client.get("/").content.decode()
    client.post("/theme/", {"theme": "auto"})
    assert "data-theme" not in client.get("/").content.decode()
    client.cookies["theme"] = '"><script>'
    assert "data-theme" not in client.get("/").content.decode()


@pytest.mark.parametrize("target", ["https://elsewhere.test/", "//elsewhere.test/", "javascript:alert(1)"])
def test_theme_leads_nowhere_else(client, target):
    assert client.post("/theme/", {"theme": "dark", "next": target}).url == "/"


def test_language(client):
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})
    page = client.get("/")
    assert "谁能用您的声音，由您决定" in text_of(page)
    assert 'lang="zh-hans"' in page.content.decode()


def test_refusing_binds_too(client, user, app, now):
    token = question(app, now=now)
    refuse(token=token, user=user, locale="en", now=now)
    client.force_login(user)
    other = question(app, now=now, operations=("upload", "embed"))
    assert "already knows this account" in text_of(screen(client, other))


def test_what_ended_long_ago_is_counted_and_it_says_that_it_is_not_shown(mine, consent, app, monkeypatch):
    monkeypatch.setattr("portal.views.apps._ENDED_SHOWN", 1)
    for _ in range(2):
        withdraw(grant_id=consent().id, user=Grant.objects.first().subject.user, now=timezone.now())
    text = text_of(mine.get("/apps/"))
    assert "2 consents that have ended" in text
    assert "The newest 1 stand here." in text


def test_a_picture_is_called_a_picture(mine, user, tenant):
    """In what there is, in what happened, and when it goes."""
    app = AppFactory(tenant=tenant, purposes=["digital-human"])
    api = Api(app)
    session = begun(api, allowed(app, user, COLLECT))
    assert portray(api, session).status_code == 201
    assert api.upload(session, speech()).status_code == 201
    text = text_of(mine.get("/records/"))
    assert f"{app.name} received a picture of you" in text
    assert f"{app.name} recorded your voice" in text
    assert "Picture of you" in text
    assert text.count("Recording,") == 1
    picture = Artifact.objects.get(media=["portrait"])
    mine.post(f"/records/erase/{picture.id}/")
    assert f"A recording or picture that {app.name} received is to go before its time" in text_of(mine.get("/records/"))
