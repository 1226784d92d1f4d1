"""The measures of the ledger, in their order: appends alone, appends with everything running, a large log, proofs, verification, others."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone

from keyring.keys import store
from ledger.bench import others
from ledger.bench.client import BARE_TABLE, HOLDER
from ledger.bench.measure import Measure, Sizes, percentile
from ledger.bench.processes import ENVIRONMENT, Clients, command, family_bytes, one, rate, resident_bytes
from ledger.folder import folder_of
from ledger.models import Entry, Log
from ledger.prove import prove
from ledger.queries import entry_by_ref
from ledger.sequence import BATCH
from ledger.signing import open_log

MEGABYTE = 1e6
_FILL = """
INSERT INTO ledger_pending (log_id, ref, at, kind, mark, actor, subject, payload)
SELECT %s, gen_random_uuid(), now(), 'artifact.recorded', uuid_send(gen_random_uuid()), sha256(int8send(i)), sha256(int8send(-i)),
    sha256(uuid_send(gen_random_uuid())) FROM generate_series(1, %s) i
"""
_RAW_TABLE = """
CREATE TABLE IF NOT EXISTS bench_raw (log_id varchar, index bigint, ref uuid, leaf bytea, leaf_hash bytea, PRIMARY KEY (log_id, index))
"""
_ENTRY_BYTES = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('ledger_entry') WHERE isleaf"


def run(sizes: Sizes) -> Iterator[Measure]:
    """Measure everything; yields each number when it is known."""
    now = timezone.now()
    store().make(HOLDER, now=now)
    for origin in ("bench.local/appends", "bench.local/load", "bench.local/large"):
        open_log(origin=origin, now=now)
    with connection.cursor() as cursor:
        cursor.execute(BARE_TABLE)
        cursor.execute(_RAW_TABLE)
    ours: dict[str, float] = {}
    clients = Clients("ledger.bench.client", sizes.clients)
    yield from _appends(clients, sizes, ours)
    with ExitStack() as stack:
        served = _Served(stack.enter_context(command("sequence")), stack.enter_context(command("publish")))
        yield from _latency(clients, sizes)
        clients.close()
        yield from _large(served, sizes, ours)
    yield from _proofs(sizes, ours)
    leaves = [bytes(leaf) for leaf in _first_leaves(sizes.others).values_list("leaf", flat=True)]
    yield from others.measures(
        folder=Path(settings.VAR), leaves=leaves, clients=sizes.clients, seconds=sizes.seconds, ours=ours
    )


@dataclass(frozen=True)
class _Served:
    """The process ids of the service's own processes."""

    sequencer: int
    publisher: int


def _appends(clients: Clients, sizes: Sizes, ours: dict[str, float]) -> Iterator[Measure]:
    origin = "bench.local/appends"
    for do in ("append", "insert"):  # connections, caches
        clients.do(do=do, origin=origin, seconds=min(1.0, sizes.seconds))
    real, bare = [], []
    for _ in range(sizes.rounds):
        real.append(rate(clients.do(do="append", origin=origin, seconds=sizes.seconds)))
        bare.append(rate(clients.do(do="insert", origin=origin, seconds=sizes.seconds)))
    value, reference = sum(real) / sizes.rounds, sum(bare) / sizes.rounds
    ours["appends"] = value
    size = {"clients": sizes.clients, "seconds": sizes.seconds * sizes.rounds}
    yield Measure(
        "appends", value, "1/s", reference, value / reference, ">= 2500", value >= 2500, size,
        "single durable appends; the reference is a bare INSERT of the same bytes",
    )  # fmt: skip
    yield Measure(
        "appends.ratio", value / reference, "", None, None, ">= 0.8", value / reference >= 0.8, size,
        "the same, as a share of the reference",
    )  # fmt: skip
    entries = one("SELECT count(*) FROM ledger_opening")
    size_on_disk = one("SELECT pg_total_relation_size('ledger_opening')")
    yield Measure(
        "disk.opening", size_on_disk / entries, "B", sizes={"entries": entries}, says="one opening with its indexes"
    )


def _latency(clients: Clients, sizes: Sizes) -> Iterator[Measure]:
    """From the call of append to the published checkpoint that covers it, with all clients appending as fast as they can."""
    origin = "bench.local/load"
    heads = _Heads(origin)
    heads.start()
    clients.do(do="append", origin=origin, seconds=min(1.0, sizes.seconds))
    heads.wait_for(_appended(origin))
    answers = clients.do(do="append", origin=origin, seconds=sizes.seconds)
    called = {ref: at for answer in answers for ref, at in answer["made"]}
    heads.wait_for(_appended(origin))
    heads.stop()
    index = {str(ref): number for ref, number in Entry.objects.filter(log=origin).values_list("ref", "index")}
    taken, seen = [], iter(heads.seen)
    at, size = 0.0, 0
    for number, ref in sorted((index[ref], ref) for ref in called):
        while size <= number:
            at, size = next(seen)
        taken.append(at - called[ref])
    p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
    size_of = {"clients": sizes.clients, "entries": len(taken), "appends a second": round(rate(answers))}
    says = "from the call of append to the published checkpoint that covers it"
    yield Measure("checkpoint.p50", p50, "s", sizes=size_of, says=says)
    yield Measure("checkpoint.p99", p99, "s", goal="< 1", met=p99 < 1, sizes=size_of, says=says)


def _appended(origin: str) -> int:
    return int(
        one(
            "SELECT (SELECT size FROM ledger_log WHERE origin = %s) + count(*) FROM ledger_pending WHERE log_id = %s",
            origin,
            origin,
        )
    )


class _Heads(threading.Thread):
    """Looks at a log's published checkpoint every few milliseconds and notes when it saw which size."""

    def __init__(self, origin: str) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[float, int]] = []
        self._path = folder_of(origin) / "checkpoint"
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._ended.wait(0.002):
            size = published_size(self._path)
            if size and (not self.seen or self.seen[-1][1] != size):
                self.seen.append((time.time(), size))

    def wait_for(self, size: int) -> None:
        """Wait until this size is published."""
        while not self.seen or self.seen[-1][1] < size:
            time.sleep(0.01)

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self.join()


def published_size(path: Path) -> int:
    """Return the size in a checkpoint file, 0 if there is none."""
    try:
        return int(path.read_bytes().split(b"\n", 2)[1])
    except FileNotFoundError:
        return 0


def _large(served: _Served, sizes: Sizes, ours: dict[str, float]) -> Iterator[Measure]:
    """Fill a log portion by portion: rate, memory, disk, verification."""
    origin = "bench.local/large"
    portion = sizes.entries // sizes.portions
    taken = raw = 0.0
    memory: list[_Memory] = []
    written = sequenced = 0
    rates: list[float] = []
    for number in range(1, sizes.portions + 1):
        with connection.cursor() as cursor:
            cursor.execute(_FILL, [origin, portion])
        lsn, begun = one("SELECT pg_current_wal_lsn()"), time.perf_counter()
        while published_size(folder_of(origin) / "checkpoint") < number * portion:
            time.sleep(0.005)
        rates.append(portion / (time.perf_counter() - begun))
        taken += time.perf_counter() - begun
        written += one("SELECT pg_current_wal_lsn() - %s::pg_lsn", str(lsn))
        sequenced += portion
        raw += _raw_copy(origin, (number - 1) * portion, min(sizes.sample, portion))
        if number in {1, sizes.portions}:
            verified = _verify(origin)
            memory.append(
                _Memory(resident_bytes(served.sequencer), resident_bytes(served.publisher), int(verified["memory"]))
            )
    value = sequenced / taken
    reference = min(sizes.sample, portion) * sizes.portions / raw
    ours["sequencing"] = value
    size = {
        "entries": sizes.entries,
        "batch": BATCH,
        "first portion": round(rates[0]),
        "last portion": round(rates[-1]),
    }
    yield Measure(
        "sequencing", value, "1/s", reference, value / reference, ">= 20000", value >= 20_000, size,
        "from pending to the published checkpoint, by both processes; the reference is COPY of the same rows with a bare SHA-256 chain",
    )  # fmt: skip
    yield Measure(
        "sequencing.ratio", value / reference, "", None, None, ">= 0.4", value / reference >= 0.4, size,
        "the same, as a share of the reference",
    )  # fmt: skip
    size = {"entries": sizes.entries}
    yield Measure(
        "disk.entry", float(one(_ENTRY_BYTES)) / _all_entries(), "B", sizes=size, says="an entry's row with its indexes"
    )
    yield Measure(
        "disk.wal", float(written) / sequenced, "B", sizes=size, says="WAL written while it got its place; reused later"
    )
    yield Measure("disk.files", _files_bytes(origin) / sizes.entries, "B", sizes=size, says="bundles and tiles")
    yield _verification(verified, sizes)
    yield from _flat(memory, sizes)


@dataclass(frozen=True)
class _Memory:
    sequencer: int
    publisher: int
    verifier: int


def _flat(memory: list[_Memory], sizes: Sizes) -> Iterator[Measure]:
    size = {"from": sizes.entries // sizes.portions, "to": sizes.entries}
    for name in ("sequencer", "publisher", "verifier"):
        first, last = getattr(memory[0], name) / MEGABYTE, getattr(memory[-1], name) / MEGABYTE
        yield Measure(
            f"memory.{name}", last, "MB", first, last / first, "ratio <= 1.2", last / first <= 1.2, size,
            "resident memory with the whole log; the reference is the same after the first portion",
        )  # fmt: skip


def _raw_copy(origin: str, first: int, count: int) -> float:
    """COPY rows that are already in memory with a chain of hashes, as many a transaction as the sequencer takes; return the seconds."""
    rows = list(
        Entry.objects.filter(log=origin, index__gte=first, index__lt=first + count).values_list(
            "log_id", "index", "ref", "leaf"
        )
    )
    rows = [(name, index, ref, bytes(leaf)) for name, index, ref, leaf in rows]
    head = bytes(32)
    begun = time.perf_counter()
    for start in range(0, count, BATCH):
        with (
            psycopg.Cursor(connection.connection) as cursor,
            cursor.copy("COPY bench_raw FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["varchar", "int8", "uuid", "bytea", "bytea"])
            for row in rows[start : start + BATCH]:
                head = sha256(head + row[3]).digest()
                copy.write_row((*row, head))
    taken = time.perf_counter() - begun
    with connection.cursor() as owner:
        owner.execute("TRUNCATE bench_raw")
    return taken


def _verify(origin: str) -> dict[str, Any]:
    """Verify in processes of their own; return how long it took, and the most memory that they had together."""
    vkey = Log.objects.get(origin=origin).vkey
    argv = [sys.executable, "-m", "ledger.bench.verifier", str(folder_of(origin)), vkey, str(os.cpu_count() or 1)]
    with subprocess.Popen(  # noqa: S603 - this program
        argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT}
    ) as process:
        memory = 0
        while process.poll() is None:
            memory = max(memory, family_bytes(process.pid))
            time.sleep(0.05)
        answer: dict[str, Any] = json.loads(process.stdout.read() if process.stdout else "")
    if answer["found"]:
        raise RuntimeError(f"the log does not verify: {answer['found'][0]}")
    return {**answer, "memory": memory}


def _verification(verified: dict[str, Any], sizes: Sizes) -> Measure:
    """The reference is one core that hashes the same bytes, and nothing else."""
    bundles = sorted((folder_of("bench.local/large") / "tile" / "entries").rglob("*"))
    taken, read = 0.0, 0
    for path in bundles[:2000]:
        if path.is_file() and ".p" not in path.parent.name:
            data = path.read_bytes()
            leaves = [data[at : at + 493] for at in range(0, len(data), 495)]
            begun = time.perf_counter()
            for leaf in leaves:
                sha256(leaf).digest()
            taken += time.perf_counter() - begun
            read += len(leaves)
    value = sizes.entries / verified["seconds"]
    reference = read / taken
    return Measure(
        "verification", value, "1/s", reference, value / reference, ">= 200000", value >= 200_000,
        {"entries": sizes.entries, "processes": os.cpu_count() or 1},
        "a whole log from its files, every entry; the reference is one core that only hashes as many bytes",
    )  # fmt: skip


def _proofs(sizes: Sizes, ours: dict[str, float]) -> Iterator[Measure]:
    log = Log.objects.get(origin="bench.local/large")
    chosen = random.sample(range(sizes.entries), min(sizes.proofs, sizes.entries))
    refs = dict(Entry.objects.filter(log=log, index__in=chosen).values_list("index", "ref"))
    times = []
    for index in chosen:
        begun = time.perf_counter()
        entry = entry_by_ref(ref=refs[index])
        if entry is None or not prove(entry):
            raise RuntimeError("an entry has no proof")
        times.append((time.perf_counter() - begun) * 1000)
    ours["proof"] = percentile(times, 0.99)
    size = {"entries": sizes.entries, "proofs": len(chosen)}
    says = "a `.tlog-proof` by the entry's id: one row, the checkpoint's signature, a few tiles"
    yield Measure("proof.p50", percentile(times, 0.5), "ms", sizes=size, says=says)
    yield Measure("proof.p99", ours["proof"], "ms", goal="< 5", met=ours["proof"] < 5, sizes=size, says=says)


def _first_leaves(count: int) -> Any:
    return Entry.objects.filter(log="bench.local/large", index__lt=count).order_by("index")


def _all_entries() -> int:
    return int(one("SELECT sum(size) FROM ledger_log"))


def _files_bytes(origin: str) -> int:
    return sum(path.stat().st_size for path in folder_of(origin).rglob("*") if path.is_file())
