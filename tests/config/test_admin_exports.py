"""The officer's room of what people take with them: how it stands, once more, and longer, with a reason that the person reads."""

import html
import re

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from consent.queries import records_of
from retention.export import export
from retention.make_exports import make_exports
from retention.models import Export
from tests.factories import OfficerFactory, sign_in

pytestmark = pytest.mark.django_db
EXPORTS = "/admin/retention/export/"


def text(answer, status=200):
    assert answer.status_code == status, answer
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


@pytest.fixture
def asked(user, consent, now):
    consent()
    return export(user=user, by=None, now=now)


def test_g7_an_officer_gives_it_longer_and_the_person_reads_why(client, asked, user):
    sign_in(client, OfficerFactory())
    assert str(asked.id) in text(client.get(EXPORTS))
    page = f"{EXPORTS}{asked.id}/change/"
    shown = text(client.get(page))
    assert "Give it longer" in shown
    assert user.email not in shown
    assert client.post(f"{EXPORTS}{asked.id}/extend/", {"reason": ""}).status_code == 422
    done = text(client.post(f"{EXPORTS}{asked.id}/extend/", {"reason": "Many recordings"}, follow=True))
    assert "Extended. The person reads why." in done
    assert "Give it longer" not in done
    told = next(record for record in records_of(user=user) if record.kind == "access.extended")
    assert told.payload["why"] == "Many recordings"
    again = text(client.post(f"{EXPORTS}{asked.id}/extend/", {"reason": "More"}, follow=True))
    assert "It cannot be extended" in again


def test_one_that_failed_is_made_again(client, asked, user):
    sign_in(client, OfficerFactory())
    page = f"{EXPORTS}{asked.id}/change/"
    assert "Make it again" not in text(client.get(page))
    Export.objects.update(state="failed", tries=6)
    shown = text(client.get(page))
    assert "Make it again" in shown
    assert user.email not in shown
    assert str(user.pk) not in shown
    assert client.post(f"{EXPORTS}{asked.id}/again/").headers["Location"] == page
    assert make_exports(clock=timezone.now) == 1
    assert Export.objects.get().state == "ready"
    assert "It did not fail" in text(client.post(f"{EXPORTS}{asked.id}/again/", follow=True))


def test_who_may_only_look_changes_nothing(client, asked):
    reader = OfficerFactory(is_superuser=False)
    reader.user_permissions.add(Permission.objects.get(codename="view_export"))
    sign_in(client, reader)
    assert "Give it longer" not in text(client.get(f"{EXPORTS}{asked.id}/change/"))
    assert client.post(f"{EXPORTS}{asked.id}/extend/", {"reason": "x"}).status_code == 403
    assert client.get(f"{EXPORTS}nonsense/change/").status_code == 404
    Export.objects.update(state="failed", tries=6)
    assert "Make it again" not in text(client.get(f"{EXPORTS}{asked.id}/change/"))
    assert client.post(f"{EXPORTS}{asked.id}/again/").status_code == 403
    assert Export.objects.get().state == "failed"
