"""The measures of retention, in their order: the lag of expiry, an erasure, the vault, the hooks: `manage.py bench retention`.

The lag is that from each deadline to the moment at which its key was destroyed, synced, as the rows say it. Everything runs as in service:
`manage.py expire`, PostgreSQL durable, the key store on disk, an entry for each step. The bytes of what is due are a few, and written
without a sync, for they are there before the measure begins.
"""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone
from uuid_utils.compat import uuid7

import vault.blobs
from accounts.models import User
from consent.models import Grant
from consent.open_session import Opened, open_session
from consent.register import register_app
from keyring.keys import store
from ledger.bench.measure import Measure, percentile
from retention import request_erasure
from retention.bench import hooks, scene
from retention.bench import vault as vault_bench
from retention.bench.service import running
from retention.models import Artifact
from retention.pursue import pursue
from retention.sweep import sweep
from vault.blobs import Kind

_BATCH = 5_000
_AHEAD = timedelta(days=2)
_TRACKED = """
INSERT INTO retention_artifact (id, kind, media, custody, state, standing, act, subject_id, app_id, grant_id, session_id, recorded_at,
    expires_at, latest_at, is_held, restriction, level, tries, marking, audible_label)
SELECT made.id, 'upload', '{voice}', 'vault', 'active', 'permitted', made.id, %(subject)s, %(app)s, %(grant)s, %(session)s, %(now)s,
    %(now)s + interval '2 days' + made.n * interval '1 ms', NULL, false, '', 'C2', 0, '', ''
FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, %(count)s) AS n) AS made
"""
_DUE = """
COPY retention_artifact (id, kind, media, custody, state, standing, act, subject_id, app_id, grant_id, session_id, recorded_at,
    expires_at, latest_at, is_held, restriction, level, tries, marking, audible_label) FROM STDIN
"""


@dataclass(frozen=True)
class Sizes:
    """How many things, and how long."""

    tracked: int = 1_000_000
    due: int = 100_000
    over: float = 60.0
    """Seconds over which their deadlines are spread."""
    people: int = 200
    workers: int = 1
    """Processes of `manage.py expire`."""
    erased: int = 10_000
    """Artifacts of the one person who is erased."""
    megabytes: int = 256
    memory: int = 2_000
    events: int = 20_000
    rounds: int = 3

    @classmethod
    def quick(cls) -> "Sizes":
        """For a look whether everything runs: the numbers mean nothing."""
        return cls(tracked=2_000, due=300, over=2.0, people=3, erased=100, megabytes=8, memory=64, events=500, rounds=1)

    @classmethod
    def full(cls) -> "Sizes":
        """More of everything."""
        return cls(tracked=5_000_000, due=300_000, over=180.0)


@dataclass(frozen=True)
class _Room:
    """Under what something is recorded."""

    user: User
    grant: Grant
    session: uuid.UUID


def run(sizes: Sizes) -> Iterator[Measure]:
    """Measure everything; yields each number when it is known."""
    made = register_app(
        tenant=scene.tenant(), name="Measured", website="", purposes=[scene.PURPOSE], now=timezone.now()
    )
    rooms = [_room(made.app) for _ in range(sizes.people)]
    yield from _lag(rooms, sizes)
    yield from _erasure(_room(made.app), sizes)
    yield from _vault(sizes)
    yield from hooks.hooks(events=sizes.events)


def _lag(rooms: list[_Room], sizes: Sizes) -> Iterator[Measure]:
    tracked = max(0, sizes.tracked - sizes.due)
    with connection.cursor() as cursor:
        cursor.execute(_TRACKED, {**_columns(rooms[0]), "now": timezone.now(), "count": tracked})
        cursor.execute("ANALYZE retention_artifact")
    # Enough time to write the rest; the processes begin before the first deadline.
    first = timezone.now() + timedelta(seconds=10 + sizes.due / 2_000)
    step = sizes.over / sizes.due
    due = [first + timedelta(seconds=number * step) for number in range(sizes.due)]
    ids = _stored(rooms, due)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE retention_artifact")
    late = (timezone.now() - first).total_seconds()
    with ExitStack() as stack:
        for _ in range(sizes.workers):
            stack.enter_context(running(["-m", "django", "expire"]))
        began = time.monotonic()
        _wait(ids, "state IN ('shredded', 'erased')", seconds=sizes.over * 5 + 120)
        _wait(ids, "state = 'erased'", seconds=sizes.over * 5 + 120)
        lasted = time.monotonic() - began
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM key_destroyed_at - expires_at), extract(epoch FROM erased_at - expires_at)"
            " FROM retention_artifact WHERE id = ANY(%s)",
            [ids],
        )
        rows = [(float(key), float(gone)) for key, gone in cursor.fetchall()]
    size = {"tracked": sizes.tracked, "due": sizes.due, "seconds": sizes.over, "workers": sizes.workers}
    keys = [key for key, _ in rows]
    says = "from the deadline to the destroyed key" + (f"; the bench itself was {late:.0f} s late" if late > 0 else "")
    p50, p99 = percentile(keys, 0.5) * 1000, percentile(keys, 0.99) * 1000
    yield Measure("lag.p50", p50, "ms", sizes=size, says=says)
    yield Measure("lag.p99", p99, "ms", goal="< 1000", met=p99 < 1000, sizes=size, says=says)
    yield Measure(
        "lag.bytes.p99",
        percentile([gone for _, gone in rows], 0.99) * 1000,
        "ms",
        sizes=size,
        says="from the deadline to the deleted bytes",
    )
    yield Measure(
        "expired",
        len(rows) / lasted,
        "1/s",
        sizes=size,
        says="artifacts destroyed, key and bytes, each with two entries",
    )


def _erasure(room: _Room, sizes: Sizes) -> Iterator[Measure]:
    ids = _stored([room], [timezone.now() + _AHEAD] * sizes.erased)
    began = time.monotonic()
    request_erasure.by_subject(user=room.user, app_id=None, now=timezone.now())
    pursue(clock=timezone.now)
    sweep(clock=timezone.now)
    lasted = time.monotonic() - began
    left = Artifact.objects.filter(id__in=ids).exclude(state=Artifact.State.ERASED).count()
    if left:
        raise RuntimeError(f"{left} are left")
    yield Measure(
        "erasure", lasted, "s", goal="< 10", met=lasted < 10, sizes={"artifacts": sizes.erased},
        says="one person's artifacts in the vault, from the request to the last deleted byte, in one process",
    )  # fmt: skip


def _vault(sizes: Sizes) -> Iterator[Measure]:
    speed = vault_bench.speed(size=sizes.megabytes * vault_bench.MB, rounds=sizes.rounds)
    size = {"megabytes": sizes.megabytes, "rounds": sizes.rounds}
    for name, value, bare, ratio in (
        ("vault.write", speed.vault_write, speed.bare_write, speed.write_ratio),
        ("vault.read", speed.vault_read, speed.bare_read, speed.read_ratio),
    ):
        yield Measure(name, value, "MB/s", bare, ratio, "ratio >= 0.7", ratio >= 0.7, size, "the reference is bare AES-GCM of `cryptography`")  # fmt: skip
        yield Measure(f"{name}.copy", value, "MB/s", speed.copy, value / speed.copy, sizes=size, says="the reference is a plain copy of the file")  # fmt: skip
    held = vault_bench.memory(size=sizes.memory * vault_bench.MB)
    yield Measure("vault.memory", held / vault_bench.MB, "MB", sizes={"megabytes": sizes.memory}, says="the most a process held more while it wrote and read such a file")  # fmt: skip


def _room(app: object) -> _Room:
    user = scene.person()
    grant = scene.allowed(app, user)  # type: ignore[arg-type]
    opened = open_session(app=grant.app, grant_id=grant.id, operations=None, now=timezone.now())
    if not isinstance(opened, Opened):
        raise TypeError("the session was refused")
    return _Room(user, grant, opened.session.id)


def _columns(room: _Room) -> dict[str, uuid.UUID]:
    grant = room.grant
    return {"subject": grant.subject_id, "app": grant.app_id, "grant": grant.id, "session": room.session}


def _stored(rooms: list[_Room], due: list[datetime]) -> list[uuid.UUID]:
    """Write keys, bytes and rows of artifacts with these deadlines, of the people in turn; return their ids."""
    ids = [uuid7() for _ in due]
    now = timezone.now()
    storage = vault.blobs._storage(Kind.VOICE)  # noqa: SLF001 - the vault itself syncs each file, which takes hours here
    for start in range(0, len(ids), _BATCH):
        some = ids[start : start + _BATCH]
        store().put({f"{Kind.VOICE.prefix}{blob}": os.urandom(32) for blob in some}, now=now)
        for blob in some:
            path = Path(storage.path(vault.blobs._path(blob)))  # noqa: SLF001
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"sealed")
        with connection.cursor() as cursor, cursor.copy(_DUE) as copy:
            for number, blob in enumerate(some, start):
                room = rooms[number % len(rooms)]
                where = _columns(room)
                known = (blob, "upload", ["voice"], "vault", "active", "permitted", blob)
                named = (where["subject"], where["app"], where["grant"], where["session"])
                copy.write_row((*known, *named, now, due[number], None, False, "", "C2", 0, "", ""))
    return ids


def _wait(ids: list[uuid.UUID], so: str, *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM retention_artifact WHERE id BETWEEN %s AND %s AND NOT ({so})",  # noqa: S608 - constants
                [ids[0], ids[-1]],
            )
            if cursor.fetchone() == (0,):
                return
        time.sleep(1)
    raise RuntimeError(f"not all of it went within {seconds:.0f} s, as {settings.VAR} shows")
