"""How the tests look at a page: accessible (axe), in bounds, and with nothing too small to touch; the fixtures `look` of each part.

Sizes, languages and colours go in pairs (the colours are the same tokens at every size); CONSONANT_SOAK=1 looks at all eight. With
CONSONANT_SHOTS=<folder> each page is photographed for people to look at.
"""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.portal.conftest import DESKTOP, PHONE

SHOTS = os.environ.get("CONSONANT_SHOTS")
ALL = os.environ.get("CONSONANT_SOAK") == "1"
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # All that is wrong, but not all that passes and where it stands, which nobody reads and which takes as long again.
    "resultTypes": ["violations"],
    "selectors": False,
}
OPEN = "() => document.querySelectorAll('main details').forEach(each => { each.open = true })"
BEYOND = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """() => [...document.querySelectorAll("a, button, input:not([type=hidden], [type=radio], [type=checkbox]), summary")]
  .filter(element => element.checkVisibility() && !element.closest(".skip") && getComputedStyle(element).display !== "inline")
  .filter(element => { const {width, height} = element.getBoundingClientRect(); return width < 24 || height < 44 })
  .map(element => element.outerHTML.slice(0, 120))"""
# Axe without fetching style sheets again: it would put those that Django's import into the page, which the policy forbids. Of the admin,
# Django's own parts are as small as they are.
OF_OFFICE = SMALL.replace('!element.closest(".skip")', 'element.closest(".office, .alarms")')
VIEWS = {"phone-zh": (PHONE, "zh-hans"), "desktop-en": (DESKTOP, "en")}
if ALL:
    VIEWS |= {"phone-en": (PHONE, "en"), "desktop-zh": (DESKTOP, "zh-hans")}


def looking(rules, small):
    """Yield what looks at a page; in the end, fail for all that was found."""
    axe, findings = Axe(), []

    def at(page, name, *, size, language):
        for scheme in ("light", "dark") if ALL else ("light" if size is PHONE else "dark",):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            label = f"{name}-{'phone' if size is PHONE else 'desktop'}-{scheme}-{language}"
            found = axe.run(page, options=rules).response["violations"]
            findings.extend(f"{label}: {rule['id']} {node['html'][:160]}" for rule in found for node in rule["nodes"])
            if SHOTS:
                Path(SHOTS).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=f"{SHOTS}/{label}.png", full_page=True)
        findings.extend([f"{label}: {page.evaluate(BEYOND)} px beyond"] if page.evaluate(BEYOND) > 0 else [])
        findings.extend(f"{label}: a small target {target}" for target in page.evaluate(small))

    yield at
    assert not findings, "\n".join(findings)


@pytest.fixture
def look():
    """Look at a page of the portal."""
    yield from looking(RULES, SMALL)


@pytest.fixture
def look_at_office():
    """Look at a page of the admin."""
    yield from looking(RULES | {"preload": False}, OF_OFFICE)
