"""Every page of the wallet in each of its states, in a real browser: phone and desktop, light and dark, English and Chinese."""

import pytest

from tests.portal.look import OPEN, VIEWS, look  # noqa: F401 - a fixture
from tests.portal.scene import live, seal
from tests.portal.walleting import Person, asked, sign_in_as

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_pages_of_a_wallet(window, site, look, now, size, language):  # noqa: F811
    life = live(now)
    page = sign_in_as(window(size=size, language=language), site, life.user)
    person = Person(page)

    def seen(name):
        look(page, f"wallet-{name}", size=size, language=language)

    page.goto("/wallet/prove")
    person.at("nothing")
    seen("prove-nothing")
    person.create(seen)
    page.evaluate(OPEN)
    seen("open")
    person.claim()
    seal()
    entries = person.look()
    entries[1].locator("button").click()
    person.idle()
    page.evaluate(OPEN)
    seen("claimed")
    page.click("#lock")
    person.at("locked")
    page.evaluate(OPEN)
    seen("locked")
    person.unlock("not the passphrase")
    person.idle()
    seen("wrong")
    for statement, name in (("own", "entry"), ("receipt", "receipt")):
        more = {"attributes": ["kind", "day"]} if statement == "receipt" else {}
        person.open_question(asked(page, statement=statement, **more))
        page.locator(f"input[name={name}]").first.check()
        seen(f"prove-{statement}")
    page.locator("#ask-form [type=submit]").click()
    person.at("made")
    page.evaluate(OPEN)
    seen("made")
    page.click("#hand-in")
    page.wait_for_selector("#verdict[data-verdict=holds]")
    seen("handed-in")
    page.goto("/wallet/offline/" + language + "/wallet")
    person.at("locked")
    seen("kept")


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_pages_of_who_asks(window, site, look, now, size, language):  # noqa: F811
    live(now)
    page = window(size=size, language=language)
    person = Person(page)
    page.goto("/wallet/")
    person.at("begin")
    page.click("#restore")
    page.fill("#restore-words", "abandon ability abandonn")
    page.locator("#restore-form [type=submit]").click()
    person.idle()
    look(page, "wallet-restore-wrong", size=size, language=language)
    page.click("#back-restore")
    page.click("#bring")
    look(page, "wallet-bring", size=size, language=language)
    page.goto(f"/wallet/prove#challenge={asked(page, statement='own')['id']}")
    person.at("none")
    look(page, "wallet-prove-none", size=size, language=language)
    page.goto("/verify/ask")
    look(page, "ask-proof", size=size, language=language)
    page.fill("#purpose", "to let you in / 让您进来")
    page.locator("main form.card [type=submit]").click()
    page.wait_for_selector("#prove-link")
    look(page, "asked", size=size, language=language)
    page.goto("/verify")
    page.wait_for_selector("#scan:not([hidden])")
    look(page, "verify-scan", size=size, language=language)
