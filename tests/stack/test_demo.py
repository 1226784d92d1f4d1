import re
import subprocess
import sys

from tests.stack.service import PROJECT


def test_the_demo_passes_and_says_where_to_look(demo, stack):
    said, _ = demo
    assert "All as it must be" in said
    steps = [line for line in said.splitlines() if re.match(r" ?\d+  ", line)]
    assert len(steps) > 20
    assert all(stack.url in line or str(stack.var) in line for line in steps)
    assert "\033" not in said
    for named in ("was changed", "was removed", "were swapped", "another history"):
        assert named in said


def test_the_demo_can_be_repeated_and_the_log_grows(demo, stack):
    first, _ = demo
    command = [sys.executable, "-m", "deploy.demo"]
    done = subprocess.run(command, cwd=PROJECT, env=stack.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sizes = [int(re.search(r"(\d+) entries verified", said)[1]) for said in (first, done.stdout)]
    assert sizes[1] > sizes[0]
    assert not set(re.findall(r"visitor-\w+", first)) & set(re.findall(r"visitor-\w+", done.stdout))
    stack.secrets |= set(re.findall(r"visitor-\w+", done.stdout))


def test_without_a_service_the_demo_says_one_sentence(tmp_path):
    command = [sys.executable, "-m", "deploy.demo"]
    environment = {"CONSONANT_VAR": str(tmp_path)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "make run" in done.stderr


def test_with_a_stopped_service_the_demo_says_one_sentence(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "run" / "service.env").write_text("CONSONANT_PUBLIC_URL=http://127.0.0.1:1\n")
    (tmp_path / "secrets" / "demo.json").write_text('{"app": {}, "speaker": {}}')
    command = [sys.executable, "-m", "deploy.demo"]
    environment = {"CONSONANT_VAR": str(tmp_path)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "not running" in done.stderr
