"""The pages in a real browser: every one, in every dress, and the speaker's journey."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail

from consent.models import Grant
from tests.factories import PASSWORD, UserFactory
from tests.portal.conftest import link

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("CONSONANT_SHOTS")
DRESSES = [
    (size, locale, scheme)
    for size in ("phone", "desktop")
    for locale in ("en-US", "zh-CN")
    for scheme in ("light", "dark")
]


def stranger_pages(story):
    return {
        "welcome": "/",
        "ask-unsigned": story.link,
        "unknown": "/consent/nobody-made-this/",
        "answered": story.links["once"],
        "login": "/accounts/login/",
        "signup": "/accounts/signup/",
        "reset": "/accounts/password/reset/",
        "404": "/nothing-here/",
    }


def own_pages(story):
    return {
        "now": "/",
        "ask": story.link,
        "ask-again": story.links["bound"],
        "result-given": story.links["once"],
        "result-refused": story.links["refused"],
        "apps": "/apps/",
        "records": "/records/",
        "password": "/accounts/password/change/",
        "email": "/accounts/email/",
        "logout": "/accounts/logout/",
    }


def newcomer_pages(_story):
    return {"now-empty": "/", "apps-empty": "/apps/", "records-empty": "/records/"}


@pytest.mark.parametrize(("size", "locale", "scheme"), DRESSES)
def test_every_page_in_every_dress(look, story, size, locale, scheme):
    """Accessible, within the screen, in one language, with targets a thumb can hit."""
    people = ((None, stranger_pages), (story.user, own_pages), (UserFactory(), newcomer_pages))
    for user, pages in people:
        page = look(user=user, size=size, locale=locale, scheme=scheme)
        for name, path in pages(story).items():
            answer = page.goto(path)
            if SHOTS:
                page.screenshot(path=Path(SHOTS) / f"{name}.{size}.{locale[:2]}.{scheme}.png", full_page=True)
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
            assert page.evaluate(_SMALL) == [], name
            if locale == "zh-CN":
                assert page.evaluate("document.documentElement.lang") == "zh-hans"
                assert english(page.inner_text("body")) == [], name
            forget_expected_errors(look, answer.status)


_SMALL = """[...document.querySelectorAll("a.button, button, .tabs a, .brand, summary, .link, .bottom a")]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"""


def english(text):
    """Return runs of words that are no name and should not be on a Chinese page."""
    names = r"Voice Booth|Story Reader|Demo Studio|Consonant|English|GMT\+8|UTC|\S+@\S+|\S*test\.local\S*|\S*/\S*|docs"
    return re.findall(r"[A-Za-z]{2,}(?: [A-Za-z]+)*", re.sub(names, "", text).replace("Cookie", "").replace("kHz", ""))


def forget_expected_errors(look, status):
    """A browser logs a page's own 4xx as an error; that one is meant."""
    if status >= 400:
        look.troubles[:] = [said for said in look.troubles if "Failed to load resource" not in said]


@pytest.mark.parametrize(("size", "script"), [("phone", True), ("desktop", True), ("phone", False)])
def test_the_journey(look, story, size, script):
    """A speaker reads a request, signs in, allows for a term, sees it, stops it in one click, and finds it recorded."""
    speaker = UserFactory()
    page = look(size=size, script=script)
    page.goto(story.link)
    assert page.get_by_text("Please do not upload sensitive conversations.").is_visible()
    page.get_by_role("link", name="Sign in to answer").click()
    page.get_by_label("Email").fill(speaker.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{story.link}")
    assert page.get_by_text(speaker.email).first.is_visible()
    buttons = page.locator(".answers .button")
    boxes = [buttons.nth(position).bounding_box() for position in range(3)]
    assert len({(box["width"], box["height"]) for box in boxes}) == 1
    styles = {
        buttons.nth(n).evaluate("e => [...['color','backgroundColor','fontWeight','fontSize']].map(k => getComputedStyle(e)[k]).join()")
        for n in range(3)
    } if script else {""}
    assert len(styles) == 1
    page.get_by_role("button", name="Allow for 30 days").click()
    assert page.get_by_role("heading", name="You allowed Voice Booth").is_visible()
    page.get_by_role("link", name="My apps").first.click()
    assert page.get_by_role("heading", name="Voice Booth").is_visible()
    page.get_by_role("button", name="Stop").click()
    assert page.get_by_text("Stopped: Voice Booth, voice cloning.").is_visible()
    assert page.get_by_role("button", name="Stop").count() == 0
    assert Grant.objects.get(subject__user=speaker).state == "withdrawn"
    page.get_by_role("link", name="My records").click()
    told = page.locator(".timeline h3").all_inner_texts()
    assert told == ["You stopped Voice Booth: voice cloning", "You allowed Voice Booth: voice cloning"]


def test_one_switch_stops_all(look, story):
    page = look(user=story.user)
    page.goto("/")
    assert page.get_by_role("heading", name="1 app is using your voice now").is_visible()
    page.get_by_role("button", name="Stop everything now").click()
    assert re.search(r"Stopped: 2 consents, in 0\.\d{3} seconds", page.inner_text("main"))
    assert page.get_by_role("heading", name="Nobody is using your voice now").is_visible()
    page.reload()
    assert "Stopped: 2" not in page.inner_text("main")


def test_the_way_back_to_the_app(look, story, live):
    """Another origin than ours, reached without a form's redirect, which `form-action` would stop."""
    there = live.replace("127.0.0.1", "localhost") + "/nothing-here/?keep=me"
    path = link(story.booth, ref="back", return_url=there, client_state="a b&c")
    page = look(user=story.user)
    page.goto(path)
    page.get_by_role("button", name="Don't allow").click()
    page.wait_for_url("http://localhost**")
    assert re.search(r"\?keep=me&request=[0-9a-f-]{36}&outcome=refused&state=a\+b%26c$", page.url)
    page.go_back()
    page.goto(path)
    assert page.get_by_role("link", name="Back to Voice Booth").is_visible()
    assert all("localhost" in said or "404" in said for said in look.troubles)
    look.troubles.clear()


def test_signing_up_on_the_way_to_an_answer(look, story):
    page = look(size="phone", locale="zh-CN")
    page.goto(story.link)
    page.locator(".answers a").nth(1).click()
    page.locator("#id_email").fill("newcomer@example.org")
    page.locator("#id_password1").fill(PASSWORD)
    page.locator("#id_password2").fill(PASSWORD)
    page.locator("main form button").click()
    page.wait_for_url("**/confirm-email/")
    letter = mail.outbox[-1]
    code = re.search(r"^ {4}(\S+)$", letter.body, re.MULTILINE)[1]
    assert code in letter.subject
    assert "验证码" in letter.body
    assert english(letter.body.replace(code, "")) == []
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "code.phone.zh.light.png", full_page=True)
    page.locator("#id_code").fill(code)
    page.get_by_role("button", name="确认").click()
    page.wait_for_url(f"**{story.link}")
    page.get_by_role("button", name="仅允许一次").click()
    assert page.get_by_role("heading", name="您已同意 Voice Booth").is_visible()
    assert Grant.objects.get(subject__user__email="newcomer@example.org").notice.locale == "zh-hans"


def test_language_and_theme_are_a_click_away_without_script(look, story):
    page = look(user=story.user, script=False)
    page.goto("/records/")
    page.get_by_role("button", name="中文").click()
    assert page.url.endswith("/records/")
    assert page.locator("h1").inner_text() == "我的记录"
    page.get_by_role("button", name="深色").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="As the device").click()
    assert page.locator("html").get_attribute("data-theme") is None
    assert "UTC" in page.locator("time").first.inner_text()


def test_times_are_the_readers_own(look, story):
    page = look(user=story.user)
    page.goto("/records/")
    assert "GMT+8" in page.locator("time").first.inner_text()
    assert "UTC" in page.locator("time").first.get_attribute("title")


def test_the_keyboard_is_enough(look, story):
    page = look(user=story.user)
    page.goto(story.link)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.value"))
    assert {"once", "term", "refuse"} <= reached
