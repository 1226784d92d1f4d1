"""What a busy voice host sends, made up: an ordinary mix of SysmonForLinux's rows and winlogbeat's, none of which breaks a rule. Pure."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

_PYTHON: Final = "/opt/voice/venv/bin/python3.10"
_NOON: Final = datetime(2026, 6, 1, 4, tzinfo=UTC)


def bodies(*, count: int, rows: int, seed: int) -> Iterator[bytes]:
    """Yield bodies of so many rows each, the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - it only mixes
    number = 0
    for _ in range(count):
        made = []
        for _ in range(rows):
            number += 1
            at = _NOON + timedelta(milliseconds=40 * number)
            code, data = _event(dice, number)
            made.append(_winlogbeat(code, at, data) if dice.random() < 0.2 else _linux(code, at, data))
        yield "\n".join(made).encode()


def program_written(at: datetime) -> bytes:
    """Return the one row for which an app is suspended."""
    data = {"Image": _PYTHON, "TargetFilename": "/opt/voice/outputs/update.exe", "ProcessGuid": "{1}", "ProcessId": 900}
    return _linux(11, at, data).encode()


def _event(dice: random.Random, number: int) -> tuple[int, dict[str, Any]]:
    data = {"ProcessGuid": f"{{94325212-0000-627b-{number % 0x10000:04x}-000000000000}}", "ProcessId": number % 30_000}
    kind = dice.random()
    if kind < 0.55:
        name = f"/opt/voice/tmp/{dice.getrandbits(64):016x}.wav"
        return 11, data | {"Image": _PYTHON, "TargetFilename": name, "User": "voice"}
    if kind < 0.8:
        ends = {"SourceIp": f"10.0.4.{dice.randrange(2, 250)}", "SourcePort": 50_000, "DestinationIp": "10.0.0.5"}
        about = {"Protocol": "tcp", "Initiated": "false", "DestinationPort": 50000, "User": "voice"}
        return 3, data | {"Image": _PYTHON} | about | ends
    command = f"ffmpeg -hide_banner -i /opt/voice/tmp/{dice.getrandbits(64):016x}.wav -ar 16000 -f wav -"
    about = {"Image": "/usr/bin/ffmpeg", "CommandLine": command, "CurrentDirectory": "/opt/voice", "User": "voice"}
    return 1, data | about | {"ParentImage": _PYTHON, "ParentCommandLine": "python webui.py --port 50000"}


def _timed(at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {"RuleName": "-", "UtcTime": f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}", **data}


def _linux(code: int, at: datetime, data: dict[str, Any]) -> str:
    fields = "".join(
        f"<Data Name={quoteattr(name)}>{escape(str(value))}</Data>" for name, value in _timed(at, data).items()
    )
    return (
        f'<14>1 {at:%Y-%m-%dT%H:%M:%S}Z voice1 sysmon - - - <Event><System><Provider Name="Linux-Sysmon" '
        f'Guid="{{ff032593-a8d3-4f13-b0d6-01fc615a0f97}}"/><EventID>{code}</EventID><Version>5</Version><Level>4</Level>'
        f'<TimeCreated SystemTime="{at:%Y-%m-%dT%H:%M:%S.%f}000Z"/><Channel>Linux-Sysmon/Operational</Channel>'
        f"<Computer>voice1</Computer></System><EventData>{fields}</EventData></Event>"
    )


def _winlogbeat(code: int, at: datetime, data: dict[str, Any]) -> str:
    return json.dumps(
        {
            "@timestamp": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
            "event": {"code": str(code), "kind": "event", "provider": "Microsoft-Windows-Sysmon"},
            "host": {"name": "VOICE2", "os": {"type": "windows"}},
            "winlog": {
                "provider_name": "Microsoft-Windows-Sysmon",
                "channel": "Microsoft-Windows-Sysmon/Operational",
                "computer_name": "VOICE2",
                "event_id": str(code),
                "event_data": {name: str(value) for name, value in _timed(at, data).items()},
            },
        }
    )
