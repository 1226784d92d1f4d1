"""Events by the names of ECS: what has a name gets it, what has none keeps Sysmon's, and the rest does not pass."""

import json

import pytest

from guard.ecs import normalise, time_of
from guard.errors import Unreadable
from guard.formats import read
from tests.guard import rows


def event(row):
    (found,) = [normalise(each.event) for each in read(row)]
    return found


def test_what_ecs_does_not_name_stays_under_sysmons_own_name():
    found = event(
        rows.windows(
            7,
            Image=r"C:\a.exe",
            ImageLoaded=r"C:\b.dll",
            Signed="true",
            Hashes="MD5=AA,SHA256=BB,IMPHASH=CC",
            OriginalFileName="B.DLL",
        )
    )
    assert found["winlog"]["event_data"] == {
        "RuleName": "-",
        "ImageLoaded": r"C:\b.dll",
        "Signed": "true",
        "Hashes": "MD5=AA,SHA256=BB,IMPHASH=CC",
        "OriginalFileName": "B.DLL",
    }
    assert found["process"]["hash"] == {"md5": "AA", "sha256": "BB"}
    assert "original_file_name" not in found["process"]["pe"]  # it is the library's


def test_a_dash_is_nothing_on_linux_and_stays_on_windows():
    assert "event_data" not in event(rows.linux(1, Image="/bin/sh", ParentImage="-"))["winlog"]
    found = event(rows.windows(1, Image=r"C:\a.exe", ParentImage="-"))
    assert found["winlog"]["event_data"]["ParentImage"] == "-"
    assert "parent" not in found["process"]


def test_users_are_split_and_the_reporter_is_nobodys_user():
    assert event(rows.windows(1, Image="a", User=r"VOICE2\ann"))["user"] == {"name": "ann", "domain": "VOICE2"}
    assert "user" not in event(rows.linux(1, Image="a"))


def test_the_security_log_knows_processes_too():
    row = {"EventID": 4688, "SourceName": "Microsoft-Windows-Security-Auditing", "Channel": "Security", "Hostname": "V", "NewProcessId": "0x10",
           "NewProcessName": r"C:\a.exe", "ProcessId": "0x8", "ParentProcessName": r"C:\b.exe", "CommandLine": "a -x"}  # fmt: skip
    found = event(json.dumps(row).encode())
    assert found["process"]["pid"] == 16
    assert found["process"]["parent"] == {"pid": 8, "executable": r"C:\b.exe", "name": "b.exe"}
    assert found["process"]["name"] == "a.exe"


def test_what_repeats_a_command_line_does_not_pass():
    found = normalise(
        {
            "event": {"code": 1, "original": "secret", "category": ["process"], "type": ["start"]},
            "process": {
                "args": ["python", "x.py"],
                "title": "secret",
                "env_vars": ["secret"],
                "parent": {"args": ["sh"], "thread": {"id": 1}},
            },
            "message": "secret",
            "labels": {"a": "secret"},
        }
    )
    assert "secret" not in str(found)
    assert found["process"] == {"command_line": "python x.py", "parent": {"command_line": "sh"}}


def test_an_event_of_the_sidecar_passes_whole():
    told = {
        "@timestamp": "2026-06-01T10:00:00.000Z",
        "event": {"module": "consonant", "dataset": "consonant.sidecar", "action": "file.seen"},
        "consonant": {"place": "ab" * 32, "folder": "outputs", "suffix": ".wav", "queued": False},
    }
    assert normalise(told) == told


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"event": {}},
        {"winlog": {"event_data": {}}},
        {"winlog": {"event_id": "x"}},
        {"winlog": {"event_id": None, "event_data": {"a": 1}}},
    ],
)
def test_what_says_nothing_is_unreadable(told):
    with pytest.raises(Unreadable):
        normalise(told)


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2026-06-01 10:00:00.1", "2026-06-01T10:00:00.100Z"),
        ("2026-06-01T10:00:00.123456789Z", "2026-06-01T10:00:00.123Z"),
        ("2026-06-01T10:00:00+08:00", "2026-06-01T02:00:00.000Z"),
        ("2026-06-01T10:00:00.5-0330", "2026-06-01T13:30:00.500Z"),
        ("2026-13-01T10:00:00Z", None),
        ("yesterday", None),
        (17, None),
        (None, None),
    ],
)
def test_times_are_of_utc(told, at):
    assert time_of(told) == at


def test_what_is_too_much_is_cut():
    found = event(
        rows.windows(1, Image="a", CommandLine="x" * 100_000, **{f"Field{number}": "y" for number in range(300)})
    )
    assert len(found["process"]["command_line"]) == 32_768
    assert len(found["winlog"]["event_data"]) <= 256


def test_values_of_an_odd_kind_do_no_harm():
    found = normalise(
        {
            "winlog": {
                "event_id": 1,
                "provider_name": "Microsoft-Windows-Sysmon",
                "event_data": {"ProcessId": {"a": 1}, "Image": ["x"], "Hashes": 7, "User": None},
            }
        }
    )
    assert found["winlog"]["event_data"]["ProcessId"] == "{'a': 1}"
