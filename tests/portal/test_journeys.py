"""Whole ways through the portal, in a real browser: asked, answered, used, confirmed, stopped; on a phone and a desktop, in two languages.

What a page says is looked up in the catalogues, so that a journey reads the page as its reader does. Every way ends with what the app is
told: the decision, not the page, is what counts.
"""

import re
import threading
import time

import httpx
import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import gettext, override
from playwright.sync_api import expect

from accounts.models import User
from consent.close_session import close_session
from consent.delegate_decide import approve
from consent.lapse import lapse
from consent.models import ConsentRequest, Delegation, Grant
from consent.open_session import Opened, open_session
from tests.factories import PASSWORD, SECRET, AppFactory, OfficerFactory, TenantFactory, UserFactory
from tests.portal.conftest import DESKTOP, PHONE
from tests.portal.scene import EVERYTHING, question, reword, seal

pytestmark = pytest.mark.browser

VIEWS = {"phone-zh": (PHONE, "zh-hans"), "desktop-en": (DESKTOP, "en")}
PDF = {"name": "birth.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}


@pytest.fixture(params=VIEWS.values(), ids=VIEWS)
def view(request):
    return request.param


@pytest.fixture
def app(site):
    return AppFactory(tenant=TenantFactory(name="Harbour Audio"), name="Storyteller", purposes=["voice-cloning"])


class Reader:
    """A person at a window, who reads one language."""

    def __init__(self, window, *, size=DESKTOP, language="en", who=None, **more):
        self.who = who or UserFactory()
        self.page = window(user=self.who, size=size, language=language, **more)
        self.language = language
        self.steps = 0
        """Pages opened and things pressed."""

    def words(self, text, **filled):
        with override(self.language):
            return gettext(text) % filled

    def open(self, path):
        self.steps += 1
        return self.page.goto(path)

    def press(self, text, *, role="button", **filled):
        self.steps += 1
        self.page.get_by_role(role, name=self.words(text, **filled)).first.click()

    def answer(self, choice):
        """Press one of the three: `once`, `term`, `refuse`."""
        self.steps += 1
        self.page.click(f".answers [value={choice}]")

    def sees(self, text, **filled):
        expect(self.page.locator("main")).to_contain_text(self.words(text, **filled))

    def ask(self, app, **asked):
        """Open the link of a new request."""
        token = question(app, now=timezone.now(), **{"operations": EVERYTHING, "ref": str(self.who.id), **asked})
        self.open(f"/consent/{token}/")
        return token

    @property
    def grant(self):
        return Grant.objects.filter(subject__user=self.who).latest("id")


def use(grant):
    """Ask to use the voice: nothing, or why not."""
    found = open_session(app=grant.app, grant_id=grant.id, operations=None, now=timezone.now())
    return "" if isinstance(found, Opened) else found.reason


def end(grant):
    for session in grant.sessions.filter(closed_at=None):
        close_session(app=grant.app, session_id=session.id, now=timezone.now())


# --- asked, answered, used, stopped -----------------------------------------------------------------------------------


def test_allowed_once_used_and_the_second_use_refused(window, app, view):
    size, language = view
    reader = Reader(window, size=size, language=language)
    reader.ask(app)
    reader.answer("once")
    reader.sees("You allowed %(app)s", app="Storyteller")
    grant = reader.grant
    assert (use(grant), use(grant)) == ("", "uses_exhausted")
    end(grant)
    assert use(grant) == "uses_exhausted"
    reader.open("/apps/")
    reader.sees("No app may use your voice")
    seal()
    reader.open("/records/")
    reader.sees("you had allowed one use, and it was over")
    assert grant.screen.html


def test_allowed_for_thirty_days_and_off_in_one_click(window, app, view):
    size, language = view
    reader = Reader(window, size=size, language=language)
    reader.ask(app)
    reader.answer("term")
    grant = reader.grant
    assert grant.uses_left is None
    assert [use(grant) for _ in range(3)] == ["", "", ""]
    reader.press("My apps", role="link")
    reader.press("Stop")
    assert use(grant) == "consent_withdrawn"
    reader.sees("No app may use your voice")


def test_refused(window, app, view):
    size, language = view
    reader = Reader(window, size=size, language=language)
    reader.ask(app)
    reader.answer("refuse")
    reader.sees("You did not allow %(app)s", app="Storyteller")
    assert not Grant.objects.exists()
    assert ConsentRequest.objects.get().state == "refused"


def test_put_off_and_answered_later(window, app):
    reader = Reader(window)
    token = reader.ask(app)
    reader.press("Decide later")
    expect(reader.page.get_by_text("You put this off. Nothing is decided")).to_be_visible()
    assert ConsentRequest.objects.get().state == "deferred"
    reader.open(f"/consent/{token}/")
    reader.answer("once")
    assert use(reader.grant) == ""


def test_a_changed_notice_rests_until_it_is_read_and_confirmed(window, app, view):
    size, language = view
    reader = Reader(window, size=size, language=language)
    reader.ask(app)
    reader.answer("term")
    grant = reader.grant
    assert use(grant) == ""
    reword(app, "voice-cloning", now=timezone.now(), kept="A recording is kept for 10 minutes.")
    assert use(grant) == "consent_stale", "at once, before the state follows"
    lapse(now=timezone.now())
    reader.open("/")
    reader.press("See what has changed", role="link")
    reader.press("Confirm again", role="link")
    reader.sees("What has changed")
    expect(reader.page.locator("ins")).to_have_text(
        "A recording is kept for 10 minutes." if language == "en" else "这句话的内容现在与之前不同。"
    )
    reader.press("Confirm")
    grant.refresh_from_db()
    assert (grant.state, grant.notice.version, grant.notice.locale) == ("renewed", 2, language)
    assert use(grant) == ""


def test_s0_10_asked_by_default_seen_in_use_and_one_click_off(window, app):
    """Like a browser's camera."""
    reader = Reader(window)
    reader.ask(app)
    assert not Grant.objects.exists()
    reader.answer("term")
    reader.open("/")
    reader.sees("Nobody is using your voice now")
    assert use(reader.grant) == ""
    reader.page.get_by_role("heading", name="1 app is using your voice now").wait_for(timeout=5_000)
    reader.press("Stop everything now")
    reader.page.get_by_role("heading", name="Nobody is using your voice now").wait_for()
    assert use(reader.grant) == "consent_withdrawn"


def test_stop_all_while_speech_is_made(window, site, app, view):
    """An app makes speech over the real API as fast as it can, until it is refused."""
    size, language = view
    reader = Reader(window, size=size, language=language)
    reader.ask(app)
    reader.answer("term")
    grant = reader.grant
    reader.open("/")
    lane = Lane(site, app, grant)
    lane.start()
    try:
        assert lane.works.wait(10)
        reader.page.locator(".wave.live").wait_for(timeout=10_000)
        start = time.monotonic()
        reader.press("Stop everything now")
        lane.join(10)
    finally:
        lane.stopped = True
        lane.join(10)
    assert lane.reason == "consent_withdrawn"
    assert lane.refused_at - start < 1.5, "from the click to the first refusal, with the page's own work in it"
    assert lane.made >= 1
    said = reader.page.locator("main .message").first.inner_text()
    measured = float(re.search(r"(\d+\.\d{3})", said)[1])
    assert measured < 1
    reader.sees("Nobody is using your voice now")
    assert use(grant) == "consent_withdrawn"


class Lane(threading.Thread):
    """An app that records one piece of speech after the other, and opens a session whenever it has none."""

    def __init__(self, site, app, grant):
        super().__init__()
        self.works, self.stopped, self.made, self.reason, self.refused_at = threading.Event(), False, 0, "", 0.0
        self._site, self._app, self._grant = site, app, grant

    def run(self):
        with httpx.Client(base_url=self._site.origin, timeout=10, trust_env=False) as http:
            login = {"grant_type": "client_credentials", "scope": "consent record"}
            token = http.post("/oauth/token", data=login, auth=(self._app.client_id, SECRET)).json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            answer = http.post("/api/v1/sessions", json={"grant": str(self._grant.id)})
            session = answer.json()["id"]
            while not self.stopped and not self.reason:
                answer = http.post("/api/v1/syntheses", json=SPEECH | {"session": session})
                if answer.status_code == 201 and answer.json().get("standing", "permitted") == "permitted":
                    self.made += 1
                    self.works.set()
                    continue
                self.refused_at = time.monotonic()
                answer = http.post("/api/v1/sessions", json={"grant": str(self._grant.id)})
                self.reason = answer.json().get("reason", "")


SPEECH = {
    "custody": "app",
    "duration_ms": 900,
    "mark": {"kind": "watermark", "watermark_id": "wm-1"},
}


# --- as few steps to take back as to give -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_g3_taking_back_takes_no_more_steps_than_giving(window, app, size):
    """Pages opened and things pressed, over the real pages: from the link to the yes, and from the first page to the end of it."""
    reader = Reader(window, size=size)
    reader.ask(app)
    reader.answer("term")
    reader.sees("You allowed Storyteller")
    giving, reader.steps = reader.steps, 0

    reader.page.goto("/")  # where the person is; giving began at the app's own page
    reader.press("My apps", role="link")
    reader.press("Stop")
    reader.sees("Stopped: Storyteller")
    taking, reader.steps = reader.steps, 0
    assert use(reader.grant) == "consent_withdrawn"
    assert taking <= giving == 2

    reader.ask(app)
    reader.answer("term")
    reader.page.goto("/")
    reader.steps = 0
    reader.press("Stop everything now")
    reader.page.get_by_text(re.compile("Stopped: 1 consent")).wait_for()
    assert reader.steps == 1 < giving
    assert use(reader.grant) == "consent_withdrawn"
    # No stronger login and no other channel: nothing more was asked than the session that gave it.
    assert reader.page.get_by_label("Password").count() == 0


# --- the screen itself ------------------------------------------------------------------------------------------------

LOOKS = """e => ['color', 'backgroundColor', 'borderColor', 'borderWidth', 'fontWeight', 'fontSize', 'opacity', 'boxShadow']
  .map(k => getComputedStyle(e)[k]).join()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_p1_three_equal_answers_within_reach(window, app, size, language, scheme):
    reader = Reader(window, size=size, language=language, scheme=scheme)
    reader.ask(app)
    answers = reader.page.locator(".answers button")
    assert answers.evaluate_all("all => all.map(each => each.value)") == ["once", "term", "refuse"]
    boxes = [answers.nth(n).bounding_box() for n in range(3)]
    assert len({(box["width"], box["height"], box["x"]) for box in boxes}) == 1
    assert len({answers.nth(n).evaluate(LOOKS) for n in range(3)}) == 1
    bottom = boxes[-1]["y"] + boxes[-1]["height"]
    if size is DESKTOP:
        assert bottom <= size["height"], "all in the first view"
        key = reader.page.locator(".notice .facts > div").nth(3)
        assert key.bounding_box()["y"] + key.bounding_box()["height"] <= size["height"], "the voiceprint too"
    else:
        assert bottom <= 1.5 * size["height"], "half a screen further down at most"
    assert reader.page.evaluate("document.querySelector('.notice details').open") is False
    assert reader.page.locator("input:checked").count() == 0


def test_the_language_is_switched_on_the_page(window, app):
    reader = Reader(window, size=PHONE)
    token = reader.ask(app)
    reader.page.get_by_role("button", name="中文").click()
    assert reader.page.url.endswith(f"/consent/{token}/")
    reader.language = "zh-hans"
    expect(reader.page.locator("h1")).to_have_text("复刻您的声音并用它说话")
    reader.answer("once")
    assert reader.grant.notice.locale == "zh-hans"
    assert "请勿上传敏感对话" in reader.grant.screen.html


def test_dark_by_choice_while_answering(window, app):
    reader = Reader(window)
    reader.ask(app)
    reader.press("Dark")
    expect(reader.page.locator("html")).to_have_attribute("data-theme", "dark")
    ground = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 64
    reader.answer("once")
    assert use(reader.grant) == ""


def test_the_keyboard_is_enough_for_all_of_it(window, app):
    """Age, answer, pause, stop: by Tab, Space and Enter, with the focus always to be seen."""
    reader = Reader(window, who=UserFactory(is_adult=False))
    reader.ask(app)
    keys = Keys(reader.page)
    keys.to("[value=adult]").press("Space")
    keys.to("[value=once]").press("Enter")
    reader.page.get_by_role("heading", name="You allowed Storyteller").wait_for()
    reader.page.goto("/apps/")
    keys.to("form[action*=pause] button").press("Enter")
    reader.page.get_by_text("Paused: Storyteller").wait_for()
    keys.to("form[action*=withdraw] button").press("Enter")
    reader.page.get_by_text("Stopped: Storyteller").wait_for()
    assert use(reader.grant) == "consent_withdrawn"


class Keys:
    """Hands that have no mouse."""

    def __init__(self, page):
        self.page = page

    def to(self, selector):
        for _ in range(60):
            self.page.keyboard.press("Tab")
            assert (
                self.page.evaluate("document.activeElement === document.body")
                or self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            )
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return self
        raise AssertionError(selector)

    def press(self, key):
        self.page.keyboard.press(key)


def test_without_scripts_all_of_it_works(window, app, view):
    size, language = view
    who = UserFactory(is_adult=False)
    reader = Reader(window, size=size, language=language, who=who, java_script_enabled=False)
    token = reader.ask(app)
    reader.page.get_by_text(reader.words("All the details")).click()
    expect(reader.page.get_by_text(reader.words("Where to complain"))).to_be_visible()
    reader.answer("once")
    reader.sees("Please say how old you are.")
    assert window.complaints.pop().endswith("422 (Unprocessable Entity)")
    reader.page.check("[value=adult]")
    reader.page.select_option("[name=residence]", "CN")
    reader.answer("term")
    grant = reader.grant
    assert User.objects.get(id=who.id).residence == "CN"
    reader.open("/apps/")
    reader.press("Pause")
    assert use(grant) == "consent_paused"
    reader.press("Resume")
    assert use(grant) == ""
    reader.open("/")
    reader.press("Stop everything now")
    reader.sees("Nobody is using your voice now")
    assert use(grant) == "consent_withdrawn"
    reader.open(f"/consent/{token}/")
    reader.sees("You allowed %(app)s", app="Storyteller")


def test_a_guardian_answers_for_a_child(window, app):
    """The child asks for help, the guardian shows a document, an officer looks at it, the guardian answers; the child sees all of it."""
    now = timezone.now()
    born = now.date().replace(day=1, year=now.year - 11).isoformat()
    child = Reader(window, size=PHONE, who=UserFactory(is_adult=False))
    token = child.ask(app)
    child.page.check("[value=minor]")
    child.page.fill("[name=born_on]", born)
    child.answer("term")
    child.sees("You are too young to allow this yourself.")
    child.page.get_by_text("Pass the link on to your guardian").click()
    link = child.page.locator(".breakable").inner_text()
    assert link.endswith(f"/consent/{token}/")
    child.press("Who acts for whom", role="link")
    child.press("A code for my guardian")
    code = child.page.locator("main code").inner_text()

    guardian = Reader(window)
    guardian.open("/delegates/ask/code/")
    guardian.page.check("[value=guardian]")
    guardian.page.fill("[name=code]", code)
    guardian.page.fill("[name=label]", "Little one")
    guardian.page.fill("[name=born_on]", born)
    guardian.page.set_input_files("[name=document]", files=[PDF])
    guardian.page.click("main form [type=submit]")
    guardian.sees("An officer looks at your document.")
    approve(delegation_id=Delegation.objects.get().id, officer=OfficerFactory(), now=timezone.now())

    guardian.open(f"/consent/{token}/")
    guardian.press("Answer for %(label)s", label="Little one")
    guardian.sees("You answer for %(label)s as guardian", label="Little one")
    guardian.answer("term")
    grant = child.grant
    assert (grant.actor, use(grant)) == ("guardian", "")

    child.open("/apps/")
    child.sees("allowed by your guardian")
    child.press("Stop")
    child.sees("Stopped: %(app)s, %(purpose)s. The next use is refused.", app="Storyteller", purpose="voice cloning")
    assert use(grant) == "consent_withdrawn"
    seal()
    child.open("/records/")
    child.sees("Your guardian allowed Storyteller: voice cloning")


def test_a_stranger_reads_signs_in_and_comes_back_to_the_question(window, app):
    person = UserFactory()
    token = question(app, now=timezone.now(), operations=EVERYTHING)
    page = window(size=PHONE)
    page.goto(f"/consent/{token}/")
    page.get_by_role("link", name="Sign in to answer").click()
    page.fill("[name=login]", person.email)
    page.fill("[name=password]", PASSWORD)
    page.click("main [type=submit]")
    page.wait_for_url(f"**/consent/{token}/")
    page.get_by_role("button", name="Allow once").click()
    expect(page.get_by_role("heading", name="You allowed Storyteller")).to_be_visible()
    assert Client().get(f"/consent/{token}/").status_code == 409
