"""`consonant doctor` and `consonant bench` on a real host."""

import json
import os
import subprocess
import sys

import pytest

from tests.factories import SECRET


@pytest.fixture
def program(sdk_path, tmp_path):
    def run(*words, **environment):
        env = {name: value for name, value in os.environ.items() if not name.startswith("CONSONANT_")}
        env |= {"PYTHONPATH": str(sdk_path), "CONSONANT_STATE": str(tmp_path / "state"), **environment}
        command = [sys.executable, "-m", "consonant", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines()

    return run


def test_a_host_that_is_not_fit_and_then_is(served, program, tmp_path):
    known = {"CONSONANT_URL": served.url, "CONSONANT_CLIENT_ID": served.app.client_id}
    status, lines = program("doctor")
    assert status == 1
    assert "error: settings: CONSONANT_URL is not set" in lines
    assert "error: state: the folder of state is not there: --fix makes it" in lines
    status, lines = program("doctor", "--fix", **known, CONSONANT_CLIENT_SECRET=SECRET)
    assert status == 0, lines
    assert "ok: app: the service knows it" in lines
    assert "ok: clock: agrees with the service's" in lines
    (tmp_path / "state" / "host.key").chmod(0o644)
    status, lines = program("doctor", "--json", **known, CONSONANT_CLIENT_SECRET="another")
    assert status == 1
    errors = {each["what"] for each in map(json.loads, lines) if each["level"] == "error"}
    assert errors == {"state", "app"}
    assert "another" not in "\n".join(lines)
    served.go_away()
    assert "error: service: it does not answer" in program("doctor", **known, CONSONANT_CLIENT_SECRET=SECRET)[1]


def test_it_tells_of_what_was_given_up_and_shows_none_of_it(program, sdk_path, tmp_path):
    from consonant.queue import Queue

    queue = Queue(tmp_path / "state")
    queue.put({"body": {"model": "a-tell-tale-model"}})
    queue.flush(lambda *_: None)
    status, lines = program("doctor")
    said = "error: queue: 1 records were given up: the service does not take them (--drop-dead forgets them)"
    assert status == 1
    assert said in lines
    assert "tell-tale" not in "\n".join(lines)
    from consonant.held import Held

    Held(tmp_path / "state").keep("01a1fc84-0000-7000-8000-000000000000", tmp_path / "tell-tale.wav")
    assert not [each for each in program("doctor")[1] if ": held: " in each]
    (tmp_path / "state" / "queue.key").write_bytes(bytes(32))
    said = "error: held: of 1 artifacts it cannot be read which files are theirs: another queue.key"
    assert said in program("doctor")[1]
    assert "ok: queue: 0 wait" in program("doctor", "--drop-dead")[1]


def test_bench_prints_a_line_a_measurement(served, program):
    known = {
        "CONSONANT_URL": served.url,
        "CONSONANT_CLIENT_ID": served.app.client_id,
        "CONSONANT_CLIENT_SECRET": SECRET,
    }
    grant = served.consent()
    status, lines = program("bench", "--grant", grant, "--calls", "20", "--seconds", "4", **known)
    assert status == 0
    sdk, guard, *redact = map(json.loads, lines)
    assert [each["bench"] for each in (sdk, guard, *redact)] == ["sdk", "guard", "redact"][: len(lines)]
    assert sdk["sdk_p50_ms"] > 0
    assert sdk["overhead_p50_ms"] < 50, "the goal is 5; what a test can tell on a busy machine is the order"
    assert 5 < guard["rss_mb"] <= 60
