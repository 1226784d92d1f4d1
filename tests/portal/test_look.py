"""Every page in a real browser, phone and desktop, light and dark, English and Chinese: accessible, in bounds, and all from here.

With CONSONANT_SHOTS=<folder> each is also photographed, for people to look at.
"""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.factories import UserFactory
from tests.portal.conftest import DESKTOP, PHONE
from tests.portal.scene import live

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("CONSONANT_SHOTS")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
BEYOND = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), summary")]
  .filter(element => element.checkVisibility() && !element.closest(".skip") && getComputedStyle(element).display !== "inline")
  .filter(element => { const {width, height} = element.getBoundingClientRect(); return width < 24 || height < 44 })
  .map(element => element.outerHTML.slice(0, 120))"""


@pytest.fixture
def look(tmp_path):
    axe, findings = Axe(), []

    def at(page, name, *, size, language):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            label = f"{name}-{'phone' if size is PHONE else 'desktop'}-{scheme}-{language}"
            found = axe.run(page, options=RULES).response["violations"]
            findings.extend(f"{label}: {rule['id']} {node['html'][:160]}" for rule in found for node in rule["nodes"])
            if SHOTS:
                Path(SHOTS).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=f"{SHOTS}/{label}.png", full_page=True)
        findings.extend([f"{label}: {page.evaluate(BEYOND)} px beyond"] if page.evaluate(BEYOND) > 0 else [])
        findings.extend(f"{label}: a small target {target}" for target in page.evaluate(SMALL))

    yield at
    assert findings == []


VIEWS = [(PHONE, "zh-hans"), (PHONE, "en"), (DESKTOP, "zh-hans"), (DESKTOP, "en")]
NAMES = ["phone-zh", "phone-en", "desktop-zh", "desktop-en"]


@pytest.mark.parametrize(("size", "language"), VIEWS, ids=NAMES)
def test_pages_of_a_stranger(window, look, now, size, language):
    life = live(now)
    page = window(size=size, language=language)
    for name, path in {
        "welcome": "/",
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
    page.goto("/accounts/signup/")
    page.fill("[name=email]", f"new-{size['width']}@test.localhost")
    page.fill("[name=password1]", "correct horse battery staple")
    page.fill("[name=password2]", "correct horse battery staple")
    page.click("main [type=submit]")
    page.wait_for_selector("[name=code]")
    look(page, "confirm-code", size=size, language=language)


@pytest.mark.parametrize(("size", "language"), VIEWS, ids=NAMES)
def test_pages_of_a_person(window, look, now, size, language):
    life = live(now)
    page = window(user=life.user, size=size, language=language)
    for name, path in {
        "now": "/",
        "apps": "/apps/",
        "records": "/records/",
        "ask": f"/consent/{life.open_link}/",
        "result-given": f"/consent/{life.answered_link}/",
        "result-refused": f"/consent/{life.refused_link}/",
        "email": "/accounts/email/",
        "password-change": "/accounts/password/change/",
        "logout": "/accounts/logout/",
    }.items():
        page.goto(path)
        for closed in page.query_selector_all("details:not([open]) > summary"):
            closed.click()
        look(page, name, size=size, language=language)
    page.goto("/apps/")
    page.click(".button.stop >> nth=0")
    look(page, "apps-stopped", size=size, language=language)
    page.goto("/")
    page.click(".button.stop.all")
    look(page, "now-stopped", size=size, language=language)


@pytest.mark.parametrize(("size", "language"), VIEWS, ids=NAMES)
def test_pages_with_nothing_on_them(window, look, site, size, language):
    page = window(user=UserFactory(), size=size, language=language)
    for name, path in {"now-empty": "/", "apps-empty": "/apps/", "records-empty": "/records/"}.items():
        page.goto(path)
        look(page, name, size=size, language=language)
    for name, path in {"404": "/nowhere/", "unknown": "/consent/nothing-like-it/"}.items():
        page.goto(path)
        look(page, name, size=size, language=language)
    # That those two were not found is said in the console as well, and is right.
    assert len(window.complaints) == 2
    assert all("404" in said for said in window.complaints)
    window.complaints.clear()
