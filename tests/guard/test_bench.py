"""`manage.py bench guard` measures what it says. How fast it is depends on the machine, so nothing is asked of that."""

import json
import os
import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from itertools import islice
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from guard import calls, desensitise, ecs, formats
from guard.bench.feed import bodies, program_written
from guard.bench.run import Sizes, run
from guard.pack import pack
from tests.docs.pages import DOCS


def broken(body):
    found = set()
    for row in formats.read(body):
        event = desensitise.desensitise(ecs.normalise(row.event), bytes(32))
        calls.add_context(event, at=timezone.now(), setting=calls.Setting(UTC, "cosyvoice", listens_only=True))
        found |= {rule.slug for rule in pack().judge(event)}
    return found


def test_the_feed_breaks_no_rule_and_the_alarm_breaks_one():
    assert set().union(*(broken(body) for body in bodies(count=2, rows=500, seed=3))) == set()
    assert broken(program_written(timezone.now())) == {"python_writes_program"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its clients end with the process
def test_events_are_measured_by_the_services_own_web_server(committed, monkeypatch):
    server = urlsplit(os.environ["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", server._replace(path=f"/{committed}").geturl())
    with closing(run(replace(Sizes.quick(), seconds=0.2))) as measures:
        [line] = [json.loads(measure.line()) for measure in islice(measures, 1)]
    assert (line["name"], line["goal"]) == ("events", ">= 5000")
    assert line["value"] > 0 < line["reference"]


def test_every_measure_is_documented():
    source = (DOCS.parent / "guard" / "bench" / "run.py").read_text(encoding="utf-8")
    names = set(re.findall(r'^ {8}f?"([a-z.]+)(?:\{|",)', source, flags=re.MULTILINE)) | {"events"}
    page = (DOCS / "bench.md").read_text(encoding="utf-8").partition("## Guard")[2]
    assert len(names) >= 3
    assert all(name in page for name in names)
