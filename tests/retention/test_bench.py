"""`manage.py bench consent` measures what it says. How fast it is depends on the machine, so nothing is asked of that."""

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from itertools import islice
from urllib.parse import urlsplit

import pytest
from django.conf import global_settings
from django.conf import settings as project

from retention.bench.run import run
from retention.bench.sizes import Sizes
from tests.docs.pages import DOCS

OVER_HTTP = [
    "record",
    "session.p50",
    "session.p99",
    "synthesis.p50",
    "synthesis.p99",
    "empty.p50",
    "empty.p99",
    "batch",
    "batch.call",
]
THEN = ["withdrawal.wait.p99", "withdrawal.p99", "stop.refused.p99", "stop.told.p99", "stop.p99"]
GOALS = {"record": "ratio >= 0.4", "batch": ">= 5000", "withdrawal.wait.p99": "< 0.2", "stop.refused.p99": "< 1"}  # fmt: skip


def check(lines, names):
    assert [line["name"] for line in lines] == names
    assert {line["name"]: line["goal"] for line in lines if line["goal"]} == {
        name: goal for name, goal in GOALS.items() if name in names
    }
    assert all(isinstance(line["met"], bool) == (line["name"] in GOALS) for line in lines)
    assert all(line["value"] >= 0 and line["sizes"] and line["says"] for line in lines)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its clients end with the process
def test_what_an_app_does_over_http_is_measured(committed, monkeypatch, settings):
    """By the service's own web server, in a copy of the tests' database. The rest takes a minute: below."""
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # the server checks what is hashed here
    server = urlsplit(os.environ["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", server._replace(path=f"/{committed}").geturl())
    with closing(run(replace(Sizes.quick(), seconds=0.2))) as measures:
        lines = [json.loads(measure.line()) for measure in islice(measures, len(OVER_HTTP))]
    check(lines, OVER_HTTP)
    assert all(line["value"] > 0 for line in lines)


def measures_everything():
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", "consent", "--quick"],
        cwd=project.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check([json.loads(line) for line in done.stdout.splitlines()], [*OVER_HTTP, *THEN])


if os.environ.get("CONSONANT_SOAK") == "1":
    test_it_measures_everything = measures_everything


def test_every_measure_is_documented():
    page = (DOCS / "bench.md").read_text(encoding="utf-8").partition("## Consent and records")[2]
    told = {}
    for row in re.findall(r"^\| (`[^|]+) \|.*\|([^|]*)\|$", page.partition("### Results")[0], re.MULTILINE):
        last = ""
        for name in re.findall(r"`([^`]+)`", row[0]):
            last = f"{last.partition('.')[0]}{name}" if name.startswith(".") else name
            told[last] = row[1].strip()
    assert told.keys() == {*OVER_HTTP, *THEN}
    assert {name for name, goal in told.items() if goal} == GOALS.keys()
