"""Telemetry over REST: what is read is judged and kept a day, what cannot be read is counted, and nobody stands in it."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from guard.forget import forget
from guard.models import Alert, BaselineDay, Event, Malformed, Match
from guard.models import Batch as Delivered
from tests import vectors
from tests.guard.happenings import sidecar, started, wrote

pytestmark = pytest.mark.django_db
ORDINARY = "python webui.py --port 50000"


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_reported_is_judged_and_stored(agent, packed):
    body = "\n".join(json.dumps(each) for each in [started(ORDINARY), wrote(r"C:\CosyVoice\x.exe")]).encode()
    answer = agent.send(body, packed=packed)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 2, "malformed": 0, "faults": [], "alerts": 1})
    assert list(Event.objects.order_by("code").values_list("code", flat=True)) == ["1", "11"]
    alert = Alert.objects.get()
    assert (alert.rule, alert.level, alert.state, alert.count) == ("python_writes_program", "critical", "open", 1)
    [event] = Event.objects.filter(id__in=alert.evidence)
    assert event.data["file"]["extension"] == "exe" == alert.summary["file"]["extension"]
    agent.host.refresh_from_db()
    assert agent.host.last_event_at is not None


def test_a_row_that_cannot_be_read_stops_no_other_and_is_not_kept_itself(agent):
    answer = agent.report("{not json, of alice", started(ORDINARY), json.dumps({"nothing": "happened"}))
    said = answer.json()
    assert (said["accepted"], said["malformed"], [fault["row"] for fault in said["faults"]]) == (1, 2, [1, 3])
    assert all(fault["fault"] for fault in said["faults"])
    assert [row.size for row in Malformed.objects.order_by("id")] == [19, 23]
    assert "alice" not in str(list(Malformed.objects.values()))


def test_s3_9_no_name_and_no_text_that_was_spoken_is_stored(agent):
    spoken = "please transfer all my savings"
    agent.report(
        started(f'python webui.py --text "{spoken}" --output /tmp/x.wav'), started(f"python cli.py -t '{spoken}'")
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(row_to_json(e)::text, ' ') FROM guard_event e")
        [everything] = cursor.fetchone()
    assert "alice" not in everything.lower()
    assert not any(word in everything for word in ("savings", "transfer"))
    assert everything.count("hmac:") >= 4


@pytest.mark.parametrize(
    ("name", "kind", "accepted", "malformed"),
    [
        ("otrf_linux_sysmon_log4shell_eid1_3_11.ndjson", "application/x-ndjson", None, None),
        ("otrf_linux_sysmon_log4shell_eid1_3_11.rfc5424.log", "text/plain", None, None),
        ("otrf_win_nxlog_python_webserver_eid1_11.ndjson", "application/x-ndjson", None, None),
    ],
)
def test_real_samples_are_taken_and_what_is_truncated_is_reported(agent, name, kind, accepted, malformed):
    body = vectors.path(f"guard/{name}").read_bytes()
    said = agent.send(body, kind=kind).json()
    rows = len([line for line in body.splitlines() if line.strip()])
    assert said["accepted"] + said["malformed"] == rows
    assert said["malformed"] <= 1
    assert Event.objects.count() == said["accepted"] > 0
    assert Malformed.objects.count() == said["malformed"] == len(said["faults"])


@pytest.mark.parametrize(
    ("body", "headers", "status", "problem"),
    [
        (b"x" * (5 * 1024 * 1024 + 1), {}, 413, "body-too-large"),
        (b"{}\n" * 10_001, {}, 413, "too-many-rows"),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400, "malformed-request"),
        (b"{}", {"Content-Encoding": "br"}, 400, "malformed-request"),
        (b"{}", {"Idempotency-Key": "x" * 256}, 422, "idempotency-key-invalid"),
    ],
)
def test_what_may_not_be_sent_is_refused_and_nothing_is_stored(agent, body, headers, status, problem):
    answer = agent.send(body, **headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:consonant:problem:{problem}")
    assert not Event.objects.exists()
    assert not Malformed.objects.exists()


def test_a_bomb_is_refused_by_what_it_unpacks_to(agent):
    answer = agent.send(b"0" * (200 * 1024 * 1024), packed=True)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:consonant:problem:body-too-large")


def test_the_same_delivery_again_counts_once(agent):
    events = [wrote(r"C:\x\y.exe")]
    first, again = (agent.report(*events, **{"Idempotency-Key": "7"}) for _ in range(2))
    assert first.json() == again.json()
    assert (Event.objects.count(), Alert.objects.get().count) == (1, 1)
    assert agent.report(*events, **{"Idempotency-Key": "8"}).json()["accepted"] == 1
    assert (Event.objects.count(), Alert.objects.get().count) == (2, 2)


@pytest.mark.parametrize("action", ["voice.synthesis", "heartbeat.missing", "file.unrecorded", "anything"])
def test_a_host_cannot_say_what_only_the_service_knows(agent, action):
    assert agent.report(sidecar(action)).json()["malformed"] == 1
    assert not Event.objects.exists()


@pytest.mark.parametrize("place", [None, 7, "ab", "zz" * 32])
def test_a_sighting_without_a_place_is_malformed(agent, place):
    assert agent.report(sidecar("file.seen", place=place, folder="outputs", suffix=".wav")).json()["malformed"] == 1


def test_characters_that_the_database_does_not_take_lose_no_event(agent):
    said = agent.report(started("python webui.py \0 \ud800 😀"), wrote("C:\\x\\\0.exe")).json()
    assert (said["accepted"], said["alerts"]) == (2, 1)
    assert any("😀" in str(event.data) for event in Event.objects.all())


def test_a_time_that_cannot_be_is_the_time_of_arrival(agent, now):
    event = started(ORDINARY)
    event["@timestamp"] = "0001-01-01T00:00:00.000Z"
    event["winlog"]["event_data"]["UtcTime"] = "0001-01-01 00:00:00.000"
    assert agent.report(event).json()["accepted"] == 1
    assert Event.objects.get().at >= now - timedelta(seconds=1)


def test_calls_are_learnt_by_the_hosts_own_calendar(agent, now):
    noon = now.replace(hour=4, minute=0)  # noon in Shanghai
    agent.report(*[started(f"python webui.py --text hello{number}", at=noon) for number in range(3)])
    day = BaselineDay.objects.get()
    assert (day.date, day.calls, day.hours) == (noon.date(), 3, [12])
    assert len(day.shapes) == 1


def test_a_day_that_breaks_with_the_week_before_is_noticed_once(agent, now):
    noon = now.replace(hour=4, minute=0)
    for back in range(8, 0, -1):
        at = noon - timedelta(days=back)
        agent.report(*[started("python webui.py --text hello", at=at + timedelta(minutes=n)) for n in range(5)])
    assert not Alert.objects.exists()
    for _ in range(2):
        agent.report(started("python webui.py --dump-everything --text hello", at=noon))
    alert = Alert.objects.get()
    assert (alert.rule, alert.count, alert.summary["consonant"]["reason"]) == ("baseline_break", 1, "shape")


def test_what_is_reported_goes_after_its_day(agent, now):
    agent.report(started(ORDINARY, at=now.replace(hour=15)), "{no", **{"Idempotency-Key": "7"})
    assert forget(now=timezone.now() + timedelta(hours=23, minutes=59)) == 0
    forget(now=timezone.now() + timedelta(hours=24, minutes=1))
    assert not any(model.objects.exists() for model in (Event, Malformed, Match, Delivered))
    assert BaselineDay.objects.exists()
    forget(now=timezone.now() + timedelta(days=57))
    assert not BaselineDay.objects.exists()


HOSTILE = [
    {"winlog": {"event_id": "²", "provider_name": "Microsoft-Windows-Sysmon"}},
    {"winlog": {"event_id": "9" * 5000, "provider_name": "Microsoft-Windows-Sysmon"}},
    {"event": {"module": "consonant", "action": ["file.seen"]}},
    {
        "event": {"module": ["consonant"], "action": "voice.synthesis", "category": "process"},
        "host": {"os": {"type": []}},
    },
    {"winlog": {"event_id": 1, "provider_name": "Sysmon", "event_data": {"ProcessId": "0x" + "f" * 6000}}},
]


@pytest.mark.parametrize("event", [*map(json.dumps, HOSTILE), '{"event": {"code": "1", "sequence": 1e999}}'])
def test_a_hostile_row_stops_no_other(agent, event):
    answer = agent.report(event, wrote(r"C:\x.exe"))
    assert answer.status_code == 200
    assert Alert.objects.get().rule == "python_writes_program"


def test_a_row_that_comes_late_completes_what_came_before_it_once(agent, now):
    night = (now - timedelta(days=1)).replace(hour=15, minute=59, second=50, microsecond=0)  # 23:59:50 in Shanghai
    later = [started("python webui.py", at=night + timedelta(seconds=each)) for each in range(2, 12)]
    agent.report(*later)
    assert not Alert.objects.exists()
    agent.report(started("python webui.py", at=night))
    assert (Alert.objects.get().rule, Alert.objects.get().count) == ("night_rate", 1)
    agent.report(started("python webui.py", at=night + timedelta(minutes=2)))
    assert Alert.objects.get().count == 1


def test_days_that_no_comparison_looks_at_are_not_learnt(agent, now):
    agent.report(*[started(ORDINARY, at=now + timedelta(days=days)) for days in (-400, -1, 400)])
    assert [day.date for day in BaselineDay.objects.all()] == [(now - timedelta(days=1) + timedelta(hours=8)).date()]
