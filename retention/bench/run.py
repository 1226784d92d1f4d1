"""The measures of consent, in their order: a session and a record, batches, stop-all, a withdrawal among many."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import User
from consent import lock
from consent.models import Grant
from consent.withdraw import stop_all, withdraw
from ledger.bench.measure import Measure, percentile
from ledger.bench.processes import Clients
from retention.api_batch import MOST_RECORDS
from retention.bench import scene
from retention.bench.callers import Caller, Round, hammer, timed
from retention.bench.receiver import Receiver
from retention.bench.scene import Voice
from retention.bench.service import courier, web
from retention.bench.sizes import Sizes

MARK = {"kind": "watermark", "watermark_id": "wm-7"}
_RAW_TABLE = """
CREATE TABLE bench_records (id uuid PRIMARY KEY, session uuid, grant_id uuid, recorded_at timestamptz, expires_at timestamptz,
    kind varchar, leaf bytea, opening bytea)
"""


def run(sizes: Sizes) -> Iterator[Measure]:
    """Measure everything; yields each number when it is known."""
    with ExitStack() as stack:
        port = stack.enter_context(web())
        voice = scene.voice(port, "Measured")
        yield from _records(port, voice, sizes)
        yield from _batches(port, voice, sizes)
        yield from _withdrawals(voice, sizes)
        stack.enter_context(courier())
        yield from _stops(port, sizes)


def _records(port: int, voice: Voice, sizes: Sizes) -> Iterator[Measure]:
    """A session and a record, again and again, each client for a person of its own."""
    callers = [Caller(port, voice.token) for _ in range(sizes.clients)]
    grants = [scene.allowed(voice.app, scene.person()) for _ in callers]
    empty = [_empty(caller) for caller in callers]
    working = [_session_and_record(caller, grant) for caller, grant in zip(callers, grants, strict=True)]
    for each in (empty, working):
        hammer(each, seconds=min(1.0, sizes.seconds))  # connections, caches
    rates, bare = [], []
    sessions: list[float] = []
    records: list[float] = []
    nothing: list[float] = []
    for _ in range(sizes.rounds):
        taken, [times] = hammer(empty, seconds=sizes.seconds)
        bare.append(len(times) / taken)
        nothing += times
        taken, [opened, recorded] = hammer(working, seconds=sizes.seconds)
        rates.append((len(opened) + len(recorded)) / taken)
        sessions += opened
        records += recorded
    value, reference = max(rates), max(bare)
    size = {"clients": sizes.clients, "seconds": sizes.seconds, "rounds": sizes.rounds, "calls": 2 * len(records)}
    yield Measure(
        "record", value, "1/s", reference, value / reference, "ratio >= 0.4", value / reference >= 0.4, size,
        "calls: POST /sessions and POST /syntheses in turn; the reference is an empty view for an app with a token; the best turn of each",
    )  # fmt: skip
    for name, times, goal in (("session", sessions, ""), ("synthesis", records, ""), ("empty", nothing, "")):
        for part in (0.5, 0.99):
            says = f"one call, {name}, at so many clients"
            yield Measure(
                f"{name}.p{part * 100:.0f}", percentile(times, part) * 1000, "ms", goal=goal, sizes=size, says=says
            )


def _empty(caller: Caller) -> Round:
    def once() -> Iterator[float]:
        yield timed(lambda: caller.call("GET", "/bench/empty"))

    return once


def _session_and_record(caller: Caller, grant: Grant) -> Round:
    body = {"grant": str(grant.id)}

    def once() -> Iterator[float]:
        session: list[str] = []
        yield timed(lambda: session.append(caller.made("/api/v1/sessions", body)["id"]))
        yield timed(lambda: caller.made("/api/v1/syntheses", {"session": session[0], "mark": MARK}))

    return once


def _batches(port: int, voice: Voice, sizes: Sizes) -> Iterator[Measure]:
    """A thousand records a call, of ten people's sessions, each from a recording's voiceprint."""
    callers = [Caller(port, voice.token) for _ in range(sizes.batch_clients)]
    bodies = [_batch(caller, voice) for caller in callers]
    rounds = [_post(caller, body) for caller, body in zip(callers, bodies, strict=True)]
    hammer(rounds, seconds=0.1)
    rates, raw = [], []
    times: list[float] = []
    for _ in range(sizes.rounds):
        taken, [calls] = hammer([_many(each, sizes.batches) for each in rounds], seconds=0.01)
        count = sizes.batches * len(rounds)
        rates.append(count * MOST_RECORDS / taken)
        times += [each / sizes.batches for each in calls]
        raw.append(count * MOST_RECORDS / _raw_copy(count))
    value, reference = max(rates), max(raw)
    size = {"clients": sizes.batch_clients, "records": MOST_RECORDS, "calls": len(times) * sizes.batches, "people": 10}
    yield Measure(
        "batch", value, "1/s", reference, value / reference, ">= 5000", value >= 5000, size,
        "records taken by POST /records:batch; the reference is COPY of as many bare rows, a thousand a transaction; the best turn of each",
    )  # fmt: skip
    yield Measure("batch.call", percentile(times, 0.5), "s", sizes=size, says="one call of a thousand records, p50")


def _batch(caller: Caller, voice: Voice) -> dict[str, object]:
    records: list[dict[str, object]] = []
    for _ in range(10):
        grant = scene.allowed(voice.app, scene.person())
        session = caller.made("/api/v1/sessions", {"grant": str(grant.id)})["id"]
        source = caller.made("/api/v1/embeddings", {"session": session, "dimensions": 192})["id"]
        record = {"kind": "synthesis", "session": session, "mark": MARK, "derived_from": [source], "custody": "app"}
        records += [record | {"duration_ms": 1000 + n} for n in range(MOST_RECORDS // 10)]
    return {"records": records}


def _post(caller: Caller, body: object) -> Round:
    def once() -> Iterator[float]:
        yield timed(lambda: caller.made("/api/v1/records:batch", body))

    return once


def _many(one: Round, times: int) -> Round:
    def all_of_them() -> Iterator[float]:
        yield sum(sum(one()) for _ in range(times))

    return all_of_them


def _raw_copy(batches: int) -> float:
    """COPY so many batches of bare rows that are in memory already; return the seconds."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS bench_records; {_RAW_TABLE}")
    rows = [
        (uuid7(), uuid7(), uuid7(), now, now + timedelta(days=30), "synthesis", os.urandom(490), os.urandom(700))
        for _ in range(MOST_RECORDS)
    ]
    taken = 0.0
    for _ in range(batches):
        rows = [(uuid7(), *row[1:]) for row in rows]
        begun = time.perf_counter()
        with (
            psycopg.Cursor(connection.connection) as bare,
            bare.copy("COPY bench_records FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["uuid", "uuid", "uuid", "timestamptz", "timestamptz", "varchar", "bytea", "bytea"])
            for row in rows:
                copy.write_row(row)
        taken += time.perf_counter() - begun
    return taken


def _withdrawals(voice: Voice, sizes: Sizes) -> Iterator[Measure]:
    """Each among many who open sessions of the same grant as fast as they can, over connections of their own."""
    processes = os.cpu_count() or 1
    openers = Clients("retention.bench.opener", processes)
    waits: list[float] = []
    calls = []
    opened = 0
    for _ in range(sizes.withdrawals):
        user = scene.person()
        grant = scene.allowed(voice.app, user)
        job: dict[str, Any] = {
            "app": str(voice.app.id),
            "grant": str(grant.id),
            "threads": max(1, sizes.openers // processes),
            "seconds": 5.0,
        }
        answers: list[dict[str, Any]] = []
        opening = threading.Thread(target=_let, args=[openers, job, answers])
        opening.start()
        while not grant.sessions.exists():
            time.sleep(0.005)
        time.sleep(0.2)
        calls.append(timed(partial(_withdraw, grant, user, waits)))
        opening.join()
        opened += sum(answer["count"] for answer in answers)
        if grant.sessions.filter(closed_at=None).exists():
            raise RuntimeError("a session was opened after the withdrawal")
    openers.close()
    p99 = percentile(waits, 0.99)
    size = {"openers": sizes.openers, "processes": processes, "withdrawals": len(waits), "opened": opened}
    yield Measure(
        "withdrawal.wait.p99", p99, "s", percentile(waits, 0.5), None, "< 0.2", p99 < 0.2, size,
        "how long a withdrawal waits for its lock, and reads the grant, while so many open its sessions; the reference is its p50",
    )  # fmt: skip
    yield Measure(
        "withdrawal.p99", percentile(calls, 0.99), "s", percentile(calls, 0.5), None, sizes=size,
        says="the whole withdrawal, from its call to its commit, with all those sessions to close; the reference is its p50",
    )  # fmt: skip


def _let(openers: Clients, job: dict[str, Any], answers: list[dict[str, Any]]) -> None:
    answers.extend(openers.do(**job))


def _withdraw(grant: Grant, user: User, waits: list[float]) -> None:
    """Withdraw in one transaction, as ever, with the lock taken first; note how long that took."""
    with transaction.atomic():
        waits.append(timed(partial(lock.for_ending, grant.id)))
        withdraw(grant_id=grant.id, user=user, now=timezone.now())


def _stops(port: int, sizes: Sizes) -> Iterator[Measure]:
    """One switch stops all apps of a person, each of which makes speech in one session as fast as it can."""
    receiver = Receiver()
    try:
        voices = [scene.voice(port, f"Stopped {number}") for number in range(sizes.apps)]
        for each in voices:
            Caller(port, each.token).made("/api/v1/hooks", {"event": "session.ended", "target_url": receiver.url})
        refused, told, taken = [], [], []
        for _ in range(sizes.stops):
            one, other, whole = _stop(port, voices, receiver)
            refused.append(one)
            told.append(other)
            taken.append(whole)
    finally:
        receiver.close()
    size = {"apps": sizes.apps, "stops": sizes.stops}
    p99 = percentile(refused, 0.99)
    yield Measure(
        "stop.refused.p99", p99, "s", percentile(refused, 0.5), None, "< 1", p99 < 1, size,
        "from the commit of stop-all to the last app's first record that is not permitted; the reference is its p50",
    )  # fmt: skip
    yield Measure(
        "stop.told.p99", percentile(told, 0.99), "s", percentile(told, 0.5), None, sizes=size,
        says="from the commit of stop-all to the last app's acknowledgement of `session.ended`; the reference is its p50",
    )  # fmt: skip
    yield Measure(
        "stop.p99", percentile(taken, 0.99), "s", percentile(taken, 0.5), None, sizes=size,
        says="stop-all itself, from the call to the commit of the last app's withdrawal; the reference is its p50",
    )  # fmt: skip


def _stop(port: int, voices: list[Voice], receiver: Receiver) -> tuple[float, float, float]:
    """Return the seconds from the commit to the last first refusal, from the commit to the last acknowledgement, and up to the commit."""
    user = scene.person()
    grants = [scene.allowed(voice.app, user) for voice in voices]
    refusals: dict[str, float] = {}

    def speak_on(voice: Voice, grant: Grant) -> None:
        caller = Caller(port, voice.token)
        session = caller.made("/api/v1/sessions", {"grant": str(grant.id)})["id"]
        while caller.made("/api/v1/syntheses", {"session": session, "mark": MARK})["standing"] == "permitted":
            pass
        refusals[str(grant.id)] = time.perf_counter()

    speaking = [threading.Thread(target=speak_on, args=[*each]) for each in zip(voices, grants, strict=True)]
    for each in speaking:
        each.start()
    time.sleep(0.2)
    called = time.perf_counter()
    stop_all(user=user, now=timezone.now())
    committed = time.perf_counter()
    for each in speaking:
        each.join()
    told = max(receiver.wait_for(str(grant.id)) for grant in grants)
    return max(0.0, max(refusals.values()) - committed), max(0.0, told - committed), committed - called
