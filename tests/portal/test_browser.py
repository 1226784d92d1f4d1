"""What a person does, in a real browser: reads, signs in, answers, sees, stops, finds it recorded."""

import re

import pytest
from django.core import mail

from consent.models import Grant
from tests.factories import PASSWORD, UserFactory
from tests.portal.conftest import DESKTOP, PHONE
from tests.portal.scene import live, question

pytestmark = pytest.mark.browser

LOOKS = (
    "e => ['color', 'backgroundColor', 'borderColor', 'fontWeight', 'fontSize'].map(k => getComputedStyle(e)[k]).join()"
)
# Names, addresses and units that a Chinese page may hold.
FOREIGN = r"Storyteller|Front Door|Harbour Audio|Consonant|English|Cookie|UTC|kHz|docs|\S+@\S+|consonant\.local\S*|/\S+"


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
    link = f"/consent/{question(life.story, now=now, ref='somebody-new', operations=('upload', 'embed'))}/"
    page = window(size=size, java_script_enabled=script)
    page.goto(link)
    assert page.get_by_text("Please do not upload sensitive conversations.").is_visible()
    page.get_by_role("link", name="Sign in to answer").click()
    sign_in(page, speaker)
    page.wait_for_url(f"**{link}")
    assert page.get_by_text("Your answer ties this account to the user for whom Storyteller asks.").is_visible()
    answers = page.locator(".answers button")
    boxes = [answers.nth(n).bounding_box() for n in range(3)]
    assert len({(box["width"], box["height"]) for box in boxes}) == 1
    assert len({answers.nth(n).evaluate(LOOKS) for n in range(3)}) == 1
    page.get_by_role("button", name="Allow for 30 days").click()
    assert page.get_by_role("heading", name="You allowed Storyteller").is_visible()
    page.get_by_role("navigation").get_by_role("link", name="My apps").click()
    assert page.get_by_role("heading", name="Storyteller").is_visible()
    page.get_by_role("button", name="Stop").click()
    assert page.get_by_text("Stopped: Storyteller, voice cloning.").is_visible()
    assert page.get_by_role("button", name="Stop").count() == 0
    assert Grant.objects.get(subject__user=speaker).state == "withdrawn"
    page.get_by_role("link", name="My records").click()
    assert page.locator(".timeline h3").all_inner_texts() == [
        "You stopped Storyteller: voice cloning",
        "You allowed Storyteller: voice cloning",
    ]
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("link", name="Create an account").is_visible()


def test_one_switch_stops_all(window, now):
    life = live(now)
    page = window(user=life.user)
    page.goto("/")
    assert page.get_by_role("heading", name="1 app is using your voice now").is_visible()
    page.get_by_role("button", name="Stop everything now").click()
    assert re.search(r"Stopped: 2 consents, in \d+\.\d{3} seconds", page.inner_text("main"))
    assert page.get_by_role("heading", name="Nobody is using your voice now").is_visible()
    page.reload()
    assert "Stopped: 2" not in page.inner_text("main")


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
    assert page.get_by_role("link", name="Back to Storyteller").is_visible()
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
    page.get_by_role("button", name="仅允许一次").click()
    assert page.get_by_role("heading", name="您已同意 Storyteller").is_visible()
    assert Grant.objects.get(subject__user__email="newcomer@test.localhost").notice.locale == "zh-hans"


def test_a_chinese_page_is_chinese(window, now):
    life = live(now)
    pages = {
        None: [
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
            f"/consent/{life.open_link}/",
            f"/consent/{life.answered_link}/",
            f"/consent/{life.refused_link}/",
            "/accounts/email/",
            "/accounts/password/change/",
            "/accounts/logout/",
        ],
        UserFactory(): ["/", "/apps/", "/records/"],
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
    assert page.url.endswith("/records/")
    assert page.locator("h1").inner_text() == "我的记录"
    page.get_by_role("button", name="深色").click()
    assert page.get_attribute("html", "data-theme") == "dark"
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="As the device").click()
    assert page.get_attribute("html", "data-theme") is None
    assert page.locator("time").first.inner_text().endswith(" UTC")


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
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.value"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == ["once", "term", "refuse"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You allowed Storyteller").wait_for()
    assert Grant.objects.latest("valid_from").uses_left is None
