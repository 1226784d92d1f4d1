"""A staged attack on a voice host, over the real API: each move is detected, answered by its playbook, and there for the officer to see."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import App
from consent.models import Session
from guard.answer import answer
from guard.change_playbook import change_playbook
from guard.follow_records import LAG, follow_records
from guard.models import Alert, BaselineDay, Host
from guard.queries import process_tree
from guard.reconcile import reconcile
from tests.conftest import Api
from tests.guard import ordinary
from tests.guard.happenings import connected, sidecar, started, sysmon, wrote

pytestmark = pytest.mark.django_db
MARK = {"kind": "watermark", "watermark_id": "wm-7"}
PLACE = "ab" * 32


def at_night(number=0):
    """Three in the morning in Shanghai, some seconds later."""
    return timezone.now().replace(hour=19, minute=0, second=0, microsecond=0) - timedelta(days=1, seconds=-4 * number)


def rules():
    return set(Alert.objects.values_list("rule", flat=True))


def given(rule):
    """The steps that were taken about the rule's alert."""
    return {each.step for each in Alert.objects.get(rule=rule).answers.filter(state="done")}


SUSPENDED = {"suspend", "isolate", "notify"}
MOVES = {
    "python writes a program": ([wrote(r"C:\CosyVoice\outputs\update.exe")], "python_writes_program", SUSPENDED),
    "a payload in base64": (
        [started("python -c \"import base64;exec(base64.b64decode('aW1wb3J0IG9z'))\"")],
        "encoded_command",
        {"notify"},
    ),
    "out to anywhere": ([connected("203.0.113.9", "8443")], "egress_from_listener", {"notify"}),
    "the monitor is stopped": ([sysmon(4, State="Stopped", Version="15.0")], "monitor_stopped", SUSPENDED),
    "the monitor's configuration is changed": (
        [sysmon(16, Configuration=r"C:\x\nothing.xml", ConfigurationFileHash="SHA256=00")],
        "monitor_stopped",
        SUSPENDED,
    ),
}


@pytest.mark.parametrize("move", MOVES)
def test_each_move_is_detected_and_answered(agent, app, move):
    events, rule, steps = MOVES[move]
    assert agent.report(*events).json()["alerts"] >= 1
    answer(clock=timezone.now)
    assert rule in rules()
    assert given(rule) == steps
    assert (App.objects.get(id=app.id).suspended_at is not None) == ("suspend" in steps)


def test_a_clip_behind_the_sdks_back_stops_the_app(agent, app, api, consent):
    grant = consent(operations=["synthesize"])
    assert api.post("/api/v1/sessions", {"grant": str(grant.id)}).status_code == 201
    agent.report(sidecar("file.seen", place=PLACE, folder="outputs", suffix=".wav"))
    later = timezone.now() + timedelta(seconds=3.1)
    reconcile(now=later)
    answer(clock=lambda: later)
    assert given("unrecorded_file") == SUSPENDED
    assert Session.objects.get().closed_at is not None
    assert api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["reason"] == "app_suspended"
    assert agent.beat().json()["isolated"] is True


@pytest.mark.parametrize(("calls", "alarmed"), [(10, False), (11, True)])
def test_s3_5_more_than_ten_calls_a_minute_at_night(agent, calls, alarmed):
    events = [started("python webui.py --text hello", at=at_night(number)) for number in range(calls)]
    agent.report(*events[:6])
    agent.report(*events[6:])
    assert ("night_rate" in rules()) == alarmed
    day = [started("python webui.py --text hello", at=at_night(number) + timedelta(hours=9)) for number in range(30)]
    agent.report(*day)
    assert Alert.objects.filter(rule="night_rate").count() == alarmed, "in the day it is work"


@pytest.mark.parametrize(("records", "alarmed"), [(10, False), (11, True)])
def test_s3_5_records_of_a_web_page_count_like_processes(agent, api, consent, records, alarmed):
    """What a web page speaks begins no process: the ledger knows."""
    grant = consent(operations=["synthesize"])
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    now = timezone.now()
    Host.objects.update(timezone=next(zone for zone in ZONES if _night(zone, now)))
    batch = [{"kind": "synthesis", "session": session, "mark": MARK}] * records
    api.post("/api/v1/records:batch", {"records": batch})
    later = timezone.now() + LAG
    assert [follow_records(now=later) for _ in range(2)] == [records, 0]
    assert ("night_rate_records" in rules()) == alarmed
    assert BaselineDay.objects.get().calls == records


ZONES = [f"Etc/GMT{number:+d}" for number in range(-12, 13)]


def _night(zone, now):
    from zoneinfo import ZoneInfo

    return now.astimezone(ZoneInfo(zone)).hour in {23, 0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("address", "port", "initiated", "found"),
    [
        ("203.0.113.9", "443", "true", True),
        ("203.0.113.9", "5000", "true", True),
        ("203.0.113.9", "22", "true", True),
        ("10.1.2.3", "50000", "true", True),
        ("2001:db8::9", "443", "true", True),
        ("203.0.113.9", "5000", "false", False),
        ("127.0.0.1", "6379", "true", False),
        ("198.51.100.7", "443", "true", False),
    ],
)
def test_s3_3_every_egress_of_a_host_that_only_listens(agent, settings, address, port, initiated, found):
    from ipaddress import ip_network

    settings.GUARD_PEERS = (ip_network("198.51.100.0/24"),)
    agent.report(connected(address, port, initiated=initiated))
    assert ("egress_from_listener" in rules()) == found


def test_s3_3_a_host_that_may_call_out_does(make_host):
    make_host(listens_only=False).report(connected("203.0.113.9", "443"))
    assert not rules()


def test_the_whole_attack_is_one_story_for_the_officer_and_the_siem(agent, app):
    change_playbook(key="high", steps=["notify"], enabled=True, officer="7", now=timezone.now())
    shell = started("python webui.py", ProcessGuid="{1}")
    child = started("cmd /c whoami", image=r"C:\Windows\System32\cmd.exe", ParentProcessGuid="{1}", ProcessGuid="{2}")
    drop = wrote(r"C:\CosyVoice\outputs\update.exe", ProcessGuid="{1}")
    agent.report(shell, child, drop)
    for events, _, _ in MOVES.values():
        agent.report(*events)
    agent.report(*[started("python webui.py --text hello", at=at_night(number)) for number in range(11)])
    answer(clock=timezone.now)
    assert rules() >= {rule for _, rule, _ in MOVES.values()} | {"night_rate"}
    tree = process_tree(Alert.objects.get(rule="python_writes_program"))
    assert {event.entity for event in tree} >= {"{1}", "{2}"}
    lines = Api(app, scope="guard").get("/api/v1/alerts").content.splitlines()
    assert len(lines) == Alert.objects.count()


def test_an_ordinary_day_alarms_nobody(agent):
    """The rules one by one are held to it in `test_pack`; here the whole way, with counts, baselines and sightings."""
    day = list(ordinary.rows(count=8_000))
    for start in range(0, len(day), 2_000):
        said = agent.send(b"\n".join(day[start : start + 2_000])).json()
        assert (said["accepted"], said["malformed"], said["alerts"]) == (2_000, 0, 0)
    assert not Alert.objects.exists()
