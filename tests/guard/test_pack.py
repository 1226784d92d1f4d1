"""The rules that come with the service: each finds what it says, and an ordinary day is silent."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from django.core.management import call_command

from guard import sigma
from guard.baseline import Day, break_of
from guard.calls import Setting, add_context
from guard.correlation import Match, group_of, judge, values_of
from guard.desensitise import desensitise
from guard.ecs import normalise
from guard.formats import read
from guard.shapes import shape_of
from tests.guard import ordinary, rows
from tests.guard.staged import ATTACKS, LONG, connection, night_calls, process
from tests.vectors import path

KEY = bytes(range(32))
PACK = sigma.load([sigma.SHIPPED])


def judged(body, *, night=False, listens_only=True):
    """Each event as the service makes it, with the rules that match."""
    setting = Setting(zone=UTC, profile="indextts", listens_only=listens_only, peers=())
    for row in read(body):
        assert row.event is not None, row.fault
        event = desensitise(normalise(row.event), KEY)
        at = datetime.fromisoformat(event["@timestamp"]) if "@timestamp" in event else rows.AT
        at = at.replace(hour=23) if night else at
        event.setdefault("host", {})["id"] = "h"
        add_context(event, at=at, setting=setting)
        yield at, event, PACK.judge(event)


def slugs(body, **how):
    return {rule.slug for _, _, rules in judged(body, **how) for rule in rules if not rule.is_base_only}


def counted(found):
    matches = [
        (rule.slug, at, values_of(PACK.correlations, rule.slug, event))
        for at, event, rules in found
        for rule in rules
        if rule.is_base_only
    ]
    return [
        (each.slug, hit.count)
        for each in PACK.correlations
        for hit in judge(
            each,
            [Match(slug, at, group_of(each, values), values) for slug, at, values in matches],
            datetime(2030, 1, 1, tzinfo=UTC),
        )
    ]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_each_staged_act_is_found_and_by_no_wrong_rule(attack):
    for row in attack.rows:
        assert slugs(row) == attack.rules


def test_every_rule_has_an_act_that_it_finds():
    found = {slug for attack in ATTACKS for slug in attack.rules}
    assert {rule.slug for rule in PACK.rules if not rule.is_base_only} == found


@pytest.mark.parametrize("name", ["exe", "dll", "so", "versioned so", "so of an agent's"])
def test_s3_2_python_that_writes_a_program_is_critical_at_once(name):
    (attack,) = [each for each in ATTACKS if each.name == name]
    ((_, _, rules),) = judged(attack.rows[0])
    assert [(rule.slug, rule.level) for rule in rules] == [("python_writes_program", "critical")]


def test_s3_3_every_egress_of_a_host_that_only_listens_is_found_on_whatever_port_and_network():
    for port in (21, 22, 80, 443, 1389, 4444, 5000, 8888, 65535):
        for address in ("203.0.113.9", "192.168.2.6", "10.9.8.7", "172.16.0.1", "169.254.169.254", "2001:db8::1"):
            for image in ("/opt/venv/bin/python3", "/usr/bin/curl", "/tmp/x"):
                assert slugs(connection(address, port, image)) == {"egress_from_listener"}
    assert slugs(connection("203.0.113.9", 443), listens_only=False) == set()
    assert slugs(connection("203.0.113.9", 443, initiated="false")) == set()
    for address in ("127.0.0.1", "127.1.2.3", "::1"):
        assert slugs(connection(address, 443)) == set()


@pytest.mark.parametrize(
    "name",
    [
        "base64 one-liner",
        "eval",
        "subprocess",
        "os.system",
        "decoded in a shell",
        "powershell",
        "redirected",
        "redirected on windows",
        "option",
    ],
)
def test_s3_4_base64_generated_code_and_output_to_system_folders_are_found_on_command_lines(name):
    (attack,) = [each for each in ATTACKS if each.name == name]
    assert slugs(attack.rows[0]) == attack.rules != set()


def test_s3_5_more_than_ten_calls_a_minute_at_night_are_found_and_ten_or_day_are_not():
    assert counted(judged(b"\n".join(night_calls(11)), night=True)) == [("night_rate", 11)]
    assert counted(judged(b"\n".join(night_calls(10)), night=True)) == []
    assert counted(judged(b"\n".join(night_calls(11, seconds=6.1)), night=True)) == []
    assert counted(judged(b"\n".join(night_calls(11)))) == []
    said = [
        {"@timestamp": f"2026-06-01T23:00:{second:02d}Z", "host": {"id": "h"}, "event": {"module": "consonant", "action": "voice.synthesis"},
         "consonant": {"calls": True, "is_night": True}} for second in range(11)
    ]  # fmt: skip
    assert counted((datetime.fromisoformat(event["@timestamp"]), event, PACK.judge(event)) for event in said) == [
        ("night_rate_records", 11)
    ]


def test_s3_6_no_parent_a_very_long_command_and_a_temporary_folder_count_only_together():
    orphan = {"ParentImage": "-", "ParentCommandLine": "-", "ParentProcessId": 0}
    assert slugs(process(f"/tmp/x {LONG}", "/tmp/x", **orphan)) == {"orphan_long_temp"}
    assert slugs(process(f"/opt/x {LONG}", "/opt/x", CurrentDirectory="/tmp", **orphan)) == {"orphan_long_temp"}
    assert slugs(process(f"/tmp/x {LONG}", "/tmp/x")) == set()  # it has a parent
    assert slugs(process("/tmp/x --short", "/tmp/x", **orphan)) == set()
    assert slugs(process(f"/opt/x {LONG}", "/opt/x", CurrentDirectory="/opt", **orphan)) == set()


@pytest.mark.parametrize(
    "attack",
    [each for each in ATTACKS if each.rules & {"monitor_stopped", "monitor_service_stopped", "monitor_gone"}],
    ids=lambda each: each.name,
)
def test_s3_8_a_monitor_that_is_stopped_or_changed_is_noticed(attack):
    ((_, _, found),) = judged(attack.rows[0])
    assert {rule.level for rule in found} == {"critical"}


def test_an_ordinary_day_of_fifty_thousand_events_is_silent():
    found, said, shapes = [], Counter(), set()
    for at, event, rules in judged(b"\n".join(ordinary.rows(50_000))):
        said.update(rule.slug for rule in rules if not rule.is_base_only)
        if any(rule.is_base_only for rule in rules):
            found.append((at, event, rules))
        if event["consonant"].get("calls"):
            shapes.add(shape_of(event["process"]["command_line"]))
    assert said == Counter()
    assert counted(found) == []
    assert len(found) > 10  # there were calls at night
    assert 0 < len(shapes) < 5


def test_an_ordinary_week_sets_what_the_next_day_keeps():
    days = []
    for back in range(8):
        start = ordinary.START - timedelta(days=back)
        calls, hours, shapes = 0, set(), set()
        for at, event, _ in judged(b"\n".join(ordinary.rows(700, seed=back, day=start))):
            if event["consonant"].get("calls"):
                calls += 1
                hours.add(at.hour)
                shapes.add(shape_of(event["process"]["command_line"]))
        days.append(Day(start.date(), calls, frozenset(hours | set(range(7, 20))), frozenset(shapes)))
    assert break_of(days[1:], days[0]) == []


def test_the_vectors_hold_one_hidden_command():
    body = path("guard/otrf_linux_sysmon_log4shell_eid1_3_11.rfc5424.log").read_bytes()
    matched = [(row.number, rule.slug) for row in read(body) if row.event for rule in PACK.judge(normalise(row.event))]
    assert matched == [(7, "encoded_command")]
    body = path("guard/otrf_win_nxlog_python_webserver_eid1_11.ndjson").read_bytes()
    assert not [rule for row in read(body) for rule in PACK.judge(normalise(row.event))]


def test_every_rule_says_what_it_finds_in_both_languages():
    for rule in (*PACK.rules, *PACK.correlations):
        assert rule.title
        assert rule.description
        assert re.search(r"[\u4e00-\u9fff]", rule.title_zh)
        assert re.search(r"[\u4e00-\u9fff]", rule.description_zh)
        assert rule.level in {"informational", "low", "medium", "high", "critical"}
        assert rule.is_base_only or rule.falsepositives
        assert len(rule.slug) <= 60
    assert len({rule.id for rule in (*PACK.rules, *PACK.correlations)}) == len(PACK.rules) + len(PACK.correlations)


def test_the_command_says_which_rules_match_which_rows(tmp_path, capsys):
    events = tmp_path / "events.log"
    events.write_bytes(b"\n".join([ATTACKS[0].rows[0], b"nothing", *night_calls(1)]))
    call_command("judge", events=events, rules=None, as_json=True)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["row"], [rule["slug"] for rule in row["rules"]], row.get("fault")) for row in said] == [
        (1, ["python_writes_program"], None),
        (2, [], "no event in it"),
        (3, [], None),
    ]
    call_command("judge", events=events, rules=[sigma.SHIPPED / "python_writes_program.yml"], as_json=False)
    out = capsys.readouterr()
    assert out.out.splitlines() == ["row 1: python_writes_program", "row 2: no event in it"]
    assert "3 rows, 1 malformed, 1 matched by 1 rules" in out.err


def test_rules_are_yaml_that_other_tools_read():
    for file in sigma.SHIPPED.glob("*.yml"):
        assert list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("base64 -w0 -d", "encoded_command"),
        ("base64 --dec x", "encoded_command"),
        ("base64 -w 0 a.wav", None),
        ("python3 -c eval ('x')", "encoded_command"),
        ("python3 -c from os import system", "encoded_command"),
        ("pkill -f consonant guard", "monitor_stopped"),
        ("systemctl disable --now rsyslog.service", "monitor_stopped"),
        ("systemctl kill -s HUP rsyslog.service", None),
        ("systemctl restart consonant-guard", None),
        ("reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\SysmonDrv /v Start /d 4", "monitor_stopped"),
        ("reg query HKLM\\SYSTEM\\CurrentControlSet\\Services\\SysmonDrv", None),
        ("dd if=x of=/etc/cron.d/x", "output_to_system_folder"),
        ("tee --append /etc/passwd", "output_to_system_folder"),
        ("wget -O/usr/bin/x http://a", "output_to_system_folder"),
        ("sh -c echo x > /tmp/../etc/x", "output_to_system_folder"),
        ("sh -c echo x > /tmp/etc/x", None),
    ],
)
def test_other_ways_to_say_it_are_found_too(line, rule):
    assert slugs(process(line)) == ({rule} if rule else set())


def test_the_drivers_settings_are_sysmons_own_to_write():
    target = r"HKLM\System\CurrentControlSet\Services\SysmonDrv\Parameters\Rules"
    assert slugs(rows.windows(13, Image=r"C:\Windows\regedit.exe", TargetObject=target)) == {"monitor_stopped"}
    assert slugs(rows.windows(13, Image=r"C:\Windows\Sysmon64.exe", TargetObject=target)) == set()
