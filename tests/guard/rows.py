"""Rows as agents send them, each form by the documentation of what writes it."""

import json
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

AT = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
GUID = "{{94325212-{:04x}-627b-0000-{:012x}}}"


def guid(number: int) -> str:
    return GUID.format(number & 0xFFFF, number)


def _xml(
    code: int, at: datetime, data: dict, *, provider: str, channel: str, computer: str, namespace: str = ""
) -> str:
    fields = "".join(f"<Data Name={quoteattr(name)}>{escape(str(value))}</Data>" for name, value in data.items())
    return (
        f"<Event{namespace}><System><Provider Name={quoteattr(provider)} Guid='{{ff032593-a8d3-4f13-b0d6-01fc615a0f97}}'/>"
        f"<EventID>{code}</EventID><Version>5</Version><Level>4</Level><Task>{code}</Task><Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords>"
        f"<TimeCreated SystemTime='{at:%Y-%m-%dT%H:%M:%S.%f}000Z'/><EventRecordID>17</EventRecordID><Correlation/>"
        f"<Execution ProcessID='1590' ThreadID='1590'/><Channel>{channel}</Channel><Computer>{computer}</Computer><Security UserId='0'/></System>"
        f"<EventData>{fields}</EventData></Event>"
    )


def _timed(code: int, at: datetime, data: dict) -> dict:
    return {"RuleName": "-", "UtcTime": f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}", **data}


def linux(code: int, at: datetime = AT, computer: str = "voice1", **data) -> bytes:
    """SysmonForLinux, as rsyslog forwards it."""
    text = _xml(
        code, at, _timed(code, at, data), provider="Linux-Sysmon", channel="Linux-Sysmon/Operational", computer=computer
    )
    return f"<14>1 {at:%Y-%m-%dT%H:%M:%S}Z {computer} sysmon - - - {text}".encode()


def windows(code: int, at: datetime = AT, **data) -> bytes:
    """Sysmon, as `wevtutil qe /f:xml` prints it and the viewer exports it."""
    return _xml(
        code,
        at,
        _timed(code, at, data),
        provider="Microsoft-Windows-Sysmon",
        channel="Microsoft-Windows-Sysmon/Operational",
        computer="VOICE2",
        namespace=" xmlns='http://schemas.microsoft.com/win/2004/08/events/event'",
    ).encode()


def winlogbeat(code: int, at: datetime = AT, **data) -> bytes:
    """winlogbeat without its module: all under `winlog`."""
    return json.dumps(
        {
            "@timestamp": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
            "agent": {"type": "winlogbeat", "version": "8.17.0", "name": "VOICE2"},
            "ecs": {"version": "8.0.0"},
            "event": {
                "code": str(code),
                "kind": "event",
                "provider": "Microsoft-Windows-Sysmon",
                "action": "Process Create (rule: ProcessCreate)",
            },
            "host": {"name": "VOICE2", "os": {"family": "windows", "platform": "windows", "type": "windows"}},
            "log": {"level": "information"},
            "message": "Process Create:\nRuleName: -\n" + "\n".join(f"{name}: {value}" for name, value in data.items()),
            "winlog": {
                "api": "wineventlog",
                "channel": "Microsoft-Windows-Sysmon/Operational",
                "computer_name": "VOICE2",
                "event_data": {name: str(value) for name, value in _timed(code, at, data).items()},
                "event_id": str(code),
                "process": {"pid": 2816, "thread": {"id": 3616}},
                "provider_name": "Microsoft-Windows-Sysmon",
                "record_id": 4821,
                "user": {"domain": "NT AUTHORITY", "identifier": "S-1-5-18", "name": "SYSTEM", "type": "User"},
            },
        }
    ).encode()


def wazuh(code: int, at: datetime = AT, **data) -> bytes:
    """An alert of Wazuh: lower first letters, backslashes and quotes escaped once more."""
    escaped = {
        name[:1].lower() + name[1:]: str(value).replace("\\", "\\\\").replace('"', '\\"')
        for name, value in _timed(code, at, data).items()
    }
    return json.dumps(
        {
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.000+0000}",
            "rule": {"level": 3, "description": "Sysmon", "id": "61603", "groups": ["windows", "sysmon"]},
            "agent": {"id": "001", "name": "VOICE2", "ip": "10.0.0.7"},
            "manager": {"name": "wazuh"},
            "decoder": {"name": "windows_eventchannel"},
            "data": {
                "win": {
                    "system": {
                        "providerName": "Microsoft-Windows-Sysmon",
                        "eventID": str(code),
                        "version": "5",
                        "systemTime": f"{at:%Y-%m-%dT%H:%M:%S.0000000Z}",
                        "computer": "VOICE2",
                        "channel": "Microsoft-Windows-Sysmon/Operational",
                        "message": '"Process Create"',
                    },
                    "eventdata": escaped,
                }
            },
            "location": "EventChannel",
        }
    ).encode()


def nxlog(code: int, at: datetime = AT, **data) -> bytes:
    """nxlog's `to_json()` of im_msvistalog."""
    return json.dumps(
        {
            "EventTime": f"{at:%Y-%m-%d %H:%M:%S}",
            "Hostname": "VOICE2",
            "Keywords": -9223372036854775808,
            "EventType": "INFO",
            "SeverityValue": 2,
            "Severity": "INFO",
            "EventID": code,
            "SourceName": "Microsoft-Windows-Sysmon",
            "ProviderGuid": "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}",
            "RecordNumber": 9,
            "ProcessID": 2528,
            "ThreadID": 3216,
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "Domain": "NT AUTHORITY",
            "AccountName": "SYSTEM",
            "UserID": "S-1-5-18",
            "AccountType": "User",
            "Message": "Process Create:\r\n",
            "Opcode": "Info",
            **_timed(code, at, data),
            "EventReceivedTime": f"{at:%Y-%m-%d %H:%M:%S}",
            "SourceModuleName": "in",
            "SourceModuleType": "im_msvistalog",
        }
    ).encode()


def sentinel(code: int, at: datetime = AT, **data) -> bytes:
    """A row of Azure Monitor that holds the syslog message of SysmonForLinux."""
    return json.dumps(
        {
            "TenantId": "redacted",
            "SourceSystem": "Linux",
            "TimeGenerated": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
            "Computer": "voice1",
            "SyslogMessage": linux(code, at, **data).decode().partition(" - - - ")[2],
            "ProcessName": "sysmon",
            "Type": "Syslog",
        }
    ).encode()


def elastic(code: int, at: datetime = AT, **data) -> bytes:
    """The Elastic Agent after its pipeline: ECS, and under `winlog` only what ECS does not name."""
    names = {
        "Image": ("process", "executable"),
        "CommandLine": ("process", "command_line"),
        "ProcessId": ("process", "pid"),
        "ProcessGuid": ("process", "entity_id"),
        "TargetFilename": ("file", "path"),
        "SourceIp": ("source", "ip"),
        "SourcePort": ("source", "port"),
        "DestinationIp": ("destination", "ip"),
        "DestinationPort": ("destination", "port"),
        "Protocol": ("network", "transport"),
    }
    event: dict = {
        "@timestamp": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
        "event": {
            "code": str(code),
            "module": "windows",
            "dataset": "windows.sysmon_operational",
            "provider": "Microsoft-Windows-Sysmon",
            "kind": "event",
        },
        "host": {"name": "VOICE2", "os": {"type": "windows"}},
        "winlog": {
            "channel": "Microsoft-Windows-Sysmon/Operational",
            "event_id": str(code),
            "provider_name": "Microsoft-Windows-Sysmon",
            "event_data": {},
        },
        "related": {"user": ["voice"]},
    }
    for name, value in data.items():
        if name in names:
            event.setdefault(names[name][0], {})[names[name][1]] = value
        elif name == "Initiated":
            event.setdefault("network", {})["direction"] = "egress" if value == "true" else "ingress"
        else:
            event["winlog"]["event_data"][name] = value
    return json.dumps(event).encode()


ALL = {each.__name__: each for each in (linux, windows, winlogbeat, wazuh, nxlog, sentinel, elastic)}
