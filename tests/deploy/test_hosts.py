"""What is laid out for a voice host in deploy/hosts: units, monitors, forwarders and the container, each as its own program would read it."""

import gzip
import http.server
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.deploy import sysmon
from tests.deploy.stack import PROJECT, free_port

HOSTS = PROJECT / "deploy" / "hosts"
FORWARD = HOSTS / "forward.py"
SECRET_WORDS = re.compile(r"cgt_[\w-]{43}|BEGIN (RSA |EC )?PRIVATE KEY|client_secret=")


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not here")


# systemd


@needs("systemd-analyze")
def test_the_unit_is_understood_and_shuts_all_but_its_folders(tmp_path):
    """What runs is replaced by something that is here; all else is checked as it is."""
    text = (HOSTS / "systemd" / "consonant-guard.service").read_text(encoding="utf-8")
    there = tmp_path / "consonant-guard.service"
    there.write_text(text.replace("/opt/consonant/bin/consonant", shutil.which("true")), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(there)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Unknown" not in done.stderr
    exposure = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", str(there)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert exposure.returncode == 0, exposure.stdout
    there.write_text(
        re.sub(
            r"^(NoNewPrivileges|ProtectSystem|Capability.*|Protect.*|Restrict.*|System.*)=.*\n",
            "",
            text,
            flags=re.MULTILINE,
        )
    )
    open_door = ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", str(there)]
    assert subprocess.run(open_door, capture_output=True, check=False).returncode != 0


def test_s0_11_the_guard_runs_in_a_sandbox_with_the_least_access_to_files():
    said = (HOSTS / "systemd" / "consonant-guard.service").read_text(encoding="utf-8")
    lines = [line for line in said.splitlines() if line and not line.startswith(("#", "["))]
    values = {}
    for name, _, value in (line.partition("=") for line in lines):
        values.setdefault(name, []).append(value)
    assert values["NoNewPrivileges"] == ["yes"]
    assert values["ProtectSystem"] == ["strict"]
    assert values["CapabilityBoundingSet"] == [""]
    assert values["ReadWritePaths"] == ["/opt/CosyVoice", "-/tmp/gradio"]
    assert values["User"] not in (["root"], [""])
    # In a user namespace of its own it sees no process behind a port, and takes an open file for one that nobody uses.
    assert values.get("PrivateUsers", ["no"]) == ["no"]
    # The token is no part of the unit, of its environment or of a command line that everybody reads.
    assert values["LoadCredential"] == ["agent-token:/etc/consonant/agent-token"]
    assert not SECRET_WORDS.search(said)


# Sysmon


@pytest.mark.parametrize("system", ["windows", "linux"])
def test_sysmon_would_take_the_configuration(system):
    root = sysmon.read(HOSTS / "sysmon" / f"{system}.xml")
    assert root.get("schemaversion") == {"windows": "4.90", "linux": "4.81"}[system]
    assert sysmon.faults(root, system) == []


def test_what_the_check_of_sysmon_files_finds():
    text = (
        '<Sysmon schemaversion="4.81"><EventFiltering><RuleGroup groupRelation="or"><FileCreate onmatch="include">'
        '<Picture condition="is">a</Picture><Image condition="like">b</Image><Rule groupRelation="or">'
        '<Image condition="is"></Image></Rule></FileCreate><DnsQuery onmatch="include"/></RuleGroup></EventFiltering></Sysmon>'
    )
    assert sysmon.faults(ET.fromstring(text), "linux") == [
        "a Rule of FileCreate is no conjunction",
        "a Rule of FileCreate of one filter",
        "FileCreate has no Picture",
        "no such condition: like",
        "an empty filter in FileCreate",
        "no such event: DnsQuery",
    ]


PYTHON = {"windows": "C:\\Python311\\python.exe", "linux": "/opt/conda/envs/voice/bin/python3.10"}
FOLDER = {"windows": "D:\\IndexTTS", "linux": "/opt/CosyVoice"}
OTHER = {"windows": "C:\\Windows\\notepad.exe", "linux": "/usr/bin/vim.basic"}


@pytest.mark.parametrize("system", ["windows", "linux"])
def test_s3_1_the_monitor_logs_processes_connections_and_files_of_python_and_of_nobody_else(system):
    """Among them what the filters of one field, joined by OR, would get wrong: each .exe of anybody, or none of python's other files."""
    root, slash = sysmon.read(HOSTS / "sysmon" / f"{system}.xml"), "\\" if system == "windows" else "/"
    python, other, folder = PYTHON[system], OTHER[system], FOLDER[system]
    outputs = slash.join((folder, "outputs", "spk_1.wav"))
    cache = slash.join(("", "x", "__pycache__", "a.cpython-311.pyc"))

    def logs(tag, **event):
        return sysmon.logs(root, tag, event)

    assert logs("ProcessCreate", Image=python, ParentImage=other, CurrentDirectory="/", CommandLine="python x.py")
    assert logs("ProcessCreate", Image=other, ParentImage=python, CurrentDirectory="/", CommandLine="sh")
    assert logs("ProcessCreate", Image=other, ParentImage=other, CurrentDirectory=folder + slash, CommandLine="x")
    assert not logs("ProcessCreate", Image=other, ParentImage=other, CurrentDirectory="/home", CommandLine="python")
    assert logs("NetworkConnect", Image=python, Initiated="true", DestinationIp="203.0.113.9", DestinationPort="443")
    assert logs("NetworkConnect", Image=python, Initiated="true", DestinationIp="192.0.2.10", DestinationPort="5000")
    assert not logs("NetworkConnect", Image=python, Initiated="true", DestinationIp="192.0.2.10", DestinationPort="443")
    assert not logs("NetworkConnect", Image=python, Initiated="false", DestinationIp="203.0.113.9")
    assert not logs("NetworkConnect", Image=python, Initiated="true", DestinationIp="127.0.0.1")
    assert not logs("NetworkConnect", Image=other, Initiated="true", DestinationIp="203.0.113.9")
    assert logs("FileCreate", Image=python, TargetFilename=outputs)
    for suffix in (".exe", ".dll", ".so"):
        assert logs("FileCreate", Image=python, TargetFilename="/x/y" + suffix)
    assert not logs("FileCreate", Image=python, TargetFilename=cache)
    suffix = ".exe" if system == "windows" else ".so"
    assert logs("FileCreate", Image=python, TargetFilename=cache + suffix), (
        "a program does not hide behind another name"
    )
    assert not logs("FileCreate", Image=other, TargetFilename="/x/y" + suffix)
    assert not logs("FileCreate", Image=other, TargetFilename=outputs)


@pytest.mark.parametrize(
    ("system", "image", "command"),
    [
        ("windows", "C:\\Windows\\System32\\sc.exe", "sc stop Sysmon64"),
        ("windows", "C:\\Windows\\System32\\fltMC.exe", "fltmc unload SysmonDrv"),
        ("windows", "C:\\Windows\\Sysmon64.exe", "Sysmon64.exe -u"),
        ("linux", "/usr/bin/systemctl", "systemctl stop sysmon"),
        ("linux", "/opt/sysmon/sysmon", "/opt/sysmon/sysmon -u"),
        ("linux", "/usr/bin/systemctl", "systemctl stop rsyslog"),
    ],
)
def test_s3_8_whoever_stops_the_monitor_is_logged_before_it_stops(system, image, command):
    root = sysmon.read(HOSTS / "sysmon" / f"{system}.xml")
    event = {"Image": image, "ParentImage": OTHER[system], "CurrentDirectory": "/root", "CommandLine": command}
    assert sysmon.logs(root, "ProcessCreate", event)


# Forwarders


class Ledger(http.server.BaseHTTPRequestHandler):
    """Takes telemetry and keeps what came; answers what it was told to, then 200."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.server.came.append((status, self.path, self.headers["Authorization"], self.headers["Content-Type"], body))
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture
def ledger():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ledger)
    server.came, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def until(condition, within, what):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "agent-token"
    file.write_text("cgt_" + "t" * 43 + "\n")
    return file


def rsyslog_conf(tmp_path, port):
    """The shipped recipe, with the program where it is here, and a port of the test instead of the machine's log."""
    text = (HOSTS / "rsyslog" / "60-consonant.conf").read_text(encoding="utf-8")
    binary = f"{sys.executable} {FORWARD} rsyslog"
    text = text.replace("/usr/local/lib/consonant/forward.py rsyslog", binary)
    text = text.replace("/var/log/consonant-forward.log", str(tmp_path / "forward.log"))
    text = text.replace('action.resumeInterval="5"', 'action.resumeInterval="1"')
    head = f'global(workDirectory="{tmp_path}" maxMessageSize="64k")\nmodule(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{port}")\n'
    path = tmp_path / "rsyslog.conf"
    path.write_text(head + text + f'action(type="omfile" file="{tmp_path}/rest.log")\n', encoding="utf-8")
    return path


SYSMON_ROW = (
    "<14>1 2026-11-22T04:00:00.123456+00:00 voicehost sysmon 812 - - <Event><System><EventID>1</EventID></System>"
    '<EventData><Data Name="CommandLine">python3 x.py --text {text}</Data></EventData></Event>'
)


@needs("rsyslogd")
def test_rsyslog_takes_sysmons_rows_on_and_keeps_them_while_the_ledger_is_away(tmp_path, ledger, token):

    # A copy: Ubuntu's AppArmor shuts the installed one into its own folders, by its path.
    rsyslogd = shutil.copy(shutil.which("rsyslogd"), tmp_path)
    conf = rsyslog_conf(tmp_path, port := free_port())
    checked = subprocess.run([rsyslogd, "-N1", "-f", str(conf)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    broken = tmp_path / "broken.conf"
    broken.write_text(conf.read_text().replace("confirmMessages", "confirmMessage"))
    assert (
        "parameter 'confirmMessage' not known"
        in subprocess.run([rsyslogd, "-N1", "-f", str(broken)], capture_output=True, text=True, check=False).stderr
    )

    ledger.answers = [503, 503]
    env = {"PATH": os.environ["PATH"], "CONSONANT_URL": ledger.url, "CONSONANT_AGENT_TOKEN_FILE": str(token)}
    daemon = subprocess.Popen(
        [rsyslogd, "-n", "-f", str(conf), "-i", str(tmp_path / "pid")], env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        until(lambda: _listens(port), 10, lambda: "rsyslogd does not listen")
        rows = [SYSMON_ROW.format(text=f"t{number}") for number in range(40)]
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall("\n".join([*rows, rows[0].replace(" sysmon ", " cron "), ""]).encode())

        def taken():
            bodies = [body for status, *_, body in ledger.came if status == 200]
            return {text for body in bodies for text in re.findall(rb"--text (t\d+)<", body)}

        until(lambda: len(taken()) == 40, 30, lambda: (taken(), ledger.came[:3], (tmp_path / "forward.log").exists()))
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=20)
        daemon.stderr.close()
    assert [status for status, *_ in ledger.came][:2] == [503, 503]
    _, path, authorization, kind, body = ledger.came[-1]
    assert (path, authorization, kind) == ("/api/v1/telemetry", "Bearer cgt_" + "t" * 43, "application/x-ndjson")
    first = body.split(b"\n")[0].decode()
    assert re.match(r"<14>1 2026-11-22T04:00:00\.123456\+00:00 voicehost sysmon 812 - - ?<Event>", first), first
    assert not any(b"cron" in body for *_, body in ledger.came)
    rest = (tmp_path / "rest.log").read_text()
    assert rest.count("\n") == 1, "of Sysmon's rows none is kept here; the one of cron is"
    assert " cron" in rest
    log = tmp_path / "forward.log"
    assert not log.exists() or "--text" not in log.read_text()


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def forward(*arguments, stdin=None, **env):
    return subprocess.run(
        [sys.executable, str(FORWARD), *arguments],
        env={"PATH": os.environ["PATH"], **env},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_the_ledger_refuses_is_dropped_and_told_but_not_shown(ledger, token):
    ledger.answers = [400]
    rows = "BEGIN TRANSACTION\nsecret words\nCOMMIT TRANSACTION\n"
    done = forward("rsyslog", stdin=rows, CONSONANT_URL=ledger.url, CONSONANT_AGENT_TOKEN_FILE=str(token))
    assert done.stdout.split("\n")[:4] == ["OK", "OK", "DEFER_COMMIT", "OK"]
    assert done.stderr == "1 rows dropped: the ledger refuses it: 400\n"
    away = forward("rsyslog", stdin=rows, CONSONANT_URL="http://127.0.0.1:9", CONSONANT_AGENT_TOKEN_FILE=str(token))
    assert away.stdout.split("\n")[3] == "Error: NotTaken"
    plain = forward("rsyslog", stdin=rows, CONSONANT_URL="http://192.0.2.1", CONSONANT_AGENT_TOKEN_FILE=str(token))
    assert "must begin with https" in plain.stderr, "no token leaves in the clear"


def test_wazuhs_integrator_takes_alerts_of_voice_hosts_on_and_of_nobody_else(tmp_path, ledger, token):
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    shutil.copy(token, tokens / "voice-1")
    alert = {
        "agent": {"id": "001", "name": "voice-1"},
        "rule": {"id": "100960", "level": 3},
        "data": {"win": {"system": {"eventID": "1"}, "eventdata": {"image": "C:\\\\Python311\\\\python.exe"}}},
    }
    file = tmp_path / "alert.json"
    where = {"CONSONANT_URL": ledger.url, "CONSONANT_TOKENS": str(tokens)}
    for name in ("voice-1", "printer", "../agent-token", ""):
        file.write_text(json.dumps({**alert, "agent": {"name": name}}))
        done = forward(str(file), "", "", **where)
        assert (done.returncode, done.stderr) == (0, "")
    ((status, path, authorization, kind, body),) = ledger.came
    assert (status, path, authorization, kind) == (
        200,
        "/api/v1/telemetry",
        "Bearer cgt_" + "t" * 43,
        "application/json",
    )
    assert json.loads(body)["data"] == alert["data"]
    ledger.answers = [503]
    file.write_text(json.dumps(alert))
    failed = forward(str(file), "", "", **where)
    assert failed.returncode == 1, "so that Wazuh tries again"
    assert failed.stderr == "the ledger answered 503\n"


def test_wazuhs_files_are_what_it_reads():
    agent = ET.parse(HOSTS / "wazuh" / "rules.xml").getroot()
    rule = agent.find("rule")
    assert (agent.tag, rule.get("id"), rule.get("level"), rule.find("if_group").text) == (
        "group",
        "100960",
        "3",
        "sysmon",
    )
    assert 100_000 <= int(rule.get("id")) <= 120_000, "the range of one's own rules"
    wanted = re.compile(rule.find("field").text)
    assert [number for number in (1, 2, 3, 4, 5, 11, 16, 22, 255) if wanted.search(str(number))] == [
        1,
        3,
        4,
        11,
        16,
        255,
    ]
    # agent.conf may hold several roots, as Wazuh's own do.
    text = re.sub(r"<!--.*?-->", "", (HOSTS / "wazuh" / "agent.conf").read_text(), flags=re.DOTALL)
    files = ET.fromstring(f"<all>{text}</all>").findall("agent_config/localfile")
    assert [each.find("log_format").text for each in files] == ["eventchannel", "syslog"]
    text = re.sub(r"<!--.*?-->", "", (HOSTS / "wazuh" / "manager.conf").read_text(), flags=re.DOTALL)
    integration = ET.fromstring(text).find("integration")
    assert integration.tag == "integration"
    assert {each.tag: each.text for each in integration} == {
        "name": "custom-consonant",
        "group": "consonant",
        "alert_format": "json",
        "timeout": "25",
        "retries": "3",
    }
    assert integration.find("name").text.startswith("custom-")
    assert agent.get("name").rstrip(",") == integration.find("group").text


def test_winlogbeat_hands_to_a_logstash_that_posts():
    beat = yaml.safe_load((HOSTS / "winlogbeat" / "winlogbeat.yml").read_text())
    log = beat["winlogbeat.event_logs"][0]
    assert log["name"] == "Microsoft-Windows-Sysmon/Operational"
    assert {int(each) for each in log["event_id"].split(",")} == {1, 3, 4, 11, 16, 255}
    assert [name for name in beat if name.startswith("output.")] == ["output.logstash"], (
        "one output, as winlogbeat asks for"
    )
    (address,) = beat["output.logstash"]["hosts"]
    pipeline = logstash((HOSTS / "winlogbeat" / "logstash.conf").read_text())
    assert list(pipeline) == ["input", "filter", "output"]
    beats, http_ = pipeline["input"]["beats"], pipeline["output"]["http"]
    assert address == f"{beats['host']}:{beats['port']}"
    assert (http_["url"], http_["format"]) == ("${CONSONANT_URL}/api/v1/telemetry", "json_batch")
    assert http_["headers"] == {"Authorization": "Bearer ${CONSONANT_AGENT_TOKEN}"}


def logstash(text):
    """Parse a pipeline of Logstash, as far as ours go: blocks, settings, hashes and lists."""
    words = re.findall(r'"[^"]*"|=>|[{}\[\],]|[^\s{}\[\],"]+', re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE))
    position = 0

    def take(expected=None):
        nonlocal position
        word = words[position]
        assert expected is None or word == expected, (word, expected)
        position += 1
        return word

    def value():
        word = take()
        if word == "[":
            found = []
            while words[position] != "]":
                found.append(value())
                if words[position] == ",":
                    take()
            take("]")
            return found
        return block() if word == "{" else word.strip('"')

    def block():
        found = {}
        while words[position] != "}":
            name = take().strip('"')
            assert name not in found
            if words[position] == "=>":
                take()
            found[name] = value()
        take("}")
        return found

    found = {}
    while position < len(words):
        name = take()
        take("{")
        found[name] = block()
    return found


# The container


def test_s1_10_the_container_is_not_root_gains_nothing_and_writes_to_memory_only():
    compose = yaml.safe_load((HOSTS / "container" / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        assert service["user"] == "10001:10001", name
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert "privileged" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["logging"]["driver"] == "local"
        writable = [each for each in service["volumes"] if not (isinstance(each, dict) and each["read_only"])]
        assert writable == ["temporary:/tmp", "state:/state"]
        assert not [value for value in service["environment"].values() if SECRET_WORDS.search(value)]
        secret = {value for key, value in service["environment"].items() if re.search("SECRET|TOKEN|KEY", key)}
        assert all(value.startswith("/run/secrets/") for value in secret), "a file, never the secret itself"
    inputs = [each for each in compose["services"]["voice"]["volumes"] if isinstance(each, dict)]
    assert {each["target"]: each["read_only"] for each in inputs} == {"/inputs": True, "/models": True}
    temporary = compose["volumes"]["temporary"]["driver_opts"]
    assert temporary["type"] == "tmpfs"
    assert {"noexec", "nosuid", "nodev", "mode=0700", "uid=10001"} <= set(temporary["o"].split(","))
    assert compose["services"]["voice"]["ports"] == ["127.0.0.1:7860:7860"]
    guard = compose["services"]["guard"]
    assert {"--all-ports", "/tmp/gradio/clips"} < set(guard["command"]), "ports are looked at, and clips need an entry"
    assert (guard["pid"], guard["network_mode"]) == ("service:voice", "service:voice"), (
        "it sees what the app holds open"
    )
    for service in compose["services"].values():
        told = {
            value.rpartition("/")[2] for value in service["environment"].values() if value.startswith("/run/secrets/")
        }
        assert told == set(service["secrets"]) <= set(compose["secrets"])
        assert "CONSONANT_CLIENT_CERT" in service["environment"], "the edge asks for it"


def test_s1_10_the_image_ends_as_an_ordinary_account_and_holds_no_secret():
    lines = (HOSTS / "container" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    assert [argument for name, argument in steps if name == "USER"] == ["10001:10001"]
    last = max(index for index, (name, _) in enumerate(steps) if name == "RUN")
    assert [name for name, _ in steps].index("USER") > last, "what was root's is done before"
    copies = [argument for name, argument in steps[[name for name, _ in steps].index("FROM") + 4 :] if name == "COPY"]
    assert all("--chown=root:root" in each for each in copies), "the account cannot change its own program"
    assert not [argument for name, argument in steps if name in {"ARG", "ENV"} and re.search("SECRET|TOKEN", argument)]
    for source in re.findall(r"(\S+requirements\S*\.txt)", " ".join(argument for _, argument in steps)):
        assert (PROJECT / source).is_file(), source


def test_the_builder_gets_what_the_image_is_made_of_and_no_more():
    lines = (HOSTS / "container" / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert all(line.startswith("!") for line in rules[1:])
    taken = {line[1:].partition("/")[0] for line in rules[1:]}
    wheel = (PROJECT / "sdk" / "hatch_build.py").read_text() + (PROJECT / "sdk" / "pyproject.toml").read_text()
    needed = set(re.findall(r'"(?:\.\./)?(consent|ledger|retention|zkp|vault|keyring|hooks|guard|accounts)/', wheel))
    assert taken == needed | {"sdk", "examples"}


def test_no_file_here_holds_a_secret_and_programs_can_be_run():
    files = [path for path in HOSTS.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) > 9
    assert [path for path in files if SECRET_WORDS.search(path.read_text(encoding="utf-8"))] == []
    assert FORWARD.stat().st_mode & stat.S_IXUSR
    assert FORWARD.read_text().startswith("#!/usr/bin/env python3\n")
