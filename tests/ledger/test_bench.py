"""`manage.py bench ledger` runs from end to end, in a database of its own. How fast it is depends on the machine, so nothing is asked of that."""

import json
import os
import subprocess
import sys

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ledger.bench.measure import Measure, percentile

KEYS = {"name", "value", "unit", "reference", "ratio", "goal", "met", "sizes", "says"}
GOALS = {
    "appends": ">= 2500",
    "appends.ratio": ">= 0.8",
    "sequencing": ">= 20000",
    "sequencing.ratio": ">= 0.4",
    "checkpoint.p99": "< 1",
    "proof.p99": "< 5",
    "verification": ">= 200000",
    "memory.sequencer": "ratio <= 1.2",
    "memory.publisher": "ratio <= 1.2",
    "memory.verifier": "ratio <= 1.2",
}
WITHOUT_GOALS = {"checkpoint.p50", "proof.p50", "disk.opening", "disk.entry", "disk.wal", "disk.files"}
OTHERS = {"pymerkle.appends", "pymerkle.batch", "pymerkle.memory", "pymerkle.proof", "pghistory.appends"}


def databases():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def measures_everything_and_leaves_nothing():
    before = databases()
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", "ledger", "--quick"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(line) == KEYS for line in lines)
    found = {line["name"]: line for line in lines}
    assert len(found) == len(lines)
    assert set(found) == set(GOALS) | WITHOUT_GOALS | OTHERS
    assert {name: found[name]["goal"] for name in GOALS} == GOALS
    assert all(isinstance(line["met"], bool) == (line["name"] in GOALS) for line in lines)
    assert all(line["value"] > 0 and line["sizes"] and line["says"] for line in lines)
    assert {name for name in databases() - before if name.startswith("consonant_bench_")} == set()


if os.environ.get("CONSONANT_SOAK") == "1":
    test_it_measures_everything_and_leaves_nothing = measures_everything_and_leaves_nothing


def test_it_does_not_measure_in_the_service():
    with pytest.raises(CommandError, match="database of its own"):
        call_command("bench", "ledger", "--quick")


def test_a_line_says_four_digits():
    line = json.loads(Measure("appends", 1234.5678, "1/s", sizes={"clients": 8}).line())
    assert (line["value"], line["reference"], line["met"], line["sizes"]) == (1235.0, None, None, {"clients": 8})


def test_percentiles():
    values = [float(n) for n in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (51.0, 100.0, 7.0)
