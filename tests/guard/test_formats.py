"""Every form that an agent sends, read field by field; what is damaged, cut off or hostile is counted and costs no other row."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.ecs import normalise
from guard.errors import Unreadable
from guard.formats import LONGEST_ROW, read
from tests.guard import rows
from tests.vectors import path

IMAGE = r"C:\Users\voice\AppData\Local\Programs\Python\Python310\python.exe"
PROCESS = {
    "ProcessGuid": "{39e4a257-4209-5f9a-3d36-000000000700}",
    "ProcessId": 4242,
    "Image": IMAGE,
    "CommandLine": rf'"{IMAGE}" -m indextts.cli --output \\nas\voices\a.wav',
    "CurrentDirectory": "C:\\voice\\",
    "User": r"VOICE2\voice",
}
NETWORK = {
    "ProcessGuid": PROCESS["ProcessGuid"],
    "ProcessId": 4242,
    "Image": IMAGE,
    "Protocol": "tcp",
    "Initiated": "true",
    "SourceIp": "10.0.0.8",
    "SourcePort": 50123,
    "DestinationIp": "203.0.113.9",
    "DestinationPort": 4444,
}
FILE = {
    "ProcessGuid": PROCESS["ProcessGuid"],
    "ProcessId": 4242,
    "Image": IMAGE,
    "TargetFilename": r"C:\voice\outputs\a b.wav",
}


def events(body):
    return [normalise(row.event) for row in read(body) if row.event is not None]


def faults(body):
    return [(row.number, row.fault) for row in read(body) if row.fault]


@pytest.mark.parametrize("form", rows.ALL)
def test_s3_1_process_network_and_file_events_of_python_are_read_from_each_form(form):
    make = rows.ALL[form]
    body = b"\n".join([make(1, **PROCESS), make(3, **NETWORK), make(11, **FILE)])
    process, network, file = events(body)
    assert [each["event"]["code"] for each in (process, network, file)] == ["1", "3", "11"]
    assert [each["event"]["action"] for each in (process, network, file)] == [
        "process_creation",
        "network_connection",
        "file_event",
    ]
    for each in (process, network, file):
        assert each["process"]["pid"] == 4242
        assert each["process"]["executable"] == IMAGE
        assert each["process"]["name"] == "python.exe"
        assert each["process"]["entity_id"] == PROCESS["ProcessGuid"]
        assert datetime.fromisoformat(each["@timestamp"]) == rows.AT
    assert process["process"]["command_line"] == PROCESS["CommandLine"]
    assert network["source"] == {"ip": "10.0.0.8", "port": 50123}
    assert network["destination"] == {"ip": "203.0.113.9", "port": 4444}
    assert network["network"] == {"transport": "tcp", "direction": "egress"}
    assert file["file"]["path"] == FILE["TargetFilename"]
    assert file["file"]["extension"] == "wav"


@pytest.mark.parametrize("form", ["wazuh", "elastic", "winlogbeat"])
def test_s3_10_what_agents_of_wazuh_and_elastic_forward_is_one_event_like_any_other(form):
    (forwarded,) = events(rows.ALL[form](1, **PROCESS))
    (direct,) = events(rows.windows(1, **PROCESS))
    for place in (
        ("process", "executable"),
        ("process", "command_line"),
        ("process", "pid"),
        ("event", "action"),
        ("event", "module"),
        ("host", "name"),
    ):
        assert forwarded[place[0]][place[1]] == direct[place[0]][place[1]]
    assert forwarded["@timestamp"] == direct["@timestamp"]
    assert "message" not in forwarded
    assert "related" not in forwarded


def test_the_windows_vector_is_read_whole():
    name = "otrf_win_nxlog_python_webserver_eid1_11.ndjson"
    told = [json.loads(line) for line in path(f"guard/{name}").read_text(encoding="utf-8").splitlines()]
    found = events(path(f"guard/{name}").read_bytes())
    assert len(found) == len(told) == 9
    for event, row in zip(found, told, strict=True):
        assert event["event"]["code"] == str(row["EventID"])
        assert event["process"]["pid"] == int(row["ProcessId"])
        assert event["process"]["executable"] == row["Image"]
        assert event["process"].get("command_line") == row.get("CommandLine")
        assert event.get("file", {}).get("path") == row.get("TargetFilename")
        assert event["process"].get("parent", {}).get("executable") == row.get("ParentImage")
        assert event["host"] == {"name": "WORKSTATION5", "os": {"type": "windows"}}
        assert event["@timestamp"] == row["UtcTime"].replace(" ", "T") + "Z"


@pytest.mark.parametrize(
    "name", ["otrf_linux_sysmon_log4shell_eid1_3_11.ndjson", "otrf_linux_sysmon_log4shell_eid1_3_11.rfc5424.log"]
)
def test_the_linux_vectors_are_read_whole_and_the_cut_off_row_is_reported(name):
    body = path(f"guard/{name}").read_bytes()
    assert faults(body) == [(5, "cut off")]
    found = events(body)
    texts = [row.raw.decode() for row in read(body) if row.event is not None]
    assert len(found) == len(texts) == 17
    if name.endswith("ndjson"):
        texts = [json.loads(text)["SyslogMessage"] for text in texts]
    for event, text in zip(found, texts, strict=True):
        told = {key: value for key, value in re.findall(r'<Data Name="([^"]+)">([^<]*)</Data>', text) if value != "-"}
        assert event["event"]["code"] == re.search(r"<EventID>(\d+)<", text)[1]
        assert event["process"]["pid"] == int(told["ProcessId"])
        assert event["process"]["executable"] == told["Image"]
        line = told.get("CommandLine")
        assert event["process"].get("command_line") == (
            line and line.replace("&quot;", '"').replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
        )
        assert event.get("file", {}).get("path") == told.get("TargetFilename")
        assert event.get("destination", {}).get("ip") == told.get("DestinationIp")
        assert str(event.get("destination", {}).get("port")) == str(told.get("DestinationPort"))
        assert event["host"] == {"os": {"type": "linux"}, "name": "UBUNTU5"}


def test_quotes_that_lost_their_semicolon_are_repaired():
    row = rows.linux(1, Image="/usr/bin/python3", ProcessId=7, CommandLine="python -c PLACE").replace(
        b"PLACE", b"&quotprint(1 &lt 2) & more&quot"
    )
    (event,) = events(row)
    assert event["process"]["command_line"] == 'python -c "print(1 < 2) & more"'


@given(
    st.dictionaries(
        st.text(alphabet="abC", min_size=1, max_size=3),
        st.text(alphabet="a<>&\"'; \\\n\u00e9x", max_size=8),
        max_size=4,
    )
)
def test_the_quick_way_reads_what_the_parser_reads(data):
    row = rows.windows(1, **data)
    spread = row.replace(b"<EventData>", b"<EventData> ").replace(
        b"</System>", b"</System> "
    )  # only the parser takes this
    (quick,), (slow,) = events(row), events(spread)
    assert quick == slow


def test_documents_and_arrays_are_read_event_by_event():
    one, two = rows.windows(1, **PROCESS).decode(), rows.windows(11, **FILE).decode()
    spread = one.replace("><", ">\n<")
    pretty = f"\ufeff<?xml version='1.0' encoding='utf-8'?>\n<Events>\n  {spread}\n{two}</Events>"
    for body in (
        pretty.encode(),
        pretty.removeprefix("\ufeff").encode("utf-16"),
        f"{one}\n{two}".encode(),
        f"<Events>{one}{two}</Events>".encode(),
    ):
        assert [event["event"]["code"] for event in events(body)] == ["1", "11"]
    array = b"[" + b",".join([rows.nxlog(1, **PROCESS), rows.wazuh(11, **FILE)]) + b"]"
    for body in (array, json.dumps(json.loads(array), indent=2).encode(), b'{"records": ' + array + b"}"):
        assert [event["event"]["code"] for event in events(body)] == ["1", "11"]


def test_a_damaged_event_of_a_document_costs_no_other():
    one, two = rows.windows(1, **PROCESS).decode(), rows.windows(11, **FILE).decode()
    body = f"<Events>{one}{one[:300]}{two}</Events>".encode()
    assert faults(body) == [(2, "cut off")]
    assert [event["event"]["code"] for event in events(body)] == ["1", "11"]


def test_json_behind_a_syslog_header_and_within_json_is_read():
    row = rows.winlogbeat(1, **PROCESS)
    wrapped = [
        b"<14>1 2026-06-01T10:00:00Z VOICE2 beat - - - " + row,
        json.dumps(row.decode()).encode(),
        json.dumps({"_source": json.loads(row)}).encode(),
    ]
    wrapped.append(json.dumps({"event": {"original": rows.windows(1, **PROCESS).decode()}, "message": "x"}).encode())
    for each in wrapped:
        (event,) = events(each + b"\n" + each)[:1]
        assert event["process"]["executable"] == IMAGE


def test_dumps_of_evtx_and_the_tables_of_azure_are_read():
    data = {name: str(value) for name, value in PROCESS.items()}
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "EventID": 1,
        "Computer": "VOICE2",
        "Channel": "Microsoft-Windows-Sysmon/Operational",
    }
    listed = [{"@Name": name, "#text": value} for name, value in data.items()]
    fields = "".join(f'<Data Name="{name}">{value}</Data>' for name, value in data.items() if '"' not in value)
    item = f'<DataItem type="System.XmlData" time="2026-06-01T10:00:00Z"><EventData>{fields}</EventData></DataItem>'
    for row in (
        {"Event": {"System": system, "EventData": data}},
        {
            "Event": {
                "System": {**system, "EventID": {"#text": 1}, "Provider": {"@Name": "Microsoft-Windows-Sysmon"}},
                "EventData": {"Data": listed},
            }
        },
        {
            "EventID": 1,
            "Source": "Microsoft-Windows-Sysmon",
            "EventLog": "Microsoft-Windows-Sysmon/Operational",
            "Computer": "VOICE2",
            "EventData": item,
        },
        {
            "winlog.event_id": "1",
            "winlog.provider_name": "Microsoft-Windows-Sysmon",
            **{f"winlog.event_data.{name}": value for name, value in data.items()},
        },
    ):
        (event,) = events(json.dumps(row).encode())
        assert event["process"]["executable"] == IMAGE
        assert event["process"]["pid"] == 4242


def test_a_rendered_message_is_read_where_there_is_nothing_else():
    message = (
        "Process Create:\r\nRuleName: -\r\nUtcTime: 2026-06-01 10:00:00.000\r\nProcessId: 4242\r\n"
        f"Image: {IMAGE}\r\nCommandLine: python -c a: b"
    )
    row = {
        "ProviderName": "Microsoft-Windows-Sysmon",
        "EventID": "1",
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Computer": "VOICE2",
    }
    for name, value in (("Message", message), ("Description", message.replace("\r", ""))):
        (event,) = events(json.dumps({**row, name: value, "EventData": ["-", IMAGE]}).encode())
        assert event["process"]["executable"] == IMAGE
        assert event["process"]["command_line"] == "python -c a: b"
        assert event["process"]["pid"] == 4242
        assert "message" not in str(event).lower()


def test_backslashes_that_are_not_doubled_stay():
    row = json.loads(rows.wazuh(1, **PROCESS))
    row["data"]["win"]["eventdata"]["image"] = IMAGE
    row["data"]["win"]["eventdata"]["currentDirectory"] = r"\\nas\voices"
    (event,) = events(json.dumps(row).encode())
    assert event["process"]["executable"] == IMAGE
    assert event["process"]["working_directory"] == r"\\nas\voices"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + rows.windows(1, CommandLine="&a;"), "declares a document type"),
        (b"<14>1 - - - - - - <!DOCTYPE x><Event>", "declares a document type"),
        (b"<Event><!ENTITY x SYSTEM 'file:///etc/passwd'>&x;</Event>", "declares a document type"),
        (b"<Event>" + b"<a>" * 100_000 + b"</Event>", "too long"),
        (b"<Event>" + b"<a>" * 10_000 + b"</Event>", "not well-formed XML"),
        (b"<Event><System/></Event>", "no event id"),
        (b"x" * (LONGEST_ROW + 1), "too long"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "not JSON"),
        (b'{"winlog": {"event_id": 1', "not JSON"),
        (b'{"event": {"code": NaN}}', "not JSON"),
        (b"just words", "no event in it"),
        (b"[1, 2]", "no event in it"),
        (b"\xff\xff\xff", "no event in it"),
        (rows.linux(1, Image="x")[:-200], "cut off"),
    ],
)
def test_what_is_hostile_or_broken_is_a_fault_and_costs_no_other(row, fault):
    found = list(read(rows.linux(1, **PROCESS) + b"\n" + row + b"\n" + rows.linux(11, **FILE)))
    assert found[0].fault is None
    assert found[-1].fault is None
    said = {each.fault for each in found[1:-1]} | {each.fault for each in read(row)}
    assert fault in said | ({"not JSON"} if "too deep" in said else set()), (
        "what reads it gives up where the stack ends"
    )
    assert all(each.fault for each in read(row))


def test_a_broken_first_line_costs_no_other():
    good = rows.nxlog(1, **PROCESS)
    for broken in (b"{not json", good[:200], b"[1, 2", b'"', b"{}"):
        found = list(read(b"\n".join([broken, good, good])))
        assert [(row.number, row.fault is None) for row in found] == [(1, False), (2, True), (3, True)]


def test_what_no_store_takes_is_taken_out():
    (event,) = events(json.dumps(json.loads(rows.nxlog(1, **{**PROCESS, "CommandLine": "a\x00b\ud800c"}))).encode())
    assert event["process"]["command_line"] == "a\ufffdb\ufffdc"
    json.dumps(event, ensure_ascii=False).encode()


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode), st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["winlog", "event_data", "event_id", "event", "code", "data", "win", "system", "eventID", "eventdata", "Event", "System", "EventID", "EventData", "SyslogMessage", "host", "process", "module", "category"]), inner, max_size=4), max_leaves=12).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_nothing_makes_it_raise(body):
    for row in read(body):
        assert (row.event is None) != (row.fault is None)
        if row.event is not None:
            try:
                event = normalise(row.event)
            except Unreadable:
                continue
            json.dumps(event, ensure_ascii=False).encode()


def test_an_event_without_a_time_zone_is_of_utc():
    (event,) = events(rows.windows(1, at=datetime(2026, 6, 1, 23, 59, 59, 999000, UTC), **PROCESS))
    assert event["@timestamp"] == "2026-06-01T23:59:59.999Z"


def test_the_message_of_journald_as_bytes_and_dotted_names_of_a_dump_are_read():
    text = (
        '<Event><System><Provider Name="Linux-Sysmon"/><EventID>11</EventID></System>'
        '<EventData><Data Name="TargetFilename">/tmp/a&#9;.so</Data></EventData></Event>'
    )
    dotted = {"Event.System": {"EventID": 11}, "Event.EventData": {"TargetFilename": "/tmp/a.so"}}
    for row in ({"MESSAGE": list(text.encode())}, {"full_message": text}, dotted):
        [read_row] = read(json.dumps(row).encode())
        assert read_row.event["winlog"]["event_data"]["TargetFilename"].endswith(".so")
