"""The measures of guard, in their order: events taken in and judged, and from an event to the app's suspension: `manage.py bench guard`.

Everything runs as in service: gunicorn with its two workers, a Celery worker, PostgreSQL durable, the whole shipped pack. What the SDK and the
sidecar cost is measured by the SDK itself, where it is installed (`consonant.bench`).
"""

import http.client
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from accounts.models import App
from consent.register import register_app
from guard.bench.feed import bodies, program_written
from guard.models import Alert, Event
from guard.pack import pack
from guard.register_host import register_host
from ledger.bench.measure import Measure, percentile
from retention.bench import scene
from retention.bench.service import running, web

_WORKER = [
    "-m",
    "celery",
    "-q",
    "-A",
    "config",
    "worker",
    "-B",
    "--pool",
    "threads",
    "--concurrency",
    "4",
    "--loglevel",
    "ERROR",
    "--schedule",
]
"""With the beat in it."""
_RAW_TABLE = """
CREATE TABLE IF NOT EXISTS bench_events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, data jsonb)
"""
_LOOK_SECONDS = 0.002
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    clients: int = 4
    """Hosts that report at once."""
    seconds: float = 8.0
    rounds: int = 3
    events: int = 1_000
    """Rows of a delivery."""
    alarms: int = 100

    @classmethod
    def quick(cls) -> "Sizes":
        """For a look whether everything runs: the numbers mean nothing."""
        return cls(clients=2, seconds=0.5, rounds=1, events=100, alarms=3)

    @classmethod
    def full(cls) -> "Sizes":
        """Longer."""
        return cls(seconds=30.0, alarms=1_000)


def run(sizes: Sizes) -> Iterator[Measure]:
    """Measure everything; yields each number when it is known."""
    with ExitStack() as stack:
        port = stack.enter_context(web())
        yield _ingest(port, sizes)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(running([*_WORKER, str(Path(folder, "beat"))]))
        yield from _answers(port, sizes)
        yield from _sdk(port, sizes)


def _app(name: str) -> App:
    made = register_app(tenant=scene.tenant(), name=name, website="", purposes=[scene.PURPOSE], now=timezone.now())
    app: App = made.app
    return app


def _token(app: App, name: str) -> str:
    made = register_host(app=app, name=name, actor="operator", now=timezone.now(), profile="cosyvoice")
    return made.token


class _Reporter:
    """A host's agent on a connection that stays open."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}

    def send(self, body: bytes) -> None:
        self._connection.request("POST", "/api/v1/telemetry", body, self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"telemetry: {answer.status} {said[:200]!r}")


def _ingest(port: int, sizes: Sizes) -> Measure:
    """Take in what some hosts send as fast as they can, by turns with a bare COPY of what is stored."""
    app = _app("Measured")
    feeds = [
        (_Reporter(port, _token(app, f"tts-{number}")), list(bodies(count=8, rows=sizes.events, seed=number)))
        for number in range(sizes.clients)
    ]
    for reporter, made in feeds:
        reporter.send(made[0])  # connections, the rules
    with connection.cursor() as cursor:
        cursor.execute(_RAW_TABLE)
    raw = list(Event.objects.values_list("at", "data")[: sizes.events])
    rates, bare = [], []
    for _ in range(sizes.rounds):
        rates.append(_together([_report_for(*feed, seconds=sizes.seconds) for feed in feeds]) * sizes.events)
        bare.append(_together([_copy_for(raw, seconds=sizes.seconds / 2) for _ in feeds]) * len(raw))
    if Alert.objects.exists():
        raise RuntimeError("an ordinary feed raised an alert")
    rules = len(pack().rules) + len(pack().correlations)
    value, reference = max(rates), max(bare)
    size = {
        "clients": sizes.clients,
        "seconds": sizes.seconds,
        "rounds": sizes.rounds,
        "rows": sizes.events,
        "rules": rules,
    }
    return Measure(
        "events", value, "1/s", reference, value / reference, ">= 5000", value >= 5000, size,
        "events over HTTP: read, brought to ECS, desensitised, judged by every shipped rule, stored; the reference is COPY of the stored JSON "
        "into a table with no index but its key; the best turn of each",
    )  # fmt: skip


def _together(works: list[Any]) -> float:
    """Return how often a second all of these were done."""
    start = threading.Barrier(len(works))

    def one(work: Any) -> float:
        start.wait()
        done, seconds = work()
        return float(done / seconds)

    with ThreadPoolExecutor(len(works)) as pool:
        return sum(pool.map(one, works))


def _report_for(reporter: _Reporter, made: list[bytes], *, seconds: float) -> Any:
    def work() -> tuple[int, float]:
        begun, done = time.perf_counter(), 0
        for body in cycle(made):
            reporter.send(body)
            done += 1
            if time.perf_counter() - begun > seconds:
                break
        return done, time.perf_counter() - begun

    return work


def _copy_for(raw: list[tuple[Any, Any]], *, seconds: float) -> Any:
    rows = [(at, json.dumps(data, separators=(",", ":"))) for at, data in raw]

    def work() -> tuple[int, float]:
        with psycopg.connect(
            **connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
        ) as raw_connection:
            begun, done = time.perf_counter(), 0
            while time.perf_counter() - begun < seconds:
                with raw_connection.cursor().copy("COPY bench_events (at, data) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
                raw_connection.commit()
                done += 1
            return done, time.perf_counter() - begun

    return work


def _answers(port: int, sizes: Sizes) -> Iterator[Measure]:
    """From the sending of an event to the app's suspension, as another connection sees it; each time another app."""
    times = []
    for number in range(sizes.alarms + 1):
        app = _app(f"Alarmed {number}")
        reporter = _Reporter(port, _token(app, f"alarmed-{number}"))
        begun = time.perf_counter()
        reporter.send(program_written(timezone.now()))
        while not App.objects.filter(id=app.id, suspended_at__isnull=False).exists():
            if time.perf_counter() - begun > _PATIENCE_SECONDS:
                raise RuntimeError("the app was not suspended")
            time.sleep(_LOOK_SECONDS)
        times.append(time.perf_counter() - begun)
    del times[0]  # the worker's start
    for part, goal in ((0.5, ""), (0.99, "< 2")):
        value = percentile(times, part)
        yield Measure(
            f"suspended.p{part * 100:.0f}", value, "s", goal=goal, met=value < 2 if goal else None,
            sizes={"alarms": sizes.alarms},
            says="from an agent's call with an event that breaks a rule to the suspension of its app, by gunicorn and a Celery worker",
        )  # fmt: skip


def _sdk(port: int, sizes: Sizes) -> Iterator[Measure]:
    """What the SDK measures of itself, by its own command, where it is installed beside the service."""
    if importlib.util.find_spec("consonant") is None:
        return
    made = register_app(
        tenant=scene.tenant(), name="With the SDK", website="", purposes=[scene.PURPOSE], now=timezone.now()
    )
    grant = scene.allowed(made.app, scene.person())
    with tempfile.TemporaryDirectory() as state:
        given = {
            "CONSONANT_URL": f"http://127.0.0.1:{port}",
            "CONSONANT_CLIENT_ID": made.app.client_id,
            "CONSONANT_CLIENT_SECRET": made.client_secret,
            "CONSONANT_STATE": state,
        }
        calls, seconds = ("20", "3") if sizes.alarms < 10 else ("500", "10")
        words = ["-m", "consonant", "bench", "--grant", str(grant.id), "--calls", calls, "--seconds", seconds]
        done = subprocess.run(  # noqa: S603 - this program
            [sys.executable, *words], env={**os.environ, **given}, capture_output=True, text=True, check=True
        )
    said = {each["bench"]: each for each in map(json.loads, done.stdout.splitlines())}
    overhead, memory = said["sdk"]["overhead_p50_ms"], said["guard"]["rss_mb"]
    yield Measure(
        "sdk.overhead", overhead, "ms", said["sdk"]["bare_p50_ms"], goal="<= 5", met=overhead <= 5,
        sizes={"calls": said["sdk"]["calls"]},
        says="what a record by the SDK takes longer than the same call by httpx alone, p50; the reference is that call",
    )  # fmt: skip
    yield Measure(
        "sidecar.memory", memory, "MB", goal="<= 60", met=memory <= 60, sizes={"files": said["guard"]["files"]},
        says="resident memory of `consonant guard` after it saw so many files",
    )  # fmt: skip
