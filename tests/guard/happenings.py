"""Events as hosts report them: Sysmon's, as winlogbeat sends them, and the sidecar's own."""

import itertools

from django.utils import timezone

_numbers = itertools.count(4000)


def said(at):
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sysmon(code, *, at=None, linux=False, **data):
    """An event of Sysmon's, as winlogbeat sends it."""
    at = at or timezone.now()
    provider = "Linux-Sysmon" if linux else "Microsoft-Windows-Sysmon"
    channel = "Linux-Sysmon/Operational" if linux else "Microsoft-Windows-Sysmon/Operational"
    number = next(_numbers)
    return {
        "@timestamp": said(at),
        "winlog": {
            "provider_name": provider,
            "channel": channel,
            "event_id": str(code),
            "computer_name": "TTS-1",
            "event_data": {
                "UtcTime": at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                "ProcessGuid": f"{{b3c1f0a2-1111-5f40-{number % 10_000:04}-000000000000}}",
                "ProcessId": str(number),
                **data,
            },
        },
    }


def started(command, *, image=r"C:\Python311\python.exe", parent=r"C:\Windows\explorer.exe", **more):
    about = {"Image": image, "CommandLine": command, "CurrentDirectory": "C:\\CosyVoice\\", "User": "TTS-1\\alice"}
    return sysmon(1, **about, ParentImage=parent, ParentCommandLine=parent, **more)


def wrote(path, *, image=r"C:\Python311\python.exe", **more):
    return sysmon(11, Image=image, TargetFilename=path, **more)


def connected(ip, port, *, initiated="true", image=r"C:\Python311\python.exe", **more):
    about = {"Image": image, "Protocol": "tcp", "Initiated": initiated, "DestinationIp": ip, "DestinationPort": port}
    return sysmon(3, **about, SourceIp="10.0.0.5", SourcePort="50211", **more)


def sidecar(action, *, at=None, **consonant):
    return {
        "@timestamp": said(at or timezone.now()),
        "event": {"module": "consonant", "dataset": "consonant.sidecar", "action": action},
        "consonant": consonant,
    }
