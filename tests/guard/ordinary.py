"""An ordinary day of a voice host that only listens: what nothing may be said of.

A web page of Python that serves voices, the models it loads, the temporary audio it writes and removes, the command line now and then (at
night too), apt, cron, log rotation, pip through the proxy on the host, an administrator over ssh, connections that come in, and those that
stay on the host. Some of it is a Windows host's.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.guard.rows import guid, linux, nxlog, wazuh, windows, winlogbeat

PYTHON = "/opt/voice/venv/bin/python3.10"
WINDOWS_PYTHON = r"C:\voice\venv\Scripts\python.exe"
START = datetime(2026, 6, 1, tzinfo=UTC)
_WORDS = ["good", "morning", "thank", "you", "please", "hold", "the", "line", "your", "order", "has", "been", "sent"]
_WEIGHTS = {
    "temporary_audio": 30,
    "audio_gone": 8,
    "incoming": 18,
    "loopback": 10,
    "model": 3,
    "helper": 8,
    "cron": 6,
    "rotation": 2,
    "apt": 3,
    "pip": 3,
    "admin": 4,
    "clock": 2,
    "names": 2,
    "windows": 6,
    "call": 1,
    "sidecar": 3,
}


def rows(count: int = 50_000, seed: int = 1, day: datetime = START) -> Iterator[bytes]:
    """`count` rows in the order of the day, the same for the same seed."""
    dice = random.Random(seed)
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    busy = [1, 1, 1, 1, 1, 1, 2, 4, 8, 10, 10, 9, 8, 10, 10, 10, 9, 8, 6, 4, 3, 2, 1, 1]
    hours = sorted(dice.choices(range(24), busy, k=count))
    last_call = day - timedelta(hours=1)
    for place, hour in enumerate(hours):
        within = (place - hours.index(hour)) / max(hours.count(hour), 1) if count < 1000 else dice.random()
        at = day + timedelta(hours=hour, seconds=within * 3599)
        kind = dice.choices(kinds, weights)[0]
        if kind == "call" and at - last_call < timedelta(seconds=15):
            kind = "temporary_audio"
        if kind == "call":
            last_call = at
        yield _ROWS[kind](dice, at)


def _process(at, number, image, line, parent, parent_line="", user="voice", folder="/opt/voice", pid=900):
    return linux(
        1,
        at,
        ProcessGuid=guid(number),
        ProcessId=number % 4_000_000 + 2,
        Image=image,
        FileVersion="-",
        Description="-",
        Product="-",
        Company="-",
        OriginalFileName="-",
        CommandLine=line,
        CurrentDirectory=folder,
        User=user,
        LogonGuid="{94325212-0000-0000-e903-000000000000}",
        LogonId="1001",
        TerminalSessionId="4294967295",
        IntegrityLevel="no level",
        Hashes="-",
        ParentProcessGuid=guid(pid),
        ParentProcessId=pid,
        ParentImage=parent,
        ParentCommandLine=parent_line or parent,
        ParentUser=user,
    )


def _file(at, code, image, path, number=900, user="voice"):
    return linux(
        code,
        at,
        ProcessGuid=guid(number),
        ProcessId=number,
        Image=image,
        TargetFilename=path,
        CreationUtcTime=f"{at:%Y-%m-%d %H:%M:%S.000}",
        User=user,
    )


def _connection(at, image, source, destination, *, initiated, protocol="tcp", user="voice", number=900):
    (from_ip, from_port), (to_ip, to_port) = source, destination
    return linux(
        3,
        at,
        ProcessGuid=guid(number),
        ProcessId=number,
        Image=image,
        User=user,
        Protocol=protocol,
        Initiated="true" if initiated else "false",
        SourceIsIpv6="false",
        SourceIp=from_ip,
        SourceHostname="-",
        SourcePort=from_port,
        SourcePortName="-",
        DestinationIsIpv6="false",
        DestinationIp=to_ip,
        DestinationHostname="-",
        DestinationPort=to_port,
        DestinationPortName="-",
    )


def _temporary_audio(dice, at):
    name = f"{dice.getrandbits(160):040x}"
    path = dice.choice(
        [
            f"/tmp/gradio/{name}/audio.wav",
            f"/tmp/tmp{name[:8]}.wav",
            f"/opt/voice/outputs/spk_{int(at.timestamp())}.wav",
            f"/tmp/{name[:12]}.mp3",
        ]
    )
    return _file(at, 11, PYTHON, path)


def _audio_gone(dice, at):
    return linux(
        23,
        at,
        ProcessGuid=guid(900),
        ProcessId=900,
        User="voice",
        Image=PYTHON,
        TargetFilename=f"/tmp/tmp{dice.getrandbits(32):08x}.wav",
        Hashes="-",
        IsExecutable="false",
        Archived="false",
    )


def _incoming(dice, at):
    client = f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}", dice.randrange(32768, 60999)
    return _connection(at, PYTHON, client, ("10.0.0.7", dice.choice([7860, 50000, 5000, 8080])), initiated=False)


def _loopback(dice, at):
    image = dice.choice([PYTHON, "/usr/bin/curl", "/usr/sbin/nginx"])
    host = dice.choice(["127.0.0.1", "127.0.0.53", "::1"])
    return _connection(
        at,
        image,
        (host, dice.randrange(32768, 60999)),
        (host, dice.choice([7860, 53, 3128, 6379, 8080])),
        initiated=True,
        protocol=dice.choice(["tcp", "udp"]),
    )


def _model(dice, at):
    part = dice.choice(
        [
            "hub/models--FunAudioLLM/blobs/" + f"{dice.getrandbits(128):032x}",
            "gpt.pth",
            "bigvgan_generator.pth",
            "spk2info.pt",
            "campplus.onnx",
        ]
    )
    return _file(
        at, 11, PYTHON, f"/opt/voice/checkpoints/{part}" if "." in part else f"/opt/voice/.cache/huggingface/{part}"
    )


def _helper(dice, at):
    line, image = dice.choice(
        [
            ("ffmpeg -y -loglevel error -i /tmp/tmp{0}.mp3 -ar 16000 -ac 1 /tmp/tmp{0}.wav", "/usr/bin/ffmpeg"),
            ("ffprobe -v quiet -show_streams -of json /tmp/gradio/{0}/audio.wav", "/usr/bin/ffprobe"),
            ("nvidia-smi --query-gpu=memory.used --format=csv", "/usr/bin/nvidia-smi"),
            (
                "/opt/voice/venv/bin/python3.10 -c from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7) --multiprocessing-fork",
                PYTHON,
            ),
            ("/opt/voice/venv/bin/python3.10 -c from multiprocessing.resource_tracker import main;main(11)", PYTHON),
            ("/bin/sh -c /sbin/ldconfig -p 2>/dev/null", "/bin/sh"),
        ]
    )
    return _process(
        at,
        dice.getrandbits(30),
        image,
        line.format(f"{dice.getrandbits(32):08x}"),
        PYTHON,
        f"{PYTHON} webui.py --port 7860",
    )


def _cron(dice, at):
    image, line = dice.choice(
        [
            ("/bin/sh", "/bin/sh -c    cd / && run-parts --report /etc/cron.hourly"),
            ("/bin/run-parts", "run-parts --report /etc/cron.hourly"),
            ("/bin/sh", "/bin/sh -c command -v debian-sa1 > /dev/null && debian-sa1 1 1"),
            ("/usr/bin/find", "find /tmp/gradio -type f -mmin +5 -delete"),
            (
                "/bin/sh",
                "/bin/sh -c /opt/voice/venv/bin/python3.10 /opt/voice/sweep.py >> /var/log/voice/sweep.log 2>&1",
            ),
            (PYTHON, "/opt/voice/venv/bin/python3.10 /opt/voice/sweep.py"),
            ("/usr/lib/systemd/systemd-tmpfiles", "systemd-tmpfiles --clean"),
        ]
    )
    return _process(
        at, dice.getrandbits(30), image, line, "/usr/sbin/cron", "/usr/sbin/CRON -f", user="root", folder="/", pid=611
    )


def _rotation(dice, at):
    if dice.random() < 0.5:
        return _file(
            at,
            11,
            "/usr/sbin/logrotate",
            f"/var/log/{dice.choice(['syslog', 'auth.log', 'voice/app.log'])}.{dice.randrange(1, 8)}.gz",
            user="root",
        )
    image, line = dice.choice(
        [
            ("/usr/sbin/logrotate", "/usr/sbin/logrotate /etc/logrotate.conf"),
            ("/bin/sh", "sh -c /usr/lib/rsyslog/rsyslog-rotate logrotate_script /var/log/syslog"),
            ("/usr/bin/systemctl", "systemctl kill -s HUP rsyslog.service"),
            ("/bin/gzip", "/bin/gzip"),
        ]
    )
    return _process(at, dice.getrandbits(30), image, line, "/usr/sbin/logrotate", user="root", folder="/")


def _apt(dice, at):
    number = dice.getrandbits(30)
    kind = dice.randrange(4)
    if kind == 0:
        mirror = f"151.101.{dice.randrange(256)}.132", dice.choice([80, 443])
        return _connection(
            at,
            f"/usr/lib/apt/methods/{dice.choice(['http', 'https'])}",
            ("10.0.0.7", dice.randrange(32768, 60999)),
            mirror,
            initiated=True,
            user="_apt",
        )
    if kind == 1:
        return _file(
            at,
            11,
            "/usr/bin/dpkg",
            f"/usr/lib/x86_64-linux-gnu/lib{dice.choice(['ssl', 'xml2', 'curl'])}.so.3.dpkg-new",
            user="root",
        )
    if kind == 2:
        return _file(
            at, 11, "/usr/bin/python3.12", f"/var/lib/unattended-upgrades/kept-back{dice.randrange(9)}", user="root"
        )
    image, line = dice.choice(
        [
            ("/usr/bin/apt-get", "/usr/bin/apt-get -qq -y update"),
            ("/usr/bin/python3.12", "/usr/bin/python3 /usr/bin/unattended-upgrade --download-only"),
            (
                "/usr/bin/dpkg",
                "/usr/bin/dpkg --status-fd 9 --no-triggers --unpack --auto-deconfigure --recursive /tmp/apt-dpkg-install-uHQ4pB",
            ),
            ("/usr/bin/systemctl", "systemctl --quiet restart nginx.service"),
            ("/bin/sh", "/bin/sh -e /usr/lib/apt/apt.systemd.daily update"),
        ]
    )
    return _process(at, number, image, line, "/usr/lib/systemd/systemd", "/sbin/init", user="root", folder="/", pid=1)


def _pip(dice, at):
    number = dice.getrandbits(30)
    kind = dice.randrange(5)
    packages = "/opt/voice/venv/lib/python3.10/site-packages"
    if kind == 0:
        return _file(
            at, 11, PYTHON, f"{packages}/numpy/core/_multiarray_{dice.randrange(99)}.cpython-310-x86_64-linux-gnu.so"
        )
    if kind == 1:
        return _file(at, 11, PYTHON, f"{packages}/pip/_vendor/distlib/{dice.choice(['t64.exe', 'w32.exe'])}")
    if kind == 2:
        return _file(at, 11, PYTHON, f"/tmp/pip-unpacked-wheel-{dice.getrandbits(32):08x}/torch/lib/libtorch_cpu.so")
    if kind == 3:
        return _connection(
            at, PYTHON, ("127.0.0.1", dice.randrange(32768, 60999)), ("127.0.0.1", 3128), initiated=True, number=number
        )
    return _process(
        at,
        number,
        PYTHON,
        f"{PYTHON} -m pip install --proxy http://127.0.0.1:3128 -r requirements.txt --hash sha256:{dice.getrandbits(256):064x}",
        "/bin/bash",
        "-bash",
        user="root",
    )


def _admin(dice, at):
    kind = dice.randrange(5)
    if kind == 0:
        return _connection(
            at,
            "/usr/sbin/sshd",
            (f"10.1.0.{dice.randrange(1, 20)}", dice.randrange(32768, 60999)),
            ("10.0.0.7", 22),
            initiated=False,
            user="root",
        )
    if kind == 1:
        return _file(
            at,
            11,
            "/usr/bin/vim.basic",
            f"/home/operator/.{dice.choice(['viminfo', 'bash_history'])}.tmp",
            user="operator",
        )
    image, line = dice.choice(
        [
            ("/usr/sbin/sshd", "sshd: operator [priv]"),
            ("/bin/bash", "-bash"),
            ("/usr/bin/tail", "tail -f /var/log/voice/app.log"),
            ("/usr/bin/systemctl", "systemctl status consonant-guard voice"),
            ("/usr/bin/systemctl", "systemctl restart voice.service"),
            ("/usr/bin/sudo", "sudo systemctl reload nginx"),
            ("/usr/bin/htop", "htop"),
            ("/usr/bin/ls", "ls --color=auto -la /opt/voice/outputs"),
            ("/usr/bin/journalctl", "journalctl -u sysmon -n 50"),
            ("/usr/bin/df", "df -h > /tmp/df.txt"),
            (PYTHON, f"{PYTHON} -c import torch; print(torch.cuda.is_available())"),
            ("/usr/bin/git", "git -C /opt/voice pull --ff-only"),
        ]
    )
    return _process(
        at, dice.getrandbits(30), image, line, "/bin/bash", "-bash", user="operator", folder="/home/operator", pid=2211
    )


def _clock(dice, at):
    return _connection(
        at,
        "/usr/lib/systemd/systemd-timesyncd",
        ("10.0.0.7", 40123),
        (f"185.125.190.{dice.randrange(1, 99)}", 123),
        initiated=True,
        protocol="udp",
        user="systemd-timesync",
    )


def _names(dice, at):
    if dice.random() < 0.5:
        return _connection(
            at, PYTHON, ("10.0.0.7", dice.randrange(32768, 60999)), ("10.0.0.2", 53), initiated=True, protocol="udp"
        )
    return _connection(
        at,
        "/usr/lib/systemd/systemd-resolved",
        ("10.0.0.7", dice.randrange(32768, 60999)),
        ("9.9.9.9", 53),
        initiated=True,
        protocol="udp",
        user="systemd-resolve",
    )


def _of_windows(dice, at):
    form = dice.choice([windows, winlogbeat, nxlog, wazuh])
    common = {"ProcessGuid": guid(77), "ProcessId": 4242, "User": r"VOICE2\voice"}
    kind = dice.randrange(4)
    if kind == 0:
        return form(
            11,
            at,
            **common,
            Image=WINDOWS_PYTHON,
            TargetFilename=rf"C:\Users\voice\AppData\Local\Temp\gradio\{dice.getrandbits(64):016x}\audio.wav",
        )
    if kind == 1:
        return form(
            3,
            at,
            **common,
            Image=WINDOWS_PYTHON,
            Protocol="tcp",
            Initiated="false",
            SourceIp=f"10.0.3.{dice.randrange(1, 255)}",
            SourcePort=50123,
            DestinationIp="10.0.0.8",
            DestinationPort=7860,
        )
    if kind == 2:
        return form(
            3,
            at,
            **common,
            Image=r"C:\Windows\System32\svchost.exe",
            Protocol="tcp",
            Initiated="true",
            SourceIp="10.0.0.8",
            SourcePort=50123,
            DestinationIp="20.190.160.1",
            DestinationPort=443,
        )
    return form(
        1,
        at,
        **common,
        Image=r"C:\ffmpeg\bin\ffmpeg.exe",
        CommandLine=rf'"C:\ffmpeg\bin\ffmpeg.exe" -i C:\voice\in{dice.randrange(999)}.mp3 -ar 16000 C:\voice\out.wav',
        CurrentDirectory="C:\\voice\\",
        ParentProcessGuid=guid(76),
        ParentProcessId=4000,
        ParentImage=WINDOWS_PYTHON,
        ParentCommandLine=f"{WINDOWS_PYTHON} webui.py",
    )


def _call(dice, at):
    said = " ".join(dice.choices(_WORDS, k=dice.randrange(3, 12)))
    return _process(
        at,
        dice.getrandbits(30),
        PYTHON,
        f"{PYTHON} -m indextts.cli --text {said} --voice /opt/voice/prompts/p{dice.randrange(9)}.wav --output /opt/voice/outputs/{dice.getrandbits(32):08x}.wav",
        "/usr/bin/bash",
        "/usr/bin/bash /opt/voice/serve.sh",
    )


def _sidecar(dice, at):
    return json.dumps(
        {
            "@timestamp": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
            "event": {
                "module": "consonant",
                "dataset": "consonant.sidecar",
                "action": dice.choice(["file.gone", "residue.removed"]),
            },
            "consonant": {
                "place": f"{dice.getrandbits(256):064x}",
                "folder": "outputs",
                "suffix": ".wav",
                "queued": False,
            },
        }
    ).encode()


_ROWS = {
    "temporary_audio": _temporary_audio,
    "audio_gone": _audio_gone,
    "incoming": _incoming,
    "loopback": _loopback,
    "model": _model,
    "helper": _helper,
    "cron": _cron,
    "rotation": _rotation,
    "apt": _apt,
    "pip": _pip,
    "admin": _admin,
    "clock": _clock,
    "names": _names,
    "windows": _of_windows,
    "call": _call,
    "sidecar": _sidecar,
}
