"""The page of the API in a real browser: it shows every operation, calls work from it, and nobody else is asked."""

import re

import pytest
from playwright.sync_api import expect

from tests.factories import SECRET, AppFactory
from tests.portal.conftest import DESKTOP, browser, site, window  # noqa: F401

pytestmark = pytest.mark.browser


def test_the_page_shows_and_tries_the_api(window, client):  # noqa: F811
    app = AppFactory()
    page = window(size=DESKTOP)
    answer = page.goto("/api/docs/")
    assert "unsafe" not in answer.headers["content-security-policy"]
    document = client.get("/api/schema/").json()
    operations = page.locator(".opblock-summary-path")
    expect(operations).to_have_count(sum(len(each) for each in document["paths"].values()))

    page.get_by_role("button", name="Authorize").first.click()
    login = page.locator(".auth-container", has_text="clientCredentials")
    login.get_by_label("client_id").fill(app.client_id)
    login.get_by_label("client_secret").fill(SECRET)
    login.get_by_text("select all").click()
    login.get_by_role("button", name="Apply given OAuth2 credentials").click()
    expect(login.get_by_role("button", name="Remove authorization")).to_be_visible()
    login.get_by_role("button", name="Close").click()

    ask = page.locator("#operations-consent-ask_for_consent")
    ask.locator(".opblock-summary-control").click()
    ask.get_by_role("button", name="Execute").click()
    expect(ask.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("201")
    expect(ask.locator(".live-responses-table")).to_contain_text(re.compile(r'"state": "requested"'))
