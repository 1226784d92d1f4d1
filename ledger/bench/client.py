"""One client of the benchmark: a process that appends when it is told to.

`python -m ledger.bench.client` reads one job a line (JSON) and answers each by one line. Jobs: `append` (the real verb, each call a
transaction of its own) and `insert` (one bare INSERT of the same bytes into a table without an index but its key).
"""

import json
import os
import sys
import time
import uuid
from typing import Any

import django

HOLDER = "tenant:bench"
PAYLOAD = {"artifact": "0f0e0d0c-0b0a-4908-8706-050403020100", "seconds": 3.5, "sha256": "0" * 64, "session": "f" * 32}
BARE_TABLE = """
CREATE TABLE IF NOT EXISTS bench_bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, log_id varchar, ref uuid,
    at timestamptz, kind varchar, mark bytea, actor bytea, subject bytea, payload bytea, holder varchar, sealed bytea)
"""
_INSERT = """
INSERT INTO bench_bare (log_id, ref, at, kind, mark, actor, subject, payload, holder, sealed)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def main() -> None:
    """Do jobs until the input ends."""
    django.setup()
    jobs = {"append": append_for, "insert": insert_for}
    print(flush=True)  # noqa: T201 - ready
    for line in sys.stdin:
        job = json.loads(line)
        answer = jobs[job["do"]](job["origin"], job["seconds"])
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


def append_for(origin: str, seconds: float) -> dict[str, Any]:
    """Append until the time is over; return how long it took, and each entry's `ref` with the time of the call."""
    from django.utils import timezone

    from ledger.append import append

    made: list[tuple[str, float]] = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        called = time.time()
        ref = append(
            origin=origin,
            kind="artifact.recorded",
            actor="app:bench",
            payload=PAYLOAD,
            holder=HOLDER,
            now=timezone.now(),
        )
        made.append((str(ref), called))
    return {"seconds": time.perf_counter() - begun, "made": made, "count": len(made)}


def insert_for(origin: str, seconds: float) -> dict[str, Any]:
    """Insert until the time is over."""
    import psycopg
    from django.db import connection
    from django.utils import timezone

    sealed = os.urandom(len(json.dumps(PAYLOAD)) + 330)
    count = 0
    connection.ensure_connection()
    begun = time.perf_counter()
    with psycopg.Cursor(connection.connection) as cursor:
        while time.perf_counter() - begun < seconds:
            hashes = os.urandom(112)
            mark, actor, subject, payload = hashes[:16], hashes[16:48], hashes[48:80], hashes[80:]
            row = (
                origin,
                uuid.uuid4(),
                timezone.now(),
                "artifact.recorded",
                mark,
                actor,
                subject,
                payload,
                HOLDER,
                sealed,
            )
            cursor.execute(_INSERT, row)
            count += 1
    return {"seconds": time.perf_counter() - begun, "count": count}


if __name__ == "__main__":
    main()
