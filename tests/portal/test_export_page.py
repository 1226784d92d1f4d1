"""Taking one's data: only who has just shown that it is them, and only by the button."""

import io
import json
import zipfile

import pytest

from tests.conftest import kinds
from tests.factories import PASSWORD, UserFactory
from tests.portal.look import VIEWS, look  # noqa: F401 - a fixture
from tests.portal.test_pages import text_of

PATH = "/rights/export/"


@pytest.mark.django_db
def test_who_has_not_shown_who_they_are_gets_nothing(client, user, consent):
    consent()
    client.force_login(user)
    asked = client.get(PATH)
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    assert client.post(PATH).headers["Location"] == PATH
    assert "account_reauthentication_state" not in client.session
    assert "access.exported" not in kinds()
    assert client.post(asked.headers["Location"], {"password": "wrong"}).status_code == 200
    assert client.get(PATH).status_code == 302
    shown = client.post(asked.headers["Location"], {"password": PASSWORD})
    assert shown.headers["Location"] == PATH
    page = client.get(PATH)
    assert "Keep it where only you can get at it" in text_of(page)
    assert "access.exported" not in kinds()
    answer = client.post(PATH)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert "no-store" in answer.headers["Cache-Control"]
    assert kinds()[-1] == "access.exported"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert json.loads(archive.read("data.json"))["person"]["email"] == user.email


@pytest.mark.django_db
def test_a_stranger_is_asked_to_sign_in(client):
    for answer in (client.get(PATH), client.post(PATH)):
        assert answer.headers["Location"].startswith("/accounts/login/")


@pytest.mark.browser
@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_the_page_and_the_download(window, look, size, language):  # noqa: F811
    person = UserFactory()
    page = window(user=person, size=size, language=language)
    page.goto("/rights/")
    page.click(f"main a[href='{PATH}']")
    look(page, "export-reauthenticate", size=size, language=language)
    page.fill("[name=password]", PASSWORD)
    page.click("main [type=submit]")
    look(page, "export", size=size, language=language)
    with page.expect_download() as download:
        page.click("main form [type=submit]")
    assert download.value.suggested_filename.endswith(".zip")
