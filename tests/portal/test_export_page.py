"""Taking one's data: only who has just shown that it is them, and only by the button."""

import io
import json
import re
import zipfile

import pytest
from django.test import Client
from django.utils import timezone

from consent.capacity import Relationship
from consent.delegate import Child, request_delegation
from consent.delegate_decide import approve
from retention.export import MOST_A_DAY, extend
from retention.lock_up import make_locker
from retention.make_exports import make_exports
from retention.models import Export
from tests.conftest import kinds
from tests.factories import PASSWORD, OfficerFactory, UserFactory
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
    assert (answer.status_code, answer.headers["Location"]) == (302, PATH)
    assert kinds()[-1] == "access.exported"
    assert "Being made" in text_of(client.get(PATH))
    make_exports(clock=timezone.now)
    (link,) = re.findall(r'href="(/rights/export/[^"]+/file)"', client.get(PATH).content.decode())
    answer = client.get(link)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert "no-store" in answer.headers["Cache-Control"]
    assert kinds()[-1] == "access.downloaded"
    data = b"".join(answer.streaming_content)
    assert int(answer.headers["Content-Length"]) == len(data)
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert json.loads(archive.read("data.json"))["person"]["email"] == user.email
    rest = client.get(link, headers={"Range": "bytes=100-"})
    assert (rest.status_code, b"".join(rest.streaming_content)) == (206, data[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{len(data) - 1}/{len(data)}"
    again = {"Range": "bytes=100-", "If-Range": answer.headers["ETag"]}
    assert client.get(link, headers=again).status_code == 206
    assert client.get(link, headers={**again, "If-Range": '"another"'}).status_code == 200
    beyond = client.get(link, headers={"Range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
    before = kinds()
    assert client.head(link).status_code == 405
    assert kinds() == before, "nothing was taken"
    other = signed_in(Client(), UserFactory())
    assert other.get(link).status_code == 404
    (drop,) = re.findall(r'action="(/rights/export/[^"]+/destroy/)"', client.get(PATH).content.decode())
    assert other.post(drop).status_code == 404
    assert client.post(drop).status_code == 302
    assert client.get(link).status_code == 404


def signed_in(client, user):
    client.force_login(user)
    asked = client.get(PATH)
    client.post(asked.headers["Location"], {"password": PASSWORD})
    return client


@pytest.mark.django_db
def test_who_acts_for_somebody_is_not_sent_to_their_lock(client, user, now):
    child = request_delegation(
        delegate=user,
        relationship=Relationship.GUARDIAN,
        whom=Child(now.date().replace(year=now.date().year - 9, day=1)),
        label="Little Bear",
        document=b"%PDF-",
        now=now,
    )
    approve(delegation_id=child.id, officer=OfficerFactory(), now=now)
    signed_in(client, user)
    session = client.session
    session["acting_for"] = str(child.id)
    session.save()
    make_locker(user=child.principal, passphrase="four harbours of grey wool", now=now)
    client.post(PATH)
    make_exports(clock=timezone.now)
    (link,) = re.findall(r'href="(/rights/export/[^"]+/file)"', client.get(PATH).content.decode())
    assert "nobody else can load it" in text_of(client.get(link, follow=True))


@pytest.mark.django_db
def test_p8_who_asks_too_often_reads_why_and_when_again(client, user):
    signed_in(client, user)
    for _ in range(MOST_A_DAY):
        client.post(PATH)
        Export.objects.update(state="gone")
    answer = client.post(PATH)
    assert answer.status_code == 429
    assert "You can ask again from" in text_of(answer)


@pytest.mark.django_db
def test_what_could_not_be_made_is_said(client, user, now):
    signed_in(client, user)
    client.post(PATH)
    Export.objects.update(state="failed")
    assert "It could not be made" in text_of(client.get(PATH))
    client.post(PATH)
    extend(export_id=Export.objects.get(state="waiting").id, officer=OfficerFactory(), reason="Many of them", now=now)
    assert "because: Many of them" in text_of(client.get(PATH))


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
    page.click("main form [type=submit]")
    page.wait_for_selector("progress")
    look(page, "export-being-made", size=size, language=language)
    make_exports(clock=timezone.now)
    page.wait_for_selector("main a[download]")  # the page looks by itself
    look(page, "export-ready", size=size, language=language)
    with page.expect_download() as download:
        page.click("main a[download]")
    assert download.value.suggested_filename.endswith(".zip")
