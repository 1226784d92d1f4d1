"""The embedded PostgreSQL and Redis: their initialisation, their commands, their addresses.

The wheels' *programs* run as plain foreground children; the wheels' own start-up code is never imported (it leaves servers
behind, and locks a file which a second account cannot open). See design.md, "Storage and processes".

Invariants:

- A database is whole or absent: it is made in a folder beside its own, then renamed. A crash leaves a folder that the next
  start deletes.
- No TCP. Sockets are closed to other accounts; PostgreSQL lets in this account only, as `consonant`, the service, or as
  `consonant_owner`, who owns the database and changes its schema. Neither is a superuser, who has no way in at all.
- A database that an earlier version made, owned by the service itself, is handed to the owner before it starts, in single-user mode. The
  list of names comes last: a crash before leaves a database that the next start hands over again, to the same end.
- PostgreSQL's log names no values (terse, no statements).
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psycopg

from deploy import child
from deploy.child import Program
from deploy.errors import DISK_FULL, CannotStart, ProgramFailed, says_disk_full
from deploy.place import POSTGRES_MAJOR, Place, Say, give, own_name, plain_environment, run_as, settle

START_SECONDS = 60.0
END_SECONDS = 20.0
CREATE = """
CREATE ROLE consonant LOGIN;

CREATE DATABASE consonant;

"""
HAND_OVER = """
DO $$ BEGIN
    IF to_regrole('consonant_owner') IS NULL THEN
        CREATE ROLE consonant_owner LOGIN CREATEDB;
    END IF;
END $$;

ALTER DATABASE consonant OWNER TO consonant_owner;

REASSIGN OWNED BY consonant TO consonant_owner;

ALTER ROLE consonant NOCREATEDB;

"""
ACCESS_FILES = ("pg_hba.conf", "pg_ident.conf")
ACCESS = "local all consonant,consonant_owner peer map=consonant\n"


def database_url(place: Place) -> str:
    """Address of the embedded database for the service, for libpq and for Django."""
    return f"postgresql://consonant@/consonant?host={place.sockets}"


def owner_url(place: Place) -> str:
    """Address of the embedded database for its owner."""
    return f"postgresql://consonant_owner@/consonant?host={place.sockets}"


def as_service(owner: str) -> str:
    """Turn the owner's address into the service's."""
    return owner.replace("//consonant_owner@", "//consonant@")


def broker_url(place: Place) -> str:
    """Address of the embedded broker, for Celery."""
    return f"redis+socket://{place.sockets}/redis.sock"


def postgres_program(place: Place, *, durable: bool = True) -> Program:
    """Say how PostgreSQL runs. SIGINT is its fast shutdown."""
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(place.sockets),
        "unix_socket_permissions": "0700",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "lc_messages": "C",
    }
    if not durable:
        # No autovacuum either: its workers belong to the superuser, and one at work keeps a database from being dropped.
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return _program(
        place, [f"{place.postgres}/bin/postgres", "-D", str(place.home / "postgres"), *settings], death_signal="SIGINT"
    )


def redis_program(place: Place) -> Program:
    """Say how Redis runs: on its socket, in memory. Its loss costs nothing, for the database is the truth."""
    options = {
        "port": "0",
        "unixsocket": f"{place.sockets}/redis.sock",
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "dir": str(place.home / "redis"),
    }
    return _program(
        place,
        [str(place.redis), *(word for name, value in options.items() for word in (f"--{name}", value))],
        death_signal="SIGTERM",
    )


def _program(place: Place, argv: list[str], *, death_signal: str) -> Program:
    return Program(
        argv=argv,
        cwd=str(place.home),
        env=plain_environment(),
        inherit=False,
        account=place.account,
        death_signal=death_signal,
    )


def programs(place: Place, *, durable: bool) -> dict[str, Program]:
    """Say how the servers of this place run."""
    rows = {"postgres": postgres_program(place, durable=durable)} if place.postgres else {}
    return rows | ({"redis": redis_program(place)} if place.redis else {})


def wait(place: Place, *, alive: Callable[[], None]) -> None:
    """Wait until the servers of this place answer. `alive` raises where a program has ended."""
    if place.postgres:
        wait_for_postgres(place, alive=alive)
    if place.redis:
        wait_for_redis(place, alive=alive)


def check_database(data: Path, *, uid: int) -> bool:
    """Say whether a whole database is there; raise where something else is."""
    if not data.exists():
        return False
    if not data.is_dir():
        raise CannotStart(f"{data} is not a folder: move it away and start again.")
    if not any(data.iterdir()):
        data.rmdir()
        return False
    version = data / "PG_VERSION"
    if not version.is_file() or not (data / "global" / "pg_control").is_file():
        raise CannotStart(
            f"{data} is not a whole database: move it away to begin with an empty one, or bring back its backup."
        )
    major = version.read_text(encoding="ascii").strip()
    if major != POSTGRES_MAJOR:
        raise CannotStart(
            f"{data} was made by PostgreSQL {major} and this is {POSTGRES_MAJOR}: dump it with {major} and restore it, or move it away."
        )
    if data.stat().st_uid != uid:
        raise CannotStart(
            f"{data} belongs to another account (number {data.stat().st_uid}): start the service as the account that made it."
        )
    return True


def prepare(place: Place, *, durable: bool, say: Say) -> None:
    """Make what is missing (the database, the folder of Redis) and clear what a killed server left."""
    if place.redis:
        folder = place.home / "redis"
        if not folder.is_dir():
            folder.mkdir()
            give(folder, place.account)
    if not place.postgres:
        return
    data = place.home / "postgres"
    uid = place.account["uid"] if place.account else os.geteuid()
    for half in place.home.glob("postgres-new-*"):
        shutil.rmtree(half)
    if check_database(data, uid=uid):
        _clear_stale_locks(place, data)
        if not all("consonant_owner" in (data / file).read_text(encoding="utf-8") for file in ACCESS_FILES):
            say("Giving the database an owner of its own")
            _wait_until_free(data)
            _clear_stale_locks(place, data)
            _hand_over(place, data, durable=durable)
        return
    say("Making the database")
    fresh = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=place.home))
    give(fresh, place.account)
    try:
        _initialise(place, fresh, durable=durable)
    except ProgramFailed:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    fresh.rename(data)
    parent = os.open(place.home, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _initialise(place: Place, data: Path, *, durable: bool) -> None:
    programs = place.postgres
    initdb = [
        *(f"{programs}/bin/initdb", "--pgdata", str(data), "--username=postgres", "--auth=peer", "--encoding=UTF8"),
        *(
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
            "--no-instructions",
        ),
        *([] if durable else ["--no-sync"]),
    ]
    first = _single(place, data, durable=durable, database="postgres")
    _carry_out(place, [(initdb, ""), (first, CREATE)], failed="The database could not be made.")
    _hand_over(place, data, durable=durable)


def _hand_over(place: Place, data: Path, *, durable: bool) -> None:
    """Let `consonant_owner` own the database, and both names in. It can be repeated."""
    name = own_name().replace('"', '""')
    names = "".join(f'consonant "{name}" {role}\n' for role in ("consonant", "consonant_owner"))
    steps = [(_single(place, data, durable=durable, database="consonant"), HAND_OVER)]
    for file, text in zip(ACCESS_FILES, (ACCESS, names), strict=True):
        steps += [
            (["tee", str(data / f"{file}.new")], text),
            *([(["sync", str(data / f"{file}.new")], "")] if durable else []),
            (["mv", str(data / f"{file}.new"), str(data / file)], ""),
        ]
    _carry_out(place, steps, failed="The database could not be given an owner of its own.")


def _single(place: Place, data: Path, *, durable: bool, database: str) -> list[str]:
    """Say how PostgreSQL runs alone, as its superuser, for what it reads."""
    return [
        f"{place.postgres}/bin/postgres",
        "--single",
        "-j",
        "-D",
        str(data),
        "-c",
        "exit_on_error=true",
        *([] if durable else ["-F"]),
        database,
    ]


def _carry_out(place: Place, steps: list[tuple[list[str], str]], *, failed: str) -> None:
    for argv, text in steps:
        done = run_as(place.account, argv, cwd=place.home, text=text)
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).splitlines()
            raise ProgramFailed(DISK_FULL if says_disk_full(lines) else failed, lines[-20:])


def _wait_until_free(data: Path) -> None:
    """Wait for the single-user server of a start that was killed: it ends by itself, having read all it was given."""
    deadline = time.monotonic() + END_SECONDS
    while (data / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _clear_stale_locks(place: Place, data: Path) -> None:
    """Delete the locks of a server that is gone, for its number may by now be another process of this account."""
    note = data / "postmaster.pid"
    try:
        pid = abs(int(note.read_text(encoding="utf-8").split("\n", 1)[0]))  # in single-user mode it is negative
    except (OSError, ValueError):
        pid = 0
    process = Path(f"/proc/{pid}")
    if not Path("/proc/self").exists() or (
        process.exists() and "postgres" in (process / "comm").read_text(encoding="utf-8")
    ):
        return
    for stale in (note, place.sockets / ".s.PGSQL.5432", place.sockets / ".s.PGSQL.5432.lock"):
        stale.unlink(missing_ok=True)


def wait_for_postgres(place: Place, *, alive: Callable[[], None]) -> None:
    """Wait until the database answers. `alive` raises where its program has ended."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        alive()
        try:
            psycopg.connect(database_url(place), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise CannotStart(f"PostgreSQL does not answer: {str(error).splitlines()[0]}") from error
            time.sleep(0.05)
        else:
            return


def wait_for_redis(place: Place, *, alive: Callable[[], None]) -> None:
    """Wait until the broker answers. `alive` raises where its program has ended."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        alive()
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            connection.connect(f"{place.sockets}/redis.sock")
            connection.sendall(b"PING\r\n")
            if connection.recv(7) == b"+PONG\r\n":
                return
        if time.monotonic() > deadline:
            raise CannotStart("Redis does not answer.")
        time.sleep(0.05)


@contextlib.contextmanager
def serve(var: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True) -> Iterator[tuple[str, str]]:
    """Run the servers without a supervisor while the block runs; yields (the owner's database_url, broker_url).

    An address is empty where its server was not asked for. With `durable` false nothing is synced, and the data lies in a
    folder of its own which the end deletes. Call it from the main thread: the servers die with the thread that calls.
    """
    (var / "run").mkdir(parents=True, exist_ok=True)
    (var / "log").mkdir(exist_ok=True)
    place = settle(var=var, postgres=postgres, redis=redis, say=_silent, throwaway=not durable)
    watched: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
    running: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
    try:
        prepare(place, durable=durable, say=_silent)
        listing = var / "run" / "servers.json"
        listing.write_text(json.dumps(programs(place, durable=durable)), encoding="utf-8")
        for name, program in programs(place, durable=durable).items():
            log = var / "log" / f"{name}.log"
            process = start(name, listing=listing, log=log)
            running.append((process, signal.Signals[program["death_signal"]]))
            watched[name] = (process, log)
        wait(place, alive=lambda: _raise_if_ended(watched))
        yield owner_url(place) if postgres else "", broker_url(place) if redis else ""
    finally:
        for process, farewell in running:
            process.send_signal(farewell)
        for process, _ in running:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if not durable:
            shutil.rmtree(place.sockets, ignore_errors=True)


def start(
    name: str, *, listing: Path, log: Path, environment: dict[str, str] | None = None, lock: IO[str] | None = None
) -> subprocess.Popen[bytes]:
    """Start one program of `listing`, tied to this process's life, its output added to `log`; it holds `lock` while it lives."""
    own = {
        **(plain_environment() if environment is None else environment),
        "CONSONANT_PROGRAMS": str(listing),
        "CONSONANT_PARENT": str(os.getpid()),
    }
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-P", child.__file__, name],
            stdin=lock or subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=own,
            start_new_session=True,
        )


def _raise_if_ended(watched: dict[str, tuple[subprocess.Popen[bytes], Path]]) -> None:
    for name, (process, log) in watched.items():
        if process.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
            raise ProgramFailed(
                DISK_FULL if says_disk_full(lines) else f"{name} ended with {process.returncode}.", lines
            )


def _silent(_: str) -> None:
    """Say nothing."""
