"""Alerts on their way to a SIEM: over real TLS, by REST and by a command."""

import json
import uuid
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from guard.export import export
from guard.models import Alert, Answer, Host, Shipment
from guard.ship import ship
from tests.conftest import Api
from tests.factories import AppFactory
from tests.guard.siem import Authority, Siem

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("siem"))


@pytest.fixture
def siem(authority):
    running = Siem(authority)
    yield running
    running.close()


@pytest.fixture
def told(settings, authority, siem):
    """The service has a SIEM, and a certificate to show it."""
    certificate, key = authority.issue("consonant")
    settings.SIEM_URL, settings.SIEM_CA = siem.url, str(authority.path)
    settings.SIEM_CERT, settings.SIEM_KEY, settings.SIEM_FORMAT = str(certificate), str(key), "ocsf"
    return settings


def make_alert(app=None, **said):
    now = timezone.now()
    app = app or AppFactory()
    host = Host.objects.create(
        tenant=app.tenant,
        app=app,
        name=f"tts-{uuid.uuid4().hex[:6]}",
        token_digest=uuid.uuid4().bytes * 2,
        registered_at=now,
    )
    facts = {
        "rule": "python_writes_program",
        "level": "critical",
        "summary": {"file": {"path": "/tmp/a.exe", "name": "a.exe"}},
    }
    times = {"at": now, "raised_at": now, "last_at": now, "last_counted_at": now}
    return Alert.objects.create(host=host, app=app, entry=uuid.uuid4(), **(facts | times | said))


def shipped(alert, *acts):
    for act in acts:
        ship(alert=alert, act=act, now=timezone.now())


def findings(siem):
    return [json.loads(message.partition("\ufeff")[2]) for message in siem.messages]


def test_what_happens_to_an_alert_reaches_the_siem_in_its_order(told, siem):
    alert = make_alert()
    Answer.objects.create(alert=alert, step="suspend", order=0, state="done", made_at=alert.at, due_at=alert.at)
    shipped(alert, "raised", "answered", "closed")
    assert export(clock=timezone.now) == 3
    assert [each["activity_id"] for each in findings(siem)] == [1, 2, 3]
    assert {each["finding_info"]["uid"] for each in findings(siem)} == {str(alert.id)}
    assert findings(siem)[0]["unmapped"]["answers"] == {"suspend": "done"}
    assert findings(siem)[0]["evidences"][0]["file"]["name"] == "a.exe"
    assert all(message.startswith("<106>1 ") for message in siem.messages)
    assert not Shipment.objects.exists()
    assert export(clock=timezone.now) == 0
    assert siem.connections == 1


@pytest.mark.parametrize(("form", "begins"), [("ecs", '{"@timestamp"'), ("cef", "CEF:0|Consonant|")])
def test_in_the_form_that_the_siem_reads(told, siem, form, begins):
    told.SIEM_FORMAT = form
    shipped(make_alert(), "raised")
    assert export(clock=timezone.now) == 1
    assert siem.messages[0].partition("\ufeff")[2].startswith(begins)


def test_without_a_siem_nothing_waits_for_one(settings):
    settings.SIEM_URL = ""
    shipped(make_alert(), "raised")
    assert not Shipment.objects.exists()
    assert export(clock=timezone.now) == 0


def test_a_siem_that_is_away_gets_it_later(told, siem):
    shipped(make_alert(), "raised")
    there, told.SIEM_URL = told.SIEM_URL, "tls://127.0.0.1:9"
    assert export(clock=timezone.now) == 0
    assert Shipment.objects.count() == 1
    told.SIEM_URL = there
    assert export(clock=timezone.now) == 1
    assert len(siem.messages) == 1


def test_a_siem_that_breaks_off_gets_all_of_it_again(told, siem):
    for _ in range(3):
        shipped(make_alert(), "raised")
    siem.breaks_after = 10
    assert export(clock=timezone.now) == 0
    assert Shipment.objects.count() == 3
    siem.breaks_after = None
    assert export(clock=timezone.now) == 3
    assert len(siem.messages) == 3


def test_a_siem_of_another_authority_is_told_nothing(told, siem, tmp_path):
    told.SIEM_CA = str(Authority(tmp_path).path)
    shipped(make_alert(), "raised")
    assert export(clock=timezone.now) == 0
    assert siem.messages == []
    assert Shipment.objects.count() == 1


def test_without_our_certificate_the_siem_takes_nothing_and_nothing_is_lost(told, siem):
    told.SIEM_CERT = told.SIEM_KEY = ""
    shipped(make_alert(), "raised")
    assert export(clock=timezone.now) == 0
    assert siem.messages == []
    assert Shipment.objects.count() == 1


def lines(app, **asked):
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return Api(app, scope="guard").get(f"/api/v1/alerts?{query}")


def test_an_app_reads_the_alerts_of_its_own_hosts_and_goes_on_where_it_was(app):
    first, second = make_alert(app), make_alert(app, level="low", state="closed")
    make_alert()
    answer = lines(app)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-ndjson"
    said = [json.loads(line) for line in answer.content.splitlines()]
    assert [each["finding_info"]["uid"] for each in said] == [str(first.id), str(second.id)]
    assert [each["activity_id"] for each in said] == [1, 3]
    [one] = lines(app, limit=1).content.splitlines()
    assert json.loads(one)["finding_info"]["uid"] == str(first.id)
    [other] = lines(app, after=first.id).content.splitlines()
    assert json.loads(other)["finding_info"]["uid"] == str(second.id)
    assert lines(app, after=second.id).content == b""
    assert lines(app, format="cef").content.startswith(b"CEF:0|")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"format": "xml"}, "format"),
        ({"limit": 0}, "limit"),
        ({"after": "7"}, "after"),
        ({"since": "x"}, "since"),
        ({"x": 1}, "x"),
    ],
)
def test_what_cannot_be_asked_is_said(app, asked, field):
    answer = lines(app, **asked)
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_it_takes_the_scope(app):
    assert Api(app).get("/api/v1/alerts").status_code == 403


def test_the_command_writes_them_oldest_first(capsys):
    first, second = make_alert(), make_alert()
    call_command("export_alerts", format="ocsf")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["metadata"]["uid"] for line in lines] == [str(first.id), str(second.id)]
    call_command("export_alerts", tenant=second.host.tenant.slug, format="cef")
    assert capsys.readouterr().out.count("\n") == 1
    call_command("export_alerts", since=(timezone.now() + timedelta(hours=1)).isoformat())
    assert capsys.readouterr().out == ""
    with pytest.raises(CommandError, match="RFC 3339"):
        call_command("export_alerts", since="yesterday")
