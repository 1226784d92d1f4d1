"""`consonant bench`: what the SDK costs beside a bare call, and what the guard holds in memory. JSON lines, one a measurement.

    {"bench": "sdk", "calls": 200, "bare_p50_ms": ..., "sdk_p50_ms": ..., "overhead_p50_ms": ..., "overhead_p95_ms": ...}
    {"bench": "guard", "seconds": 10, "rss_mb": ...}
    {"bench": "redact", "p50_ms": ..., "p99_ms": ..., "realtime": ...}      with [redact]: a second of audio

Both calls record the same thing on kept connections, by turns, each first as often as the other, so that the service's own time falls out: the overhead's p50 is the median
of the differences of neighbours, its p95 the difference of the two p95. The records are
real: measure with a test person's grant.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from consonant.errors import ConsonantError

if TYPE_CHECKING:
    from consonant.client import Client

_WARM: Final = 10


def overhead(client: Client, grant: str, *, calls: int = 200) -> dict[str, Any]:
    """Return milliseconds of a record by the SDK and by `httpx` alone, p50 and p95, and their difference. The grant covers `embed`."""
    import httpx

    from consonant import protocol
    from consonant.wire import run

    bare: list[float] = []
    ours: list[float] = []
    with client.grant(grant) as use, httpx.Client(base_url=client.settings.url, trust_env=False) as api:
        token = run(client.login._fresh(protocol.CALLING), client.send)  # noqa: SLF001 - the same token for both
        api.headers["Authorization"] = f"Bearer {token}"

        def barely() -> None:
            body = {"session": use.session, "dimensions": 192, "custody": "none"}
            answer = api.post("/api/v1/embeddings", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
            answer.raise_for_status()

        for number in range(calls + _WARM):
            both = [(bare, barely), (ours, lambda: use.embed(dimensions=192))]
            for times, act in both if number % 2 else reversed(both):
                began = time.perf_counter()
                act()
                if number >= _WARM:
                    times.append((time.perf_counter() - began) * 1000)
    found = {
        "bare_p50_ms": _at(bare, 50),
        "sdk_p50_ms": _at(ours, 50),
        "bare_p95_ms": _at(bare, 95),
        "sdk_p95_ms": _at(ours, 95),
    }
    return {
        "bench": "sdk",
        "calls": calls,
        **found,
        "overhead_p50_ms": round(statistics.median(one - other for one, other in zip(ours, bare, strict=True)), 2),
        "overhead_p95_ms": round(found["sdk_p95_ms"] - found["bare_p95_ms"], 2),
    }


def guard_memory(*, seconds: float = 10.0, files: int = 200, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the resident memory of a guard, in MB, after it saw `files` clips and worked for so long. `env`: its service and token, if there is one."""
    with TemporaryDirectory() as name:
        folder = Path(name, "outputs")
        folder.mkdir()
        given = {"CONSONANT_URL": "http://127.0.0.1:9", "CONSONANT_AGENT_TOKEN": "none", **(env or {})}
        command = [sys.executable, "-m", "consonant", "guard", "--watch", str(folder)]
        child = subprocess.Popen(  # noqa: S603 - ourselves
            command, env={**os.environ, **given, "CONSONANT_STATE": str(Path(name, "state"))}, stderr=subprocess.DEVNULL
        )
        try:
            time.sleep(seconds / 2)
            for number in range(files):
                (folder / f"{number}.wav").write_bytes(b"RIFF")
            time.sleep(seconds / 2)
            import psutil

            resident = psutil.Process(child.pid).memory_info().rss
        finally:
            child.terminate()
            child.wait(timeout=15)
    return {"bench": "guard", "seconds": seconds, "files": files, "rss_mb": round(resident / 1e6, 1)}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's parser."""
    about = "what the SDK and the guard cost here"
    made = commands.add_parser("bench", help=about, description=__doc__, allow_abbrev=False)
    made.add_argument(
        "--grant", metavar="ID", help="a test person's grant that covers embed; without it only the guard is measured"
    )
    made.add_argument("--calls", type=int, default=200, metavar="N")
    made.add_argument("--seconds", type=float, default=10.0, metavar="S", help="how long the guard works")
    made.set_defaults(program=run)


def run(args: argparse.Namespace) -> int:
    """Measure, and print; return the exit status."""
    try:
        for each in _measured(args):
            sys.stdout.write(f"{json.dumps(each)}\n")
            sys.stdout.flush()
    except (ConsonantError, ImportError) as error:
        sys.stderr.write(f"consonant bench: {error}\n")
        return 1
    return 0


def _measured(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if args.grant:
        from consonant.client import Client

        with Client.from_env() as client:
            yield overhead(client, args.grant, calls=args.calls)
    yield guard_memory(seconds=args.seconds)
    try:
        from consonant.redact.bench import latency

        yield {"bench": "redact", **latency()}
    except ImportError:  # without [redact] there is nothing to measure
        return


def _at(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100)[percent - 1], 2)
