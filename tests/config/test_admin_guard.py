"""The officer's rooms about voice hosts: hosts and their tokens, alerts with what was done, rules, playbooks."""

import html
import json
import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from config.adminguard.tree import MOST, Seen, draw
from guard.models import Alert, Answer, Event, Host, Playbook, RuleState
from guard.register_host import register_host
from tests.conftest import kinds
from tests.factories import OfficerFactory, sign_in

pytestmark = pytest.mark.django_db
HOSTS, ALERTS, RULES, PLAYBOOKS = (f"/admin/guard/{name}/" for name in ("host", "alert", "rulestate", "playbook"))


@pytest.fixture
def officer(client):
    person = OfficerFactory()
    sign_in(client, person)
    return person


@pytest.fixture
def reader(client):
    """An officer who may look, and change nothing."""
    person = OfficerFactory(is_superuser=False)
    for name in ("view_host", "view_alert", "view_rulestate", "view_playbook"):
        person.user_permissions.add(Permission.objects.get(codename=name))
    sign_in(client, person)
    return person


@pytest.fixture
def host(app):
    return register_host(app=app, name="tts-1", profile="indextts", actor="operator", now=timezone.now())


def sent(host, *rows):
    body = b"\n".join(rows)
    return Client().post(
        "/api/v1/telemetry",
        body,
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {host.token}"},
    )


def sysmon(code, **data):
    at = timezone.now()
    event = {"UtcTime": f"{at:%Y-%m-%d %H:%M:%S.000}", **data}
    return json.dumps(
        {
            "EventID": code,
            "SourceName": "Microsoft-Windows-Sysmon",
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "Hostname": "V",
            **event,
        }
    ).encode()


SHELL = {
    "ProcessGuid": "{aa}",
    "ProcessId": 10,
    "Image": r"C:\Windows\System32\cmd.exe",
    "CommandLine": "cmd.exe",
    "User": r"V\ann",
}
PYTHON = {
    "ProcessGuid": "{bb}",
    "ProcessId": 11,
    "Image": r"C:\venv\python.exe",
    "CommandLine": "python webui.py",
    "ParentProcessGuid": "{aa}",
    "ParentProcessId": 10,
    "ParentImage": SHELL["Image"],
}
DROPPED = {
    "ProcessGuid": "{bb}",
    "ProcessId": 11,
    "Image": PYTHON["Image"],
    "TargetFilename": r"C:\voice\outputs\update.exe",
}


@pytest.fixture
def alert(host, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = sent(host, sysmon(1, **SHELL), sysmon(1, **PYTHON), sysmon(11, **DROPPED))
    assert answer.status_code == 200, answer.content
    return Alert.objects.get(rule="python_writes_program")


def text(answer, status=200):
    assert answer.status_code == status, answer
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


class TestHosts:
    def said(self, app, **more):
        return {
            "app": str(app.id),
            "name": "tts-9",
            "profile": "cosyvoice",
            "timezone": "Asia/Shanghai",
            "listens_only": "on",
        } | more

    def test_one_is_registered_and_its_token_is_shown_once(self, client, officer, app):
        shown = client.post(f"{HOSTS}new/", self.said(app))
        token = re.search(r"cgt_[\w-]{43}", shown.content.decode())[0]
        host = Host.objects.get()
        assert (host.name, host.profile, host.timezone, host.listens_only, host.app) == (
            "tts-9",
            "cosyvoice",
            "Asia/Shanghai",
            True,
            app,
        )
        assert "no-store" in shown["Cache-Control"]
        assert token not in client.get(f"{HOSTS}{host.id}/change/").content.decode()
        assert "host.registered" in kinds()
        answer = Client().post(
            "/api/v1/telemetry", b"", content_type="text/plain", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200

    @pytest.mark.parametrize("more", [{"timezone": "Mars/Base"}, {"name": ""}, {"profile": "other-one"}])
    def test_what_is_wrong_is_said_and_nothing_is_registered(self, client, officer, app, more):
        assert client.post(f"{HOSTS}new/", self.said(app, **more)).status_code == 422
        assert not Host.objects.exists()

    def test_a_name_is_taken_once(self, client, officer, app, host):
        assert "has a host of this name already" in text(client.post(f"{HOSTS}new/", self.said(app, name="tts-1")), 422)

    def test_its_token_is_changed_and_the_old_one_ends(self, client, officer, host):
        shown = client.post(f"{HOSTS}{host.host.id}/rotate/", {"at_once": "on"})
        token = re.search(r"cgt_[\w-]{43}", shown.content.decode())[0]
        assert token != host.token
        assert sent(host, b"x").status_code == 401
        host = type(host)(host.host, token)
        assert sent(host, b"x").status_code == 200

    def test_it_is_removed_and_then_refused(self, client, officer, host):
        client.post(f"{HOSTS}{host.host.id}/remove/")
        assert sent(host, b"x").status_code == 401
        shown = text(client.get(f"{HOSTS}{host.host.id}/change/"))
        assert "Removed" in shown
        assert "Make another token" not in client.get(f"{HOSTS}{host.host.id}/change/").content.decode()

    def test_the_list_and_the_page_say_how_it_stands(self, client, officer, host, alert):
        sent(host, b"nonsense")
        assert "tts-1" in text(client.get(HOSTS))
        shown = text(client.get(f"{HOSTS}{host.host.id}/change/"))
        for word in ("IndexTTS", "Python writes a program", "no event in it", "every one is an alarm"):
            assert word in shown

    def test_who_may_only_look_changes_nothing(self, client, reader, host, app):
        shown = client.get(f"{HOSTS}{host.host.id}/change/").content.decode()
        assert "Make another token" not in shown
        assert client.get(f"{HOSTS}new/").status_code == 403
        for act in (f"{HOSTS}new/", f"{HOSTS}{host.host.id}/rotate/", f"{HOSTS}{host.host.id}/remove/"):
            assert client.post(act, self.said(app)).status_code == 403
        assert Host.objects.get().removed_at is None


class TestAlerts:
    def test_the_first_page_says_what_is_open(self, client, officer, alert):
        assert "1 open alert about a host Python writes a program tts-1 · critical" in text(client.get("/admin/"))
        client.post(f"{ALERTS}{alert.id}/close/")
        assert "open alert" not in text(client.get("/admin/"))

    def test_the_list_is_filtered_by_state_and_level(self, client, officer, alert):
        assert "Python writes a program" in text(client.get(ALERTS))
        assert "Python writes a program" in text(client.get(f"{ALERTS}?level__exact=critical"))
        assert "Python writes a program" not in text(client.get(f"{ALERTS}?level__exact=low")).split("Filter")[0]

    def test_one_is_shown_with_evidence_processes_and_what_was_done(self, client, officer, alert):
        answer = client.get(f"{ALERTS}{alert.id}/change/")
        page = answer.content.decode()
        shown = text(answer)
        for word in (
            "critical",
            "tts-1",
            "python_writes_program",
            "What was done",
            "cmd.exe · 10",
            "python.exe · 11",
            "update.exe",
        ):
            assert word in shown
        assert page.count("<rect ") == 3
        assert page.count('class="node file evidence"') == 1
        assert "style=" not in page.split("<main")[-1]
        assert "ann" not in re.findall(r"\w+", shown)
        assert str(alert.entry) in page

    def test_what_was_done_is_undone_with_a_reason_and_closed(self, client, officer, alert):
        assert Answer.objects.filter(alert=alert).exists()
        assert client.post(f"{ALERTS}{alert.id}/undo/", {"reason": "because"}).status_code == 422
        client.post(f"{ALERTS}{alert.id}/undo/", {"reason": "planned", "note": "an update"})
        alert.refresh_from_db()
        assert (alert.state, alert.undone_for, alert.note) == ("undone", "planned", "an update")
        shown = text(client.get(f"{ALERTS}{alert.id}/change/"))
        assert "the work was planned" in shown
        assert "Undo what was done" not in shown
        again = client.post(f"{ALERTS}{alert.id}/undo/", {"reason": "planned"}, follow=True)
        assert "It was undone already." in text(again)
        client.post(f"{ALERTS}{alert.id}/close/")
        alert.refresh_from_db()
        assert alert.state == "closed"
        assert {"alert.undone", "alert.closed"} <= set(kinds())

    def test_when_its_events_are_gone_the_summary_stays(self, client, officer, alert):
        Event.objects.all().delete()
        shown = text(client.get(f"{ALERTS}{alert.id}/change/"))
        assert "Events are kept for a day" in shown
        assert "update.exe" in shown

    def test_who_may_only_look_changes_nothing(self, client, reader, alert):
        assert "Undo what was done" not in text(client.get(f"{ALERTS}{alert.id}/change/"))
        for act in ("undo", "close"):
            assert client.post(f"{ALERTS}{alert.id}/{act}/", {"reason": "planned"}).status_code == 403
            assert client.get(f"{ALERTS}{alert.id}/{act}/").status_code in {403, 405}

    def test_there_is_none_of_another_id(self, client, officer):
        for name in ("nothing", "01990000-0000-7000-8000-000000000000"):
            assert client.get(f"{ALERTS}{name}/change/").status_code == 404


class TestRules:
    def test_all_are_listed_the_worst_first_and_read(self, client, officer):
        shown = text(client.get(RULES))
        assert shown.index("Python writes a program") < shown.index("The host does what it never did")
        assert "A call of the voice program at night" not in shown
        shown = text(client.get(f"{RULES}python_writes_program/change/"))
        assert "TargetFilename|endswith" in shown
        assert client.get(f"{RULES}nothing/change/").status_code == 404

    def test_one_is_turned_off_and_on_and_that_is_entered(self, client, officer, host):
        client.post(f"{RULES}python_writes_program/turn/")
        assert RuleState.objects.get().enabled is False
        assert "off" in text(client.get(RULES))
        sent(host, sysmon(11, **DROPPED))
        assert not Alert.objects.exists()
        client.post(f"{RULES}python_writes_program/turn/", {"enabled": "yes"})
        sent(host, sysmon(11, **DROPPED))
        assert Alert.objects.count() == 1
        assert kinds().count("rule.changed") == 2

    def test_it_is_tried_on_the_last_day_and_nothing_is_raised(self, client, officer, host, alert):
        before = Alert.objects.count()
        shown = text(client.post(f"{RULES}python_writes_program/test/"))
        assert "1 of 3 events" in shown
        assert "update.exe" in shown
        assert "0 of 3 events" in text(client.post(f"{RULES}reverse_shell/test/"))
        assert "0 of 3 events" in text(client.post(f"{RULES}night_rate/test/"))
        assert Alert.objects.count() == before

    def test_who_may_only_look_turns_nothing_off(self, client, reader):
        assert "Turn it off" not in text(client.get(f"{RULES}port_open/change/"))
        assert client.post(f"{RULES}port_open/turn/").status_code == 403
        assert not RuleState.objects.exists()


class TestPlaybooks:
    def test_levels_and_rules_are_listed_with_what_is_done(self, client, officer):
        shown = text(client.get(PLAYBOOKS))
        assert "critical suspend the app · isolate the host · tell the officers and the app" in shown
        assert "as its level" in shown

    def test_one_of_a_rule_is_written_and_counts(self, client, officer, host):
        client.post(f"{PLAYBOOKS}python_writes_program/change/", {"steps": ["notify"], "enabled": "on", "said": "yes"})
        assert Playbook.objects.get().steps == ["notify"]
        assert "playbook.changed" in kinds()
        sent(host, sysmon(11, **DROPPED))
        assert list(Answer.objects.values_list("step", flat=True)) == ["notify"]

    def test_what_is_wrong_changes_nothing(self, client, officer):
        assert client.post(f"{PLAYBOOKS}critical/change/", {"steps": ["burn"], "said": "yes"}).status_code == 422
        assert client.post(f"{PLAYBOOKS}critical/change/", {"state": "given"}).status_code == 422
        for key in ("nothing", "night_process"):
            assert client.get(f"{PLAYBOOKS}{key}/change/").status_code == 404
        assert not Playbook.objects.exists()

    def test_who_may_only_look_changes_nothing(self, client, reader):
        assert "tell the officers" in text(client.get(f"{PLAYBOOKS}critical/change/"))
        assert client.post(f"{PLAYBOOKS}critical/change/", {"steps": ["notify"]}).status_code == 403


@pytest.mark.parametrize(
    "address",
    [HOSTS, ALERTS, RULES, PLAYBOOKS, f"{RULES}port_open/change/", f"{PLAYBOOKS}critical/change/", f"{HOSTS}new/"],
)
def test_nobody_else_comes_in(client, address):
    assert client.get(address).status_code == 302
    person = OfficerFactory(is_superuser=False)
    sign_in(client, person)
    assert client.get(address).status_code == 403


def seen(number, entity="", parent="", code="1", **data):
    return Seen(number, "10:00:00", code, entity, parent, data, number == 2)


def test_the_tree_is_drawn_from_the_top_with_what_each_did_under_it():
    picture = draw([seen(1, "a", process={"name": "sh", "pid": 1}), seen(2, "b", "a", process={"name": "python"}), seen(3, "b", code="11", file={"path": "/x.exe"}), seen(4, "b", code="3", destination={"ip": "2001:db8::1", "port": 4}), seen(5, "z", "y")])  # fmt: skip
    assert [(line.title, line.depth, line.kind) for line in picture.lines] == [("sh · 1", 0, "process"), ("python", 1, "process"), ("?", 2, "file"), ("?", 2, "network"), ("?", 0, "process")]  # fmt: skip
    assert [bool(line.elbow) for line in picture.lines] == [False, True, True, True, False]
    assert picture.lines[3].whole == "[2001:db8::1]:4"
    assert picture.lines[1].is_evidence


def test_a_tree_that_bites_its_tail_or_is_too_large_is_drawn_all_the_same():
    assert len(draw([seen(1, "a", "b"), seen(2, "b", "a")]).lines) == 2
    picture = draw([seen(number, str(number), str(number - 1)) for number in range(1, 300)])
    assert len(picture.lines) == MOST
    assert picture.left_out == 299 - MOST
    assert draw([]).lines == []
