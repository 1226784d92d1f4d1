"""Hosts: registered once, their agents' tokens kept as digests, changed with an overlap, and dead with the host."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from guard.errors import HostUnknown, NameTaken, NightUnknown
from guard.models import Host
from guard.register_host import register_host
from guard.remove_host import remove_host
from guard.rotate_token import rotate_token
from tests.conftest import Api, kinds

pytestmark = pytest.mark.django_db


def test_a_token_opens_the_hosts_door_alone(agent, api):
    assert agent.beat().status_code == 200
    for path in ("/api/v1/hooks", "/api/v1/alerts", "/api/v1/grants?subject_ref=x"):
        said = agent.client.get(path, headers={"Authorization": f"Bearer {agent.token}"})
        assert said.status_code == 401, path
    agent.token = api.token
    assert (agent.beat().status_code, agent.report("{}").status_code) == (401, 401)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer cgt_", "Basic cgt_x", "Bearer cgt_" + "A" * 43])
def test_who_has_no_token_is_told_how_to_come_in(agent, header):
    answer = agent.client.post(
        "/api/v1/heartbeats", {}, content_type="application/json", headers={"Authorization": header}
    )
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="guard"')
    assert answer["Content-Type"] == "application/problem+json"


def test_no_token_lies_in_the_database_or_the_ledger(agent, now):
    later = rotate_token(host_id=agent.host.id, actor="operator", now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(row_to_json(h)::text, '') FROM guard_host h")
        [rows] = cursor.fetchone()
    assert agent.token not in rows
    assert later not in rows
    assert (
        kinds(agent.host.tenant.origin)
        == ["app.registered", "host.registered", "host.token_rotated"][-len(kinds(agent.host.tenant.origin)) :]
    )


def test_a_token_that_was_replaced_is_good_for_a_while(agent, now):
    old = agent.token
    new = rotate_token(host_id=agent.host.id, actor="operator", now=now)
    assert agent.beat().status_code == 200
    agent.token = new
    assert agent.beat().status_code == 200
    Host.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert agent.beat().status_code == 200
    agent.token = old
    assert agent.beat().status_code == 401


def test_without_an_overlap_the_old_token_ends_at_once(agent, now):
    rotate_token(host_id=agent.host.id, actor="operator", now=now, overlap=timedelta(0))
    assert agent.beat().status_code == 401


def test_a_removed_host_is_nobody(agent, make_host, now):
    for _ in range(2):
        remove_host(host_id=agent.host.id, actor="operator", now=now)
    assert (agent.beat().status_code, agent.report("{}").status_code) == (401, 401)
    assert kinds(agent.host.tenant.origin).count("host.removed") == 1
    with pytest.raises(HostUnknown):
        rotate_token(host_id=agent.host.id, actor="operator", now=now)
    assert make_host(agent.host.name).beat().status_code == 200, "its name is free again"


def test_what_is_no_host_is_refused(app, agent, now):
    with pytest.raises(NameTaken):
        register_host(app=app, name=agent.host.name, actor="operator", now=now)
    with pytest.raises(NightUnknown):
        register_host(app=app, name="x", timezone="Mars/Olympus", actor="operator", now=now)
    for words in ({"name": " "}, {"name": "x" * 61}, {"name": "x", "profile": "winamp"}):
        with pytest.raises(ValueError):
            register_host(app=app, actor="operator", now=now, **words)
    assert Host.objects.count() == 1


def test_the_command_prints_the_token_once(app):
    out = io.StringIO()
    call_command(
        "create_host",
        "tts-9",
        "--app",
        app.client_id,
        "--profile",
        "indextts",
        "--timezone",
        "Asia/Shanghai",
        stdout=out,
    )
    said = dict(line.split("=", 1) for line in out.getvalue().splitlines())
    host = Host.objects.get(id=said["host"])
    assert (host.name, host.profile, host.listens_only, host.app_id) == ("tts-9", "indextts", True, app.id)
    headers = {"Authorization": f"Bearer {said['CONSONANT_AGENT_TOKEN']}"}
    from django.test import Client

    beat = {"agent": "x", "sequence": 1, "sent_at": timezone.now().isoformat()}
    assert (
        Client().post("/api/v1/heartbeats", beat, content_type="application/json", headers=headers).status_code == 200
    )
    for wrong in ("nobody", "018f0000-0000-7000-8000-000000000000"):
        with pytest.raises(CommandError):
            call_command("create_host", "tts-10", "--app", wrong)
    with pytest.raises(CommandError):
        call_command("create_host", "tts-9", "--app", str(app.id))


def test_calls_of_a_host_are_limited_as_those_of_an_app(agent, settings):
    from config import rates

    settings.API_RATES = settings.API_RATES | {"calls": rates.parse("3/minute")}
    said = [agent.beat().status_code for _ in range(5)]
    assert said.count(429) >= 1
    assert said[0] == 200


def test_only_an_app_with_the_scope_reads_alerts(app):
    assert Api(app).get("/api/v1/alerts").status_code == 403
    assert Api(app, scope="guard").get("/api/v1/alerts").status_code == 200
