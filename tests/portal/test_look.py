"""Every page in a real browser, phone and desktop, light and dark, English and Chinese (tests.portal.look), and all from here."""

import json
import re
from datetime import timedelta

import pytest

from tests.factories import UserFactory
from tests.portal.look import ALL, BEYOND, OPEN, VIEWS, look  # noqa: F401 - a fixture
from tests.portal.scene import leave, live, question, restless

pytestmark = pytest.mark.browser

YES = {"en": "Allow once", "zh-hans": "仅允许一次"}
LATER = {"en": "Decide later", "zh-hans": "以后再决定"}


TOUR = {
    "at": "2026-11-21T08:00:00Z",
    "steps": [
        {"who": "app", "what": "asks for consent", "where": "/consent/x/"},
        {"who": "speaker", "what": "allows it for the term", "where": "/apps/"},
        {"who": "service", "what": "has destroyed the key 0.4 s after the deadline, then the bytes", "where": "worker"},
        {
            "who": "forger",
            "what": f"rewrites history, and the log signed {'0123456789abcdef' * 8}",
            "where": "file " + "x" * 90,
        },
    ],
    "links": [
        {"title": "My records", "what": "every entry about the speaker", "url": "/records/"},
        {
            "title": "Signed checkpoint",
            "what": "the head of the public log",
            "url": "/log/consonant.local/demo/checkpoint",
        },
    ],
}


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_pages_of_a_stranger(window, look, now, settings, tmp_path, size, language):  # noqa: F811
    life = live(now)
    settings.VAR = tmp_path
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "tour.json").write_text(json.dumps(TOUR))
    page = window(size=size, language=language)
    for name, path in {
        "welcome": "/",
        "tour": "/tour/",
        "ask-stranger": f"/consent/{life.open_link}/",
        "login": f"/accounts/login/?next=/consent/{life.open_link}/",
        "signup": "/accounts/signup/",
        "password-reset": "/accounts/password/reset/",
    }.items():
        page.goto(path)
        look(page, name, size=size, language=language)
    page.goto("/accounts/login/")
    page.fill("[name=login]", "nobody@test.localhost")
    page.fill("[name=password]", "wrong")
    page.click("main [type=submit]")
    look(page, "login-wrong", size=size, language=language)
    page.goto("/accounts/password/reset/")
    page.fill("[name=email]", life.user.email)
    page.click("main [type=submit]")
    look(page, "password-reset-done", size=size, language=language)
    page.goto("/accounts/signup/")
    page.fill("[name=email]", f"new-{size['width']}@test.localhost")
    page.fill("[name=password1]", "correct horse battery staple")
    page.fill("[name=password2]", "correct horse battery staple")
    page.click("main [type=submit]")
    page.wait_for_selector("[name=code]")
    look(page, "confirm-code", size=size, language=language)


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_pages_of_a_person(window, look, now, size, language):  # noqa: F811
    life = live(now)
    page = window(user=life.user, size=size, language=language)
    for name, path in {
        "now": "/",
        "apps": "/apps/",
        "records": "/records/",
        "ask": f"/consent/{life.open_link}/",
        "result-given": f"/consent/{life.answered_link}/",
        "result-refused": f"/consent/{life.refused_link}/",
        "settings": "/settings/",
        "notice": f"/notices/{life.standing.notice_id}/",
        "sheet-china": f"/apps/papers/{life.standing.id}/pipl",
        "sheet-illinois": f"/apps/papers/{life.standing.id}/bipa",
        "email": "/accounts/email/",
        "password-change": "/accounts/password/change/",
        "logout": "/accounts/logout/",
    }.items():
        page.goto(path)
        page.evaluate(OPEN)
        look(page, name, size=size, language=language)
    leaving = leave(life, now)
    for name, path in {
        "rights": "/rights/",
        "erase-all": "/rights/erase/",
        **({"erase-app": f"/rights/erase/{life.story.id}/"} if ALL else {}),
        "erasure-waiting": f"/rights/erasures/{leaving.waiting.id}/",
        "erasure-done": f"/rights/erasures/{leaving.done.id}/",
    }.items():
        page.goto(path)
        look(page, name, size=size, language=language)
    if ALL:  # the longest page once more
        page.goto("/records/")
        page.click(".thing .button.stop >> nth=0")
        look(page, "records-erased", size=size, language=language)
    page.goto("/apps/")
    page.click(".button.stop >> nth=0")
    look(page, "apps-stopped", size=size, language=language)
    page.goto("/")
    page.click(".button.stop.all")
    look(page, "now-stopped", size=size, language=language)


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_pages_with_nothing_on_them(window, look, site, size, language):  # noqa: F811
    page = window(user=UserFactory(), size=size, language=language)
    for name, path in {
        "now-empty": "/",
        "apps-empty": "/apps/",
        "records-empty": "/records/",
        "rights-empty": "/rights/",
        "tour-none": "/tour/",
    }.items():
        page.goto(path)
        look(page, name, size=size, language=language)


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_pages_that_ask_something(window, look, now, size, language):  # noqa: F811
    person, grants = restless(now)
    page = window(user=person, size=size, language=language)
    for name, path in {
        "now-resting": "/",
        "apps-resting": "/apps/",
        "records-resting": "/records/",
        "confirm-again": f"/apps/confirm/{grants['Storyteller'].id}/",
    }.items():
        page.goto(path)
        page.evaluate(OPEN)
        look(page, name, size=size, language=language)
    someone = UserFactory(is_adult=False)
    link = f"/consent/{question(grants['Storyteller'].app, now=now, ref='young', return_url='http://localhost/x')}/"
    page = window(user=someone, size=size, language=language)
    page.goto(link)
    look(page, "ask-age", size=size, language=language)
    page.get_by_role("button", name=YES[language]).click()
    look(page, "ask-age-again", size=size, language=language)
    page.goto(link)
    page.get_by_role("button", name=LATER[language]).click()
    look(page, "ask-later", size=size, language=language)
    page.check("[value=minor]")
    page.fill("[name=born_on]", f"{now.year - 11}-06-01")
    page.get_by_role("button", name=YES[language]).click()
    look(page, "ask-guardian", size=size, language=language)
    page.evaluate(OPEN)
    look(page, "ask-guardian-open", size=size, language=language)
    # That nothing was answered was said with the status it deserves.
    assert [re.search(r"status of (\d+)", said)[1] for said in window.complaints] == ["422"]
    window.complaints.clear()


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_pages_of_trouble(window, look, now, monkeypatch, size, language):  # noqa: F811
    life = live(now)
    someone = UserFactory()
    page = window(user=someone, size=size, language=language)
    expired = question(life.story, now=now - timedelta(days=2), ref="late")
    for name, path, status in (
        ("404", "/nowhere/", 404),
        ("unknown", "/consent/nothing-like-it/", 404),
        ("expired", f"/consent/{expired}/", 410),
        ("answered", f"/consent/{life.answered_link}/", 409),
        ("another", f"/consent/{life.open_link}/", 409),
    ):
        assert page.goto(path).status == status
        look(page, name, size=size, language=language)
    page.goto("/accounts/password/change/")
    page.evaluate("document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach(field => field.remove())")
    with page.expect_navigation():
        page.evaluate("document.querySelector('main form').submit()")
    look(page, "403-csrf", size=size, language=language)
    monkeypatch.setattr("portal.views.now.live_sessions_of", None)
    assert page.goto("/").status == 500
    look(page, "500", size=size, language=language)
    # The console says that these were not found, or not allowed, which is right, and nothing else.
    assert [re.search(r"status of (\d+)", said)[1] for said in window.complaints] == [
        "404",
        "404",
        "410",
        "409",
        "409",
        "403",
        "500",
    ]
    window.complaints.clear()


def test_a_narrow_screen_and_large_letters(window, now):
    """320 px is also what a 1280 px window is at 400 % (WCAG 1.4.10)."""
    life = live(now)
    page = window(user=life.user, size={"width": 320, "height": 640})
    for path in (
        "/",
        "/apps/",
        "/records/",
        "/rights/",
        "/rights/erase/",
        f"/consent/{life.open_link}/",
        "/accounts/email/",
    ):
        page.goto(path)
        assert page.evaluate(BEYOND) == 0, path


def test_dark_by_choice_is_dark_by_device(window, site):
    colours = (
        "() => [...document.styleSheets].flatMap(sheet => [...sheet.cssRules]).flatMap(rule => [...(rule.style ?? [])])"
        ".filter(name => name.startsWith('--')).map(name => getComputedStyle(document.documentElement).getPropertyValue(name))"
    )
    found = []
    for scheme, theme in (("dark", None), ("light", "dark"), ("light", None), ("dark", "light")):
        page = window(scheme=scheme, theme=theme)
        page.goto("/")
        found.append(page.evaluate(colours))
    assert len(found[0]) > 20
    assert found[0] == found[1] != found[2] == found[3]


def test_what_is_printed_is_dark_on_light(window, now):
    life = live(now)
    page = window(user=life.user, theme="dark")
    page.goto(f"/apps/papers/{life.standing.id}/pipl")
    ink = "getComputedStyle(document.querySelector('.paper')).color"
    assert page.evaluate(ink) == "rgb(230, 239, 234)"
    page.emulate_media(media="print")
    assert page.evaluate(ink) == "rgb(22, 35, 30)"
    assert page.evaluate("getComputedStyle(document.querySelector('.paper')).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".paper-links").is_hidden()


def test_nothing_moves_where_motion_is_not_wanted(window, now):
    life = live(now)
    page = window(user=life.user)
    motion = "getComputedStyle(document.querySelector('.wave.live')).animationName"
    page.goto("/")
    assert page.evaluate(motion) == "speak"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(motion) == "none"


def test_the_watch_sees(window, site):
    """What the other tests find absent would be found."""
    page = window()
    page.goto("/")
    page.evaluate("""() => {
      new Image().src = 'https://elsewhere.example/pixel.gif';
      document.body.setAttribute('style', 'color: red');
      document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}));
    }""")
    assert page.evaluate("window.ran") is None
    assert sum("Content Security Policy" in said for said in window.complaints) == 3
    window.complaints.clear()
