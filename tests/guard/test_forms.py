"""How an alert is written for a SIEM."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from guard import cef, ecs_event, ocsf, syslog
from tests.guard.findings import CALLED, NOW, WROTE, finding

# schema.ocsf.io, 1.5.0: of each object that is used, what it may hold and what it must.
OBJECTS = {
    "detection_finding": (
        (
            "activity_id activity_name category_name category_uid class_name class_uid count device end_time evidences finding_info is_alert "
            "message metadata resources severity severity_id start_time status status_id time type_name type_uid unmapped"
        ),
        "activity_id category_uid class_uid finding_info metadata severity_id time type_uid",
    ),
    "metadata": ("log_name logged_time product tenant_uid uid version", "product version"),
    "product": ("name vendor_name version", ""),
    "finding_info": (
        "analytic attacks created_time desc first_seen_time last_seen_time title types uid",
        "uid",
    ),
    "analytic": ("name type type_id uid", "type_id"),
    "attack": ("sub_technique tactic technique", ""),
    "technique": ("name uid", ""),
    "sub_technique": ("name uid", ""),
    "device": ("hostname type type_id uid", "type_id"),
    "resource_details": ("name type uid", ""),
    "evidences": ("connection_info device dst_endpoint file process src_endpoint", ""),
    "process": ("cmd_line name parent_process path pid uid working_directory", ""),
    "file": ("ext name path type_id", "name type_id"),
    "network_endpoint": ("ip port", ""),
    "network_connection_info": ("direction_id protocol_name", "direction_id"),
}
HOLDS = {
    "metadata": "metadata",
    "product": "product",
    "finding_info": "finding_info",
    "analytic": "analytic",
    "attacks": "attack",
    "technique": "technique",
    "sub_technique": "sub_technique",
    "device": "device",
    "resources": "resource_details",
    "evidences": "evidences",
    "process": "process",
    "parent_process": "process",
    "file": "file",
    "src_endpoint": "network_endpoint",
    "dst_endpoint": "network_endpoint",
    "connection_info": "network_connection_info",
}
LISTS = {"attacks", "resources", "evidences"}


def check(said, kind="detection_finding"):
    """What of an object the schema does not know, lacks, or has of another type."""
    may, must = (set(names.split()) for names in OBJECTS[kind])
    assert said.keys() <= may, (kind, said.keys() - may)
    assert must <= said.keys(), (kind, must - said.keys())
    for name, value in said.items():
        if name in HOLDS:
            assert isinstance(value, list) == (name in LISTS), name
            for each in value if name in LISTS else [value]:
                check(each, HOLDS[name])
        elif name.endswith(("_id", "_uid", "time", "count", "port", "pid")) and name != "tenant_uid":
            assert isinstance(value, int), (kind, name, value)


@pytest.mark.parametrize("activity", ["create", "update", "close"])
@pytest.mark.parametrize("state", ["open", "answered", "undone", "closed"])
@pytest.mark.parametrize("level", ["informational", "low", "medium", "high", "critical", "unheard of"])
def test_ocsf_is_what_the_schema_describes(activity, state, level):
    said = ocsf.encode(finding(activity=activity, state=state, level=level))
    check(said)
    assert said["type_uid"] == said["class_uid"] * 100 + said["activity_id"]
    assert said["metadata"]["version"] == "1.5.0"
    json.dumps(said)


@pytest.mark.parametrize(
    "events", [(), (WROTE,), (CALLED,), ({"event": {"code": "4"}},), ({"process": {"name": "x"}},)]
)
def test_ocsf_of_whatever_raised_it_has_evidence_of_which_one_thing_is_named(events):
    said = ocsf.encode(finding(events=events, tags=()))
    check(said)
    assert len(said["evidences"]) == max(1, len(events))
    for evidence in said["evidences"]:
        assert {"device", "process", "file", "dst_endpoint"} & evidence.keys()
    assert "attacks" not in said["finding_info"]


def test_ocsf_names_times_in_milliseconds_the_technique_and_the_file():
    said = ocsf.encode(finding())
    assert said["start_time"] == 1_772_332_200_125
    assert said["finding_info"]["attacks"] == [
        {"technique": {"uid": "T1059"}, "sub_technique": {"uid": "T1059.006"}},
    ]
    wrote, called = said["evidences"]
    assert wrote["file"] == {"name": "a.exe", "path": "C:\\Temp\\a.exe", "ext": "exe", "type_id": 1}
    assert wrote["process"]["parent_process"]["path"] == "C:\\Windows\\explorer.exe"
    assert called["dst_endpoint"] == {"ip": "203.0.113.9", "port": 443}
    assert called["src_endpoint"]["port"] == 41_696
    assert called["connection_info"] == {"protocol_name": "tcp", "direction_id": 2}
    assert called["process"] == {"pid": 77, "uid": "{7}"}
    assert said["unmapped"]["answers"] == {"notify": "done", "suspend": "pending"}


def test_ecs_is_an_alert_with_its_rule():
    said = ecs_event.encode(finding())
    assert said["@timestamp"] == "2026-03-01T02:30:09.125Z"
    assert said["event"]["kind"] == "alert"
    assert said["event"]["severity"] == 5
    assert said["threat"]["technique"]["id"] == ["T1059.006"]
    assert said["file"] == WROTE["file"]
    assert "threat" not in ecs_event.encode(finding(tags=(), events=()))


def fields_of(line):
    """A line of CEF taken apart by the format's own rules."""
    taken = re.match(r"((?:\\.|[^|\\])*)\|" * 7, line)
    header, extension = taken.groups(), line[taken.end() :]
    pairs = re.findall(r"(\w+)=((?:\\.|[^=\\])*?)(?=\s\w+=|\Z)", extension, flags=re.DOTALL)

    def plain(text):
        return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)

    return [plain(each) for each in header], {name: plain(value) for name, value in pairs}


def test_cef_escapes_what_would_end_a_field():
    line = cef.encode(finding())
    assert "\n" not in line
    header, said = fields_of(line)
    assert header == [
        "CEF:0",
        "Consonant",
        "Consonant",
        "0.1.0",
        "python_writes_program",
        "Python writes a program | here",
        "10",
    ]
    assert said["msg"] == "name=value \\ and\nmore"
    assert said["filePath"] == "C:\\Temp\\a.exe"
    assert said["cs4"] == "python.exe -c x=1"
    assert said["act"] == "notify:done,suspend:pending"
    assert said["rt"] == "1772332201125"


def test_cef_of_an_event_without_a_command_names_none():
    _, said = fields_of(cef.encode(finding(events=())))
    assert "cs4Label" not in said
    assert "filePath" not in said


def test_a_title_of_several_lines_stays_one_header():
    header, _ = fields_of(cef.encode(finding(title="one\r\ntwo\\")))
    assert header[5] == "one two\\"


@pytest.mark.parametrize(("severity", "priority"), [(0, 110), (1, 110), (2, 109), (3, 108), (4, 107), (5, 106)])
def test_a_frame_is_rfc_5424_under_its_length_in_octets(severity, priority):
    at = NOW.astimezone(timezone(timedelta(hours=8)))
    framed = syslog.frame("Größe", severity=severity, at=at, hostname="consent.example.org", kind="alert.create")
    length, _, message = framed.partition(b" ")
    assert int(length) == len(message)
    assert (
        message
        == (
            f"<{priority}>1 2026-03-01T02:30:00.125Z consent.example.org consonant - alert.create - \ufeffGröße"
        ).encode()
    )


@pytest.mark.parametrize(("name", "written"), [("", "-"), ("a b\nc", "abc"), ("ä", "-"), ("x" * 300, "x" * 255)])
def test_a_hostname_that_no_header_can_hold_is_made_one(name, written):
    framed = syslog.frame("", severity=1, at=datetime(2026, 1, 1, tzinfo=UTC), hostname=name, kind="k")
    assert framed.split(b" ")[3].decode() == written
