"""What a person does, in a real browser: reads, signs in, answers, sees, stops, finds it recorded."""

import io
import re
import threading
import time

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import expect

from consent.allow import allow
from consent.close_session import close_session
from consent.models import Grant
from consent.open_session import open_session
from consent.queries import newest_notice
from consent.withdraw import withdraw
from portal.views import events
from retention.models import Artifact, Custody, Kind
from retention.pursue import pursue
from retention.record import upload
from retention.sweep import sweep
from tests.conftest import speech
from tests.factories import PASSWORD, UserFactory
from tests.portal.conftest import DESKTOP, PHONE
from tests.portal.scene import EVERYTHING, LABEL, confirm, leave, live, make, question, restless, seal

pytestmark = pytest.mark.browser

LOOKS = (
    "e => ['color', 'backgroundColor', 'borderColor', 'fontWeight', 'fontSize'].map(k => getComputedStyle(e)[k]).join()"
)
# Names, addresses and units that a Chinese page may hold.
FOREIGN = (
    r"Storyteller|Front Door|Harbour Audio|Karaoke Bar|Night Radio|Consonant|English|Cookie|UTC|kHz|docs|\S+@\S+"
    r"|consonant\.local\S*|/\S+|\bAI\b|\bGB \d+|C2PA|\b[0-9a-f]{8}\b|GDPR|make demo|PDF|consonant verify certificate|https?\b|localhost"
)


def english(text):
    """Return what is left of English on a page that should have none."""
    return re.findall(r"[A-Za-z]{2,}", re.sub(FOREIGN, "", text))


def sign_in(page, person):
    page.fill("[name=login]", person.email)
    page.fill("[name=password]", PASSWORD)
    page.click("main [type=submit]")


@pytest.mark.parametrize(
    ("size", "script"), [(PHONE, True), (DESKTOP, True), (PHONE, False)], ids=["phone", "desktop", "no-script"]
)
def test_the_journey(window, now, size, script):
    life, speaker = live(now), UserFactory()
    link = f"/consent/{question(life.story, now=now, ref='somebody-new', operations=EVERYTHING)}/"
    page = window(size=size, java_script_enabled=script)
    page.goto(link)
    expect(page.get_by_text("Please do not upload sensitive conversations.")).to_be_visible()
    page.get_by_role("link", name="Sign in to answer").click()
    sign_in(page, speaker)
    page.wait_for_url(f"**{link}")
    expect(page.get_by_text("Your answer ties this account to the user for whom Storyteller asks.")).to_be_visible()
    answers = page.locator(".answers button")
    boxes = [answers.nth(n).bounding_box() for n in range(3)]
    assert len({(box["width"], box["height"]) for box in boxes}) == 1
    assert len({answers.nth(n).evaluate(LOOKS) for n in range(3)}) == 1
    page.get_by_role("button", name="Allow for 30 days").click()
    expect(page.get_by_role("heading", name="You allowed Storyteller")).to_be_visible()
    grant = Grant.objects.get(subject__user=speaker)

    page.get_by_role("navigation").get_by_role("link", name="Now").click()
    expect(page.get_by_role("heading", name="Nobody is using your voice now")).to_be_visible()
    session = use(grant)
    page.reload() if not script else None
    page.get_by_role("heading", name="1 app is using your voice now").wait_for()
    recording = upload(app=grant.app, session_id=session.id, data=speech(2.0), ttl=None, now=timezone.now()).artifact
    voiceprint = make(session, Kind.EMBEDDING, custody=Custody.NONE, of=[recording], now=timezone.now())
    spoken = make(session, Kind.SYNTHESIS, of=[voiceprint], mark=LABEL, duration_ms=1_000, now=timezone.now())

    page.get_by_role("link", name="My records").click()
    line = page.locator(".things > .thing")
    expect(line.locator("h3")).to_have_text(
        ["Recording, 2.0 seconds", "Voiceprint", "Speech in your voice, 1.0 seconds"]
    )
    expect(line.locator(".thing .thing h3")).to_have_text("Speech in your voice, 1.0 seconds")
    assert "Marked as AI-made: a label in the file (GB 45438), an audible rhythm" in line.inner_text()
    assert "and 1 thing made from it" in line.inner_text(), "what was never stored has not to be erased"

    page.get_by_role("navigation").get_by_role("link", name="My apps").click()
    expect(page.get_by_role("heading", name="Storyteller")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped: Storyteller, voice cloning.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    grant.refresh_from_db()
    assert grant.state == "withdrawn"
    seal()
    page.get_by_role("link", name="My records").click()
    expect(page.locator(".timeline h3")).to_have_text(
        [
            "You stopped Storyteller: voice cloning",
            "Storyteller no longer uses your voice",
            "Storyteller made speech in your voice",
            "Storyteller computed a voiceprint of you",
            "Storyteller recorded your voice",
            "Storyteller began to use your voice",
            "You allowed Storyteller: voice cloning",
        ]
    )

    page.get_by_role("link", name="My rights").click()
    page.get_by_role("link", name="Erase what it has").click()
    page.get_by_role("heading", name="Erase what Storyteller has of you?").wait_for()
    expect(page.get_by_text("1 thing is kept by an app itself.")).to_be_visible()
    page.get_by_role("button", name="Erase what Storyteller has").click()
    page.get_by_text("It has begun.").wait_for()
    turn()
    page.get_by_role("link", name="See where it stands now").click()
    expect(page.locator("[aria-current=step] h3")).to_contain_text("Confirmed by the apps")
    expect(page.get_by_text("Waiting for 1 app.")).to_be_visible()
    expect(page.get_by_role("link", name="Download the certificate")).to_have_count(0)
    confirm(Artifact.objects.get(id=spoken.id), now=timezone.now())
    turn()
    turn()
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the certificate").click()
    said = io.StringIO()
    call_command("verify_certificate", download.value.path(), stdout=said)
    assert "error" not in said.getvalue()
    page.get_by_role("link", name="My records").click()
    expect(page.get_by_role("heading", name="My records", level=1)).to_be_visible()
    expect(page.locator(".timeline h3").filter(has_text="made")).to_have_count(0)

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Create an account")).to_be_visible()


def turn():
    """What the worker does in a second."""
    sweep(clock=timezone.now)
    pursue(clock=timezone.now)
    seal()


def test_one_switch_stops_all(window, now):
    life = live(now)
    page = window(user=life.user)
    page.goto("/")
    expect(page.get_by_role("heading", name="1 app is using your voice now")).to_be_visible()
    page.get_by_role("button", name="Stop everything now").click()
    expect(page.locator("main")).to_contain_text(re.compile(r"Stopped: 2 consents, in \d+\.\d{3} seconds"))
    expect(page.get_by_role("heading", name="Nobody is using your voice now")).to_be_visible()
    page.reload()
    assert "Stopped: 2" not in page.inner_text("main")


def use(grant):
    return open_session(app=grant.app, grant_id=grant.id, operations=None, now=timezone.now()).session


def leave_alone(grant):
    for session in grant.sessions.filter(closed_at=None):
        close_session(app=grant.app, session_id=session.id, now=timezone.now())


SECOND_USE = "Front Door began to use your voice"
SEEN_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"
HIDDEN = "state => Object.defineProperty(document, 'hidden', {value: state, configurable: true})"
FOCUS = "document.activeElement.id || document.activeElement.localName"


def test_now_stays_as_it_is_now(window, now, monkeypatch):
    monkeypatch.setattr(events, "LOOK_SECONDS", 1.0)  # as it runs
    life = live(now)
    page = window(user=life.user)
    page.goto("/")
    page.get_by_role("heading", name="1 app is using your voice now").wait_for()
    page.focus("#stop-all")
    took = []

    def see(name, *, role="heading"):
        start = time.monotonic()
        page.get_by_role(role, name=name).wait_for(timeout=5_000)
        took.append(time.monotonic() - start)

    leave_alone(life.standing)
    see("Nobody is using your voice now")
    assert page.inner_text("#now-said") == "Storyteller no longer uses your voice"
    assert page.evaluate(FOCUS) == "stop-all"
    use(life.once)
    see("1 app is using your voice now")
    assert page.inner_text("#now-said") == SECOND_USE
    use(life.standing)
    see("2 apps are using your voice now")
    assert page.locator("#now time").first.get_attribute("title").endswith(" UTC")
    for grant in (life.once, life.standing):
        withdraw(grant_id=grant.id, user=life.user, now=timezone.now())
    see("Nobody is using your voice now")
    expect(page.get_by_role("button", name="Stop everything now")).to_have_count(0)
    assert page.evaluate(FOCUS) == "h1", "what had the focus is gone; its place has it"
    assert max(took) < 3, took
    assert sorted(took)[1] < 1.6, took


def test_the_measured_time_stays_shown(window, now):
    life = live(now)
    page = window(user=life.user)
    page.goto("/")
    page.get_by_role("button", name="Stop everything now").click()
    page.get_by_text(re.compile(r"Stopped: 2 consents, in \d+\.\d{3} seconds")).wait_for()
    token = question(life.story, now=timezone.now())
    use(allow(token=token, user=life.user, choice="term", locale="en", now=timezone.now()))
    page.get_by_role("heading", name="1 app is using your voice now").wait_for()
    expect(page.get_by_text(re.compile(r"Stopped: 2 consents, in"))).to_be_visible()


def test_where_there_is_no_room_the_page_asks(window, now, monkeypatch):
    monkeypatch.setattr(events, "_room", threading.BoundedSemaphore(0))
    life = live(now)
    leave_alone(life.standing)
    page = window(user=life.user)
    with page.expect_response("**/now/card?*") as asked:
        page.goto("/")
    assert asked.value.status == 204
    use(life.standing)
    page.get_by_role("heading", name="1 app is using your voice now").wait_for(timeout=6_000)


def test_a_page_that_nobody_looks_at_rests(window, now):
    life = live(now)
    page = window(user=life.user)
    page.goto("/")
    page.evaluate(HIDDEN, True)
    page.evaluate(SEEN_AGAIN)
    leave_alone(life.standing)
    page.wait_for_timeout(1_600)
    expect(page.get_by_role("heading", name="1 app is using your voice now")).to_be_visible()
    page.evaluate(HIDDEN, False)
    page.evaluate(SEEN_AGAIN)
    page.get_by_role("heading", name="Nobody is using your voice now").wait_for(timeout=1_500)


def test_a_page_says_when_it_may_be_out_of_date(window, now):
    life = live(now)
    page = window(user=life.user)
    page.goto("/")
    lost = page.get_by_text("The service does not answer.")
    expect(lost).to_be_hidden()
    page.context.set_offline(True)
    page.evaluate(SEEN_AGAIN)
    lost.wait_for()
    page.context.set_offline(False)
    leave_alone(life.standing)
    page.get_by_role("heading", name="Nobody is using your voice now").wait_for(timeout=15_000)
    lost.wait_for(state="hidden")
    assert all("ERR_INTERNET_DISCONNECTED" in said for said in window.complaints)
    window.complaints.clear()


def test_signing_out_elsewhere_clears_the_page(window, now):
    page = window(user=live(now).user)
    page.goto("/")
    other = page.context.new_page()
    other.goto("/apps/")
    other.get_by_role("button", name="Sign out").click()
    other.close()
    page.get_by_role("link", name="Create an account").wait_for(timeout=8_000)
    assert all("403" in said for said in window.complaints)
    window.complaints.clear()


def test_without_script_the_page_says_when_it_was(window, now):
    life = live(now)
    page = window(user=life.user, java_script_enabled=False)
    page.goto("/")
    expect(page.get_by_text(re.compile("As it was at .* UTC. Reload the page"))).to_be_visible()
    leave_alone(life.standing)
    page.reload()
    expect(page.get_by_role("heading", name="Nobody is using your voice now")).to_be_visible()


def test_the_way_back_to_the_app(window, site, now):
    """To another origin, and not by a redirect of the form, which `form-action 'self'` stops in Chromium."""
    life = live(now)
    there = site.origin.replace("127.0.0.1", "localhost") + "/healthz?keep=me"
    link = f"/consent/{question(life.story, now=now, return_url=there, client_state='a b&c')}/"
    page = window(user=life.user)
    page.goto(link)
    page.get_by_role("button", name="Don't allow").click()
    page.wait_for_url(re.compile("^http://localhost:"))
    assert re.search(r"/healthz\?keep=me&request=[0-9a-f-]{36}&outcome=refused&state=a\+b%26c$", page.url)
    page.goto(link)
    expect(page.get_by_role("link", name="Back to Storyteller")).to_be_visible()
    # It left, as it should, and there asked for an icon in vain.
    assert all("localhost" in said or "404" in said for said in window.complaints)
    window.complaints.clear()


def test_signing_up_on_the_way_to_an_answer(window, now):
    life = live(now)
    link = f"/consent/{question(life.story, now=now, ref='newcomer')}/"
    page = window(language="zh-hans")
    page.goto(link)
    page.get_by_role("link", name="注册账号").click()
    page.get_by_label("邮箱").fill("newcomer@test.localhost")
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_label("再次输入密码").fill(PASSWORD)
    page.click("main [type=submit]")
    page.get_by_label("验证码").wait_for()
    letter = mail.outbox[-1]
    code = re.search(r"^ {4}(\S+)$", letter.body, re.MULTILINE)[1]
    assert code in letter.subject
    assert english((letter.subject + letter.body).replace(code, "").replace("http:", "")) in ([], ["localhost"])
    page.get_by_label("验证码").fill(code)
    page.get_by_role("button", name="确认").click()
    page.wait_for_url(f"**{link}")
    page.get_by_label("已满 18 岁").check()
    page.get_by_role("button", name="仅允许一次").click()
    expect(page.get_by_role("heading", name="您已同意 Storyteller")).to_be_visible()
    assert Grant.objects.get(subject__user__email="newcomer@test.localhost").notice.locale == "zh-hans"


def test_a_chinese_page_is_chinese(window, now):
    life = live(now)
    leaving = leave(life, now)
    restless_one, grants = restless(now)
    pages = {
        None: [
            "/tour/",
            "/",
            f"/consent/{life.open_link}/",
            "/accounts/login/",
            "/accounts/signup/",
            "/accounts/password/reset/",
        ],
        life.user: [
            "/",
            "/apps/",
            "/records/",
            "/rights/",
            "/rights/erase/",
            f"/rights/erase/{life.story.id}/",
            f"/rights/erasures/{leaving.waiting.id}/",
            f"/rights/erasures/{leaving.done.id}/",
            f"/consent/{life.open_link}/",
            f"/consent/{life.answered_link}/",
            f"/consent/{life.refused_link}/",
            "/settings/",
            f"/notices/{newest_notice(app_id=life.story.id, purpose_id='voice-cloning', locale='zh-hans').id}/",
            "/accounts/email/",
            "/accounts/password/change/",
            "/accounts/logout/",
        ],
        UserFactory(): ["/", "/apps/", "/records/", "/rights/"],
        UserFactory(is_adult=False): ["/settings/", f"/consent/{question(life.story, now=now, ref='young')}/"],
        restless_one: ["/", "/apps/", "/records/", f"/apps/confirm/{grants['Storyteller'].id}/"],
    }
    for person, paths in pages.items():
        page = window(user=person, language="zh-hans")
        for path in paths:
            page.goto(path)
            assert page.get_attribute("html", "lang") == "zh-hans"
            assert english(page.inner_text("body")) == [], path


def test_language_and_theme_are_one_click_away_without_script(window, now):
    page = window(user=live(now).user, java_script_enabled=False)
    page.goto("/records/")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("h1")).to_have_text("我的记录")
    assert page.url.endswith("/records/")
    page.get_by_role("button", name="深色").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="As the device").click()
    expect(page.locator("html[data-theme]")).to_have_count(0)
    expect(page.locator("time").first).to_have_text(re.compile(" UTC$"))


def test_times_are_the_readers_own(window, now):
    page = window(user=live(now).user)
    page.goto("/records/")
    shown, utc = page.locator("time").first.inner_text(), page.locator("time").first.get_attribute("title")
    assert utc.endswith(" UTC")
    assert (int(shown[-8:-6]) - int(utc[-12:-10])) % 24 == 8


def test_the_keyboard_is_enough(window, now):
    life = live(now)
    page = window(user=life.user, size=DESKTOP)
    page.goto(f"/consent/{life.open_link}/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.value"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == [None, "once", "term", "refuse"], "all the details come before the answers"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You allowed Storyteller").wait_for()
    assert Grant.objects.latest("valid_from").uses_left is None
