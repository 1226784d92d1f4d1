"""Each page in each of its states, as Django's own client gets it."""

import re
import uuid
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from consent.allow import allow
from consent.models import Grant, Notice
from consent.open_session import open_session
from consent.queries import Record
from consent.refuse import refuse
from consent.terms import Refusal
from consent.withdraw import withdraw
from portal import views, words
from retention.models import Artifact
from tests.factories import AppFactory, UserFactory
from tests.portal.scene import live, question

pytestmark = pytest.mark.django_db

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
    said = dict(re.findall(r'type="hidden"\s+name="(notice|locale)"\s+value="([^"]+)"', text))
    return client.post(f"/consent/{token}/", {**said, "choice": choice, **changes})


def text_of(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


# --- what holds for every page ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/apps/", "/records/"])
def test_pages_about_a_person_are_kept_by_no_cache(mine, path):
    page = mine.get(path)
    assert page.status_code == 200
    assert {"no-store", "private"} <= set(page.headers["Cache-Control"].split(", "))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/apps/"),
        ("get", "/records/"),
        ("post", "/stop-all/"),
        ("post", f"/apps/withdraw/{uuid.uuid4()}/"),
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
        ("get", "/stop-all/"),
        ("put", "/consent/x/"),
        ("get", "/theme/"),
    ],
)
def test_no_other_method(mine, method, path):
    assert getattr(mine, method)(path).status_code == 405


def test_every_change_needs_its_token(user, app, now):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    for path in ("/stop-all/", f"/apps/withdraw/{uuid.uuid4()}/", f"/consent/{question(app, now=now)}/", "/theme/"):
        page = client.post(path)
        assert page.status_code == 403
        assert "This page was open too long" in text_of(page)


def test_nothing_inline_and_nothing_from_elsewhere(mine, ask):
    for path in ("/", "/apps/", "/records/", f"/consent/{ask()}/"):
        page = mine.get(path)
        assert "'unsafe" not in page.headers["Content-Security-Policy"]
        text = page.content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
        assert all(
            source.startswith("/static/") for source in re.findall(r'(?:src|rel="stylesheet" href)="([^"]+)"', text)
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
        assert body in text
    assert "It wants to: receive recordings of your voice speak in your voice" in text
    assert "Allow for 1 day 12 hours" in text
    assert f'/accounts/login/?next=/consent/{token}/"' in page.content.decode()
    assert f'/accounts/signup/?next=/consent/{token}/"' in page.content.decode()
    assert '<form class="answers"' not in page.content.decode()


def test_the_notice_in_chinese(client, ask):
    text = text_of(screen(client, ask(), **{"Accept-Language": "zh-CN,zh;q=0.9"}))
    assert "您上传的声音将用于生成语音，系统不会永久保存，请勿上传敏感对话。" in text
    assert "允许 30 天" in text
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
    said = dict(re.findall(r'name="(notice|locale)"\s+value="([^"]+)"', text))
    mine.cookies["django_language"] = "en"
    mine.post(f"/consent/{token}/", {**said, "choice": "term"})
    assert Grant.objects.get().notice.locale == "zh-hans"


def test_a_notice_that_changed_meanwhile_is_shown_again(mine, app, ask):
    token = ask()
    page = answer(mine, token, "term", notice=str(uuid.uuid4()))
    assert page.status_code == 409
    assert "The notice has changed. Nothing was answered" in text_of(page)
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
    said = dict(re.findall(r'name="(notice|locale)"\s+value="([^"]+)"', screen(mine, fresh).content.decode()))
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
    said = dict(re.findall(r'name="(notice|locale)"\s+value="([^"]+)"', screen(mine, token).content.decode()))
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
    said = dict(re.findall(r'name="(notice|locale)"\s+value="([^"]+)"', screen(mine, fresh).content.decode()))
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
    assert "This had ended already." in text_of(mine.get("/apps/"))


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
        ({"state": "paused"}, True, "Paused."),
        ({"state": "stale"}, True, "On hold, because the notice has changed."),
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
    assert "None. A recording appears here" in text


def test_records(client, now):
    life = live(now)
    client.force_login(life.user)
    page = client.get("/records/")
    text = text_of(page)
    for sentence in (
        "Storyteller recorded your voice 3.5 seconds at 16 kHz to be destroyed by",
        "A recording made by Storyteller became unreadable: its key was destroyed",
        "A recording made by Storyteller was deleted",
        "You did not allow Front Door: recognising you by voice",
        "Storyteller tried to use your voice and was refused Why: you had stopped it",
        "Storyteller no longer uses your voice Why: the app closed it",
        "… waiting to be sealed",
        "Storyteller, 3.5 seconds Stored, encrypted, until",
        "Storyteller, 4.2 seconds Destroyed at",
    ):
        assert sentence in text
    assert re.search(r"✓ in the signed log, no\. \d+ Proof of entry no\. \d+", text)
    proof = re.search(r'href="(/api/v1/entries/[0-9a-f-]{36}/proof)"', page.content.decode())[1]
    assert client.get(proof).status_code == 200
    checkpoint = re.search(r'href="(/log/[^"]+/checkpoint)"', page.content.decode())[1]
    assert b"".join(client.get(checkpoint).streaming_content)


def test_records_of_others_are_not_there(mine, consent):
    consent(who=UserFactory())
    assert "Nothing has happened yet." in text_of(mine.get("/records/"))


def test_older_records(mine, user, app, now, monkeypatch):
    monkeypatch.setattr(views, "RECORDS_A_PAGE", 4)
    for minute in range(5):
        at = now - timedelta(minutes=minute)
        grant = allow(token=question(app, now=at), user=user, choice="term", locale="en", now=at)
        withdraw(grant_id=grant.id, user=user, now=at)
    seen, path = [], "/records/"
    while path:
        page = mine.get(path).content.decode()
        seen += re.findall(r"/entries/([0-9a-f-]+)/proof|waiting to be sealed", page)
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
        ({}, "Stored, encrypted, until"),
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


def test_every_refusal_and_every_kind_has_words(now):
    from consent import terms

    known = {value.reason for value in vars(terms).values() if isinstance(value, Refusal)}
    known |= {refusal.reason for refusal in terms._BY_STATE.values()}
    assert known - {"consent_unknown"} <= set(words._REFUSALS)
    odd = Record(uuid.uuid4(), "log", None, now, "something.new", {}, None, sealed=False)
    assert words.tell(odd).sentence == "something.new"
    seen = Record(uuid.uuid4(), "log", None, now, "access.viewed", {}, None, sealed=False)
    assert words.tell(seen).sentence == "A compliance officer looked at a record about you"
    for kind in ("consent.expired", "consent.exhausted"):
        told = words.tell(
            Record(uuid.uuid4(), "log", None, now, kind, {"purpose": "voice-cloning"}, None, sealed=False)
        )
        assert "An app" in told.sentence


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


# --- errors, language, theme ------------------------------------------------------------------------------------------


def test_nothing_here(client):
    page = client.get("/nothing/")
    assert page.status_code == 404
    assert "There is nothing here" in text_of(page)
    assert "这里什么也没有" in text_of(client.get("/nothing/", headers={"Accept-Language": "zh-CN"}))


def test_our_own_mistake(client, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(views, "render", broken)
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
    assert "already knows this account" in text_of(screen(client, question(app, now=now)))
