"""What the consent screen shows and keeps, what it asks first, and what becomes of an answer afterwards, page by page."""

import hashlib
import re
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from consent.allow import allow
from consent.models import ConsentRequest, Delegation, Grant, Notice, Purpose, Screen
from consent.notice_texts import Recipient
from consent.open_session import Opened, open_session
from consent.suspend import suspend
from portal.forms import About
from tests.factories import AppFactory, UserFactory
from tests.portal.scene import question, restless, reword

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def young():
    """A browser of somebody who has not said how old they are."""
    person = UserFactory(is_adult=False)
    browser = Client()
    browser.force_login(person)
    browser.person = person
    return browser


def form(page):
    """Return what the hidden fields of the answer's form hold."""
    return dict(re.findall(r'name="(notice|locale|screen)"\s+value="([^"]+)"', page.content.decode()))


def answer(browser, token, choice, **said):
    return browser.post(f"/consent/{token}/", form(browser.get(f"/consent/{token}/")) | {"choice": choice} | said)


def text_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def main(page):
    return page.content.decode().partition("<main")[2].partition("</main>")[0]


# --- what was shown ---------------------------------------------------------------------------------------------------


def test_what_is_kept_was_on_the_screen_word_for_word(mine, user, app, now):
    token = question(app, now=now, operations=("upload", "embed"))
    shown = mine.get(f"/consent/{token}/").content.decode()
    answer(mine, token, "once")
    grant = Grant.objects.get()
    kept = grant.screen.html
    notice, answers = kept.split("</article>")
    assert notice.strip() in shown
    assert answers.strip() in shown
    assert grant.screen_id == hashlib.sha256(kept.encode()).hexdigest()
    for word in (
        app.name,
        app.tenant.name,
        "Allow once",
        "Allow for 30 days",
        "Don&#x27;t allow",
        "voiceprint from them",
    ):
        assert word in kept
    for secret in (user.email, token, "csrf", str(user.id), str(timezone.now().year)):
        assert secret not in kept


def test_the_same_screen_is_kept_once_for_everybody(app, now):
    for ref in ("a", "b"):
        browser = Client()
        browser.force_login(UserFactory())
        answer(browser, question(app, now=now, ref=ref), "term")
    assert Grant.objects.values_list("screen", flat=True).distinct().count() == Screen.objects.count() == 1


def test_the_screen_is_in_the_language_it_was_read_in(mine, app, now):
    token = question(app, now=now)
    mine.cookies["django_language"] = "zh-hans"
    said = form(mine.get(f"/consent/{token}/"))
    mine.cookies["django_language"] = "en"
    mine.post(f"/consent/{token}/", {**said, "choice": "term"})
    grant = Grant.objects.get()
    assert grant.notice.locale == "zh-hans"
    assert 'lang="zh-hans"' in grant.screen.html
    assert "请勿上传敏感对话" in grant.screen.html


@pytest.mark.parametrize("change", ["notice", "app", "screen"])
def test_an_answer_to_another_screen_is_none(mine, app, now, change):
    token = question(app, now=now)
    said = form(mine.get(f"/consent/{token}/"))
    if change == "notice":
        reword(app, "voice-cloning", now=now, material=False, stored="Somewhere else.")
    elif change == "app":
        type(app).objects.filter(id=app.id).update(name="Another name")
    else:
        said["screen"] = hashlib.sha256(b"another").hexdigest()
    for choice in ("once", "term", "refuse"):
        page = mine.post(f"/consent/{token}/", {**said, "choice": choice})
        assert page.status_code == 409
        assert "What is asked has changed. Nothing was answered" in text_of(page)
    assert not Grant.objects.exists()
    assert ConsentRequest.objects.get().state == "requested"
    assert mine.post(f"/consent/{token}/", {**form(page), "choice": "term"}).status_code == 302


def test_every_field_of_a_notice_is_shown_and_an_unknown_one_is_not(client, app, now):
    notice = Notice.objects.get(app=app, locale="en")
    texts = [" ".join(text.split()) for text in notice.body.values()]
    body = {**notice.body, "something_new": "NOBODY KNOWS THIS FIELD"}
    fresh = Notice.objects.create(
        app=app,
        purpose=notice.purpose,
        locale="en",
        version=2,
        operations=notice.operations,
        body=body,
        published_at=now,
    )
    page = client.get(f"/notices/{fresh.id}/")
    text = text_of(page)
    assert len(texts) > 20
    assert [said for said in texts if said not in text] == []
    assert "NOBODY KNOWS" not in text


def test_whom_a_voice_is_handed_to_is_said_first(client, tenant, now):
    other = Recipient(
        "Radio Nine", "nine@radio.test", ("Broadcasts", "广播"), ("By wire", "传输"), ("Recordings", "录音")
    )
    app = AppFactory(tenant=tenant, purposes=["voice-sharing"], recipient=other)
    token = question(app, now=now, purpose="voice-sharing", operations=("provide",))
    before, after = main(client.get(f"/consent/{token}/")).split("<details")[:2]
    assert "Radio Nine" in before
    assert "Broadcasts" in before
    assert "hand recordings of your voice to another company" in before
    assert "nine@radio.test" in after


def test_a_language_that_is_none_answers_nothing(mine, app, now):
    token = question(app, now=now)
    mine.cookies["django_language"] = "zh-hans"
    for nothing in ("\0", "de", ""):
        assert answer(mine, token, "term", locale=nothing).status_code == 409
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    ("scope", "says", "says_not"),
    [
        (["voice"], "receive recordings of your voice, compute a voiceprint", "picture"),
        (["portrait"], "receive pictures of you, compute a faceprint", "your voice"),
        (["portrait", "voice"], "receive recordings of your voice and pictures of you", "\0"),
    ],
)
def test_what_is_asked_for_a_picture_is_not_said_of_a_voice(mine, tenant, now, scope, says, says_not):
    app = AppFactory(tenant=tenant, purposes=["digital-human"])
    token = question(app, now=now, purpose="digital-human", operations=("upload", "embed"), scope=scope)
    (may,) = re.findall(r"<dt>It may</dt>\s*<dd>(.*?)</dd>", mine.get(f"/consent/{token}/").content.decode(), re.DOTALL)
    assert says in " ".join(may.split())
    assert says_not not in may
    answer(mine, token, "term")
    stands = text_of(mine.get("/apps/"))
    assert says in stands
    grant = Grant.objects.get()
    open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now())
    assert says in text_of(mine.get("/"))
    assert says in text_of(mine.get("/records/"))


def test_g2_one_purpose_nothing_ticked_and_a_no_leaves_the_rest(mine, user, tenant, now):
    app = AppFactory(tenant=tenant, purposes=["voice-cloning", "text-to-speech"])
    User.objects.filter(id=user.id).update(is_adult=False)
    one = question(app, now=now)
    page = main(mine.get(f"/consent/{one}/"))
    assert 'type="radio"' in page
    assert not re.search(r"\bchecked\b|\bselected\b", page)
    answer(mine, one, "refuse")
    other = question(app, now=now, purpose="text-to-speech")
    assert answer(mine, other, "term", age="adult").status_code == 302
    (grant,) = Grant.objects.all()
    assert grant.purpose_id == "text-to-speech"
    assert Purpose.objects.filter(grant=grant).count() == 1
    assert isinstance(open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now()), Opened)


# --- how old, and where -----------------------------------------------------------------------------------------------


def test_who_never_said_is_asked_in_the_same_form_and_answers_at_once(young, app, now):
    token = question(app, now=now)
    text = text_of(young.get(f"/consent/{token}/"))
    assert "How old are you?" in text
    assert "Where do you live?" in text
    assert answer(young, token, "term", age="adult", residence="US-IL").status_code == 302
    person = User.objects.get(id=young.person.id)
    assert (person.is_adult, person.born_on, person.residence) == (True, None, "US-IL")
    assert Grant.objects.get().jurisdiction == "US-IL"
    other = question(app, now=now, operations=("embed", "upload"))
    assert "How old are you?" not in text_of(young.get(f"/consent/{other}/"))


def test_a_no_needs_no_age(young, app, now):
    token = question(app, now=now)
    assert answer(young, token, "refuse").status_code == 302
    assert ConsentRequest.objects.get().state == "refused"
    assert not User.objects.get(id=young.person.id).is_adult


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "Please say how old you are."),
        ({"age": "minor"}, "Please say when you were born."),
        ({"age": "minor", "born_on": "1990-01-01"}, "Nobody born on that day is younger than 18 today."),
        ({"age": "minor", "born_on": "3000-01-01"}, "Nobody born on that day is younger than 18 today."),
        ({"age": "minor", "born_on": "soon"}, "Enter a valid date."),
        ({"age": "ancient"}, "is not one of the available choices"),
        ({"age": "adult", "residence": "Mars"}, None),
    ],
)
def test_an_age_that_is_none_answers_nothing(young, app, now, said, why):
    page = answer(young, question(app, now=now), "term", **said)
    assert page.status_code == 422
    assert "Nothing was answered yet" in text_of(page)
    if why:
        assert why in text_of(page)
    assert not Grant.objects.exists()
    person = User.objects.get(id=young.person.id)
    assert (person.is_adult, person.born_on, person.residence) == (False, None, "")


def test_g5_a_child_is_led_to_a_guardian_and_can_say_no(young, app, now):
    token = question(app, now=now)
    born = now.date().replace(day=1, year=now.year - 12)
    page = answer(young, token, "term", age="minor", born_on=born.isoformat(), residence="DE")
    assert page.url == f"/consent/{token}/"
    assert not Grant.objects.exists()
    page = young.get(page.url)
    text = text_of(page)
    assert "You are too young to allow this yourself." in text
    assert f"/consent/{token}/" in text, "the link to pass on"
    assert 'value="term"' not in main(page)
    # Nor does the child become an adult by another answer.
    said = form(page) | {"choice": "term", "age": "adult"}
    assert young.post(f"/consent/{token}/", said).status_code == 302
    assert not Grant.objects.exists()
    assert User.objects.get(id=young.person.id).born_on == born
    assert answer(young, token, "refuse").status_code == 302
    assert ConsentRequest.objects.get().state == "refused"


def test_a_minor_above_the_age_of_consent_answers_alone(young, app, now):
    born = now.date().replace(day=1, year=now.year - 15)
    assert answer(young, question(app, now=now), "term", age="minor", born_on=born.isoformat(), residence="CN")
    assert Grant.objects.get().actor == "self"


@pytest.mark.parametrize(("residence", "allowed"), [("", False), ("US", False), ("US-IL", False), ("DE", True)])
def test_b3_nothing_that_trades_voiceprints_where_illinois_may_be(mine, user, app, now, residence, allowed):
    Purpose.objects.filter(slug="voice-cloning").update(trades_voiceprints=True)
    User.objects.filter(id=user.id).update(residence=residence)
    token = question(app, now=now)
    assert ("Where do you live?" in text_of(mine.get(f"/consent/{token}/"))) == (residence == "")
    page = answer(mine, token, "term")
    assert page.status_code == (302 if allowed else 403)
    assert allowed or "the law of Illinois forbids" in text_of(page)
    assert Grant.objects.exists() == allowed


def test_the_form_has_every_place_where_the_law_differs():
    from consent.capacity import AGE_OF_CONSENT

    codes = {code for code, _ in About(today=timezone.now().date()).fields["residence"].choices}
    assert codes == {"", "US", "US-CA", "US-CO", "US-IL", "US-TN", "US-TX", "ZZ", *AGE_OF_CONSENT}


# --- somebody for somebody --------------------------------------------------------------------------------------------


@pytest.fixture
def guardian(now):
    """A browser of a guardian, whose child has no account."""
    child = UserFactory(
        email="child@test.localhost", is_adult=False, born_on=now.date().replace(year=now.year - 9, day=1)
    )
    browser = Client()
    person = UserFactory()
    browser.force_login(person)
    browser.child = child
    browser.by = Delegation.objects.create(
        principal=child,
        delegate=person,
        relationship="guardian",
        label="Little one",
        state=Delegation.State.APPROVED,
        requested_at=now,
        valid_until=now + timedelta(days=3000),
    )
    return browser


def test_a_guardian_answers_for_the_child_and_it_says_so(guardian, app, now):
    token = question(app, now=now)
    page = guardian.get(f"/consent/{token}/")
    assert "Answer for Little one" in text_of(page)
    chosen = guardian.post("/act-for/", {"delegation": str(guardian.by.id), "next": f"/consent/{token}/"})
    assert chosen.url == f"/consent/{token}/"
    text = text_of(guardian.get(chosen.url))
    assert "You answer for Little one as guardian" in text
    assert "How old" not in text
    assert answer(guardian, token, "term").status_code == 302
    grant = Grant.objects.get()
    assert (grant.subject.user, grant.actor, grant.delegation) == (guardian.child, "guardian", guardian.by)
    assert "allowed by your guardian" in text_of(guardian.get("/apps/"))
    guardian.post("/act-for/")
    assert app.name not in text_of(guardian.get("/apps/"))


def test_a_link_of_the_childs_leads_the_guardian_to_act_for_it(guardian, app, now):
    token = question(app, now=now)
    allow(token=token, user=guardian.child, choice="once", locale="en", now=now, by=guardian.by)
    page = guardian.get(f"/consent/{question(app, now=now)}/")
    assert page.status_code == 409
    assert "This request is for somebody else" in text_of(page)
    assert "Answer for Little one" in text_of(page)


def test_a_delegation_that_has_ended_answers_nothing(guardian, app, now):
    token = question(app, now=now)
    guardian.post("/act-for/", {"delegation": str(guardian.by.id)})
    said = form(guardian.get(f"/consent/{token}/"))
    Delegation.objects.update(state=Delegation.State.ENDED)
    assert guardian.post(f"/consent/{token}/", {**said, "choice": "term"}).status_code == 403
    assert not Grant.objects.exists()


# --- later, elsewhere -------------------------------------------------------------------------------------------------


def test_putting_it_off_decides_nothing_and_it_can_still_be_answered(client, mine, app, api, now):
    token = question(app, now=now, return_url="https://app.test/back", client_state="s")
    assert Client().post(f"/consent/{token}/later/").url == f"/consent/{token}/"
    asked = ConsentRequest.objects.get()
    assert asked.state == "deferred"
    assert api.get(f"/api/v1/consent-requests/{asked.id}").json()["state"] == "deferred"
    page = mine.get(f"/consent/{token}/")
    assert "You put this off." in text_of(page)
    assert f"https://app.test/back?request={asked.id}&amp;outcome=deferred&amp;state=s" in page.content.decode()
    assert answer(mine, token, "term").status_code == 302
    assert Grant.objects.exists()
    again = mine.post(f"/consent/{token}/later/")
    assert again.status_code == 409
    assert mine.post("/consent/nobody-made-this/later/").status_code == 404


def test_the_link_as_a_qr_code(client, api, app):
    made = api.ask()
    assert made.status_code == 201
    assert made.json()["qr"] == made.json()["url"] + "qr.svg"
    page = client.get("/consent/" + made.json()["qr"].partition("/consent/")[2])
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "image/svg+xml"
    assert {"no-store", "private"} <= set(page.headers["Cache-Control"].split(", "))
    drawn = ET.fromstring(page.content)
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert client.get("/consent/nobody-made-this/qr.svg").status_code == 404


def test_the_qr_code_is_gone_with_the_answer(client, mine, app, now):
    token = question(app, now=now)
    answer(mine, token, "refuse")
    assert client.get(f"/consent/{token}/qr.svg").status_code == 404


# --- pause, confirm, take back ----------------------------------------------------------------------------------------


def refused_for(grant):
    """Return why a use is refused now, or nothing."""
    found = open_session(app=grant.app, grant_id=grant.id, operations=None, now=timezone.now())
    return "" if isinstance(found, Opened) else found.reason


def test_pausing_and_resuming(mine, consent):
    grant = consent()
    assert mine.post(f"/apps/pause/{grant.id}/").url == "/apps/"
    text = text_of(mine.get("/apps/"))
    assert "Nothing is destroyed, and your voice is not used." in text
    assert "Resume" in text
    assert refused_for(grant) == "consent_paused"
    assert "One consent is paused." in text_of(mine.get("/"))
    mine.post(f"/apps/resume/{grant.id}/")
    assert "Allowed again:" in text_of(mine.get("/apps/"))
    assert refused_for(grant) == ""
    mine.post(f"/apps/resume/{grant.id}/")
    assert "This had ended already, or changed meanwhile." in text_of(mine.get("/apps/"))


def test_nobody_elses_is_paused_resumed_or_confirmed(mine, consent):
    grant = consent(who=UserFactory())
    for path in ("pause", "resume"):
        assert mine.post(f"/apps/{path}/{grant.id}/").status_code == 404
    assert mine.get(f"/apps/confirm/{grant.id}/").status_code == 404
    assert mine.post(f"/apps/confirm/{grant.id}/", {"choice": "confirm"}).status_code == 404
    grant.refresh_from_db()
    assert grant.state == "given"


@pytest.fixture
def stale(client, now):
    """A browser of somebody one of whose consents rests, since the notice has changed."""
    user, grants = restless(now)
    client.force_login(user)
    client.grants = grants
    client.stale = grants["Storyteller"]
    return client


def test_each_consent_has_the_buttons_that_it_can_have(stale):
    page = stale.get("/apps/").content.decode()
    has = {
        name: {word for word in ("withdraw", "pause", "resume", "confirm") if f"/apps/{word}/{grant.id}/" in page}
        for name, grant in stale.grants.items()
    }
    assert has == {
        "Storyteller": {"withdraw", "confirm"},
        "Front Door": {"withdraw", "resume"},
        "Karaoke Bar": {"withdraw", "pause"},
        "Night Radio": {"withdraw"},
    }
    text = text_of(stale.get("/apps/"))
    assert text.count("The app has worded its notice anew since; nothing that matters has changed. Read it") == 1
    assert "Used once, as you allowed." in text
    assert "One consent rests until you confirm it again." in text_of(stale.get("/"))


def test_what_is_left_of_a_used_consent_can_be_taken_back(stale):
    grant = stale.grants["Night Radio"]
    assert grant.state == "exhausted"
    stale.post(f"/apps/withdraw/{grant.id}/")
    grant.refresh_from_db()
    assert grant.state == "withdrawn"


def test_p2_what_has_changed_is_shown_and_confirmed(stale):
    grant = stale.stale
    assert refused_for(grant) == "consent_stale"
    page = stale.get(f"/apps/confirm/{grant.id}/")
    text = text_of(page)
    assert "What has changed" in text
    assert "Now: A recording is kept for 10 minutes." in text
    assert "Before: A recording is kept for at most 5 minutes" in text
    assert text.count("Before:") == 1, "only what has changed"
    before = Screen.objects.count()
    stale.post(f"/apps/confirm/{grant.id}/", {**form(page), "choice": "confirm"})
    assert "Confirmed: Storyteller, voice cloning." in text_of(stale.get("/apps/"))
    grant.refresh_from_db()
    assert (grant.state, grant.notice.version) == ("renewed", 2)
    assert Screen.objects.count() == before + 1
    assert "A recording is kept for 10 minutes." in grant.screen.html
    assert refused_for(grant) == ""
    page = stale.get(f"/apps/confirm/{grant.id}/")
    assert page.url == "/apps/"


def test_not_now_leaves_it_resting_and_stop_ends_it(stale):
    grant = stale.stale
    said = form(stale.get(f"/apps/confirm/{grant.id}/"))
    stale.post(f"/apps/confirm/{grant.id}/", {**said, "choice": "later"})
    assert refused_for(grant) == "consent_stale"
    stale.post(f"/apps/confirm/{grant.id}/", {**said, "choice": "stop"})
    assert refused_for(grant) == "consent_withdrawn"
    assert stale.post(f"/apps/confirm/{grant.id}/", {**said, "choice": "perhaps"}).status_code == 400


@pytest.mark.parametrize("change", ["notice", "screen", "nothing", "nonsense"])
def test_confirming_what_was_not_shown_confirms_nothing(stale, now, change):
    grant = stale.stale
    said = form(stale.get(f"/apps/confirm/{grant.id}/"))
    if change == "notice":
        reword(grant.app, "voice-cloning", now=now, kept="A recording is kept for 20 minutes.")
    elif change == "screen":
        said["screen"] = hashlib.sha256(b"another").hexdigest()
    elif change == "nothing":
        said = {}
    else:
        said["notice"] = "no id"
    page = stale.post(f"/apps/confirm/{grant.id}/", {**said, "choice": "confirm"})
    assert page.status_code == 409
    assert "Nothing was answered" in text_of(page)
    grant.refresh_from_db()
    assert grant.state == "stale"


def test_what_the_new_notice_does_not_speak_of_can_only_be_stopped(stale):
    grant = stale.stale
    Grant.objects.filter(id=grant.id).update(operations=["upload", "combine"])
    page = stale.get(f"/apps/confirm/{grant.id}/")
    assert "cannot be confirmed" in text_of(page)
    assert 'value="confirm"' not in main(page)
    stale.post(f"/apps/confirm/{grant.id}/", {**form(page), "choice": "stop"})
    assert refused_for(grant) == "consent_withdrawn"


def test_s1_9_one_click_and_the_next_use_is_refused(mine, consent, app, clip, api):
    grant = consent()
    session = open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now()).session
    api.upload(str(session.id), clip)
    mine.post(f"/apps/withdraw/{grant.id}/")
    assert refused_for(grant) == "consent_withdrawn"
    assert api.upload(str(session.id), clip).status_code == 403
    assert "Being destroyed now." in text_of(mine.get("/records/"))


def test_a_suspended_app_is_said_to_be(mine, consent, app, now):
    consent()
    suspend(app_id=app.id, reason="x", officer="o", now=now)
    assert "This app is suspended and may not use your voice." in text_of(mine.get("/apps/"))


# --- notices for everybody --------------------------------------------------------------------------------------------


def test_a_published_notice_is_anybodys_and_a_draft_nobodys(client, app, now):
    notice = Notice.objects.get(app=app, locale="zh-hans")
    page = client.get(f"/notices/{notice.id}/")
    assert page.status_code == 200
    assert "请勿上传敏感对话" in text_of(page)
    assert 'lang="zh-hans"' in main(page)
    reword(app, "voice-cloning", now=now, kept="Longer.")
    assert "There is a newer one: version" in text_of(client.get(f"/notices/{notice.id}/"))
    draft = Notice.objects.create(
        app=app, purpose_id="voice-cloning", locale="en", version=9, operations=[], body={"title": "A draft"}
    )
    assert client.get(f"/notices/{draft.id}/").status_code == 404


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_say_and_keep(mine, user):
    text = text_of(mine.get("/settings/"))
    for words in ("Age and place", "Language", "After my death", "Passkeys", "Who acts for whom"):
        assert words in text
    assert mine.post("/settings/about/", {"age": "adult", "residence": "FR"}).url == "/settings/"
    assert "Saved." in text_of(mine.get("/settings/"))
    assert User.objects.get(id=user.id).residence == "FR"
    assert re.search(r'value="FR"\s+selected', mine.get("/settings/").content.decode())
    mine.post("/settings/about/", {"age": "adult", "residence": ""})
    assert User.objects.get(id=user.id).residence == ""
    assert mine.get("/settings/about/").url == "/settings/"


def test_p9_what_relatives_may_do_is_ones_own_to_say(mine, user, guardian):
    for said, kept in (("no", False), ("yes", True)):
        mine.post("/settings/about/", {"relatives": said})
        assert User.objects.get(id=user.id).relatives_may_act == kept
    assert mine.post("/settings/about/", {"relatives": "maybe"}).status_code == 400
    guardian.post("/act-for/", {"delegation": str(guardian.by.id)})
    assert "After my death" not in text_of(guardian.get("/settings/"))
    assert guardian.post("/settings/about/", {"relatives": "no"}).status_code == 400
    assert User.objects.get(id=guardian.child.id).relatives_may_act


def test_a_minor_cannot_become_an_adult_in_the_settings(young, now):
    born = now.date().replace(day=1, year=now.year - 12).isoformat()
    young.post("/settings/about/", {"age": "minor", "born_on": born, "residence": "DE"})
    assert born in young.get("/settings/").content.decode()
    young.post("/settings/about/", {"age": "adult", "residence": "DE"})
    assert "This cannot be changed by yourself while you are a minor." in text_of(young.get("/settings/"))
    assert not User.objects.get(id=young.person.id).is_adult
    page = young.post("/settings/about/", {"age": "minor", "born_on": "x", "residence": "DE"})
    assert page.status_code == 422
    assert "Enter a valid date." in text_of(page)
