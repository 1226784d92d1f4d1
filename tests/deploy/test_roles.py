"""The embedded database has an owner apart from the service, also one that an earlier version made."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from deploy import embedded, place
from deploy.errors import ProgramFailed
from tests.deploy.stack import PROJECT


@pytest.fixture
def var(tmp_path):
    yield tmp_path
    for name in ("servers", "sockets"):
        if (tmp_path / "run" / name).is_file():
            shutil.rmtree((tmp_path / "run" / name).read_text().strip(), ignore_errors=True)


EARLIER_SQL = "CREATE ROLE consonant LOGIN CREATEDB;\n\nCREATE DATABASE consonant OWNER consonant;\n\n"
EARLIER_TABLE = "SET ROLE consonant; CREATE TABLE kept AS SELECT 7 AS at; CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1;\n\n"


def settled(var):
    (var / "run").mkdir(exist_ok=True)
    (var / "log").mkdir(exist_ok=True)
    return place.settle(var=var, postgres=True, redis=False, say=lambda _: None)


def make_earlier(var, monkeypatch):
    """Make a database as the version before the roles did, with a table in it."""
    where = settled(var)
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "CREATE", EARLIER_SQL)
        patch.setattr(embedded, "HAND_OVER", EARLIER_TABLE)
        embedded.prepare(where, durable=False, say=lambda _: None)
    data = where.home / "postgres"
    (data / "pg_hba.conf").write_text("local all consonant peer map=consonant\n")
    (data / "pg_ident.conf").write_text(f'consonant "{place.own_name()}" consonant\n')
    return where


def check(owner):
    """Look at what the hand-over should have made of it."""
    with psycopg.connect(owner, autocommit=True) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("consonant_owner",)
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname LIKE 'cons%'"
        )
        assert sorted(rows) == [("consonant", False, False, False), ("consonant_owner", False, False, True)]
        assert connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'kept'").fetchone() == (
            "consonant_owner",
        )
        assert connection.execute("SELECT at FROM kept").fetchone() == (7,)
        assert connection.execute("SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'f'").fetchone() == (
            "consonant_owner",
        )
        connection.execute("CREATE TABLE more (at int)")
    with psycopg.connect(embedded.as_service(owner), autocommit=True) as connection:
        for statement in (
            "SELECT at FROM kept",
            "CREATE TABLE mine (at int)",
            "DROP TABLE kept",
            "SET ROLE consonant_owner",
        ):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)


def test_an_earlier_database_is_handed_over_once(var, monkeypatch):
    make_earlier(var, monkeypatch)
    with embedded.serve(var, redis=False) as (owner, _):
        check(owner)
    monkeypatch.setattr(embedded, "_hand_over", lambda *_, **__: pytest.fail("handed over again"))
    with embedded.serve(var, redis=False):
        pass


def stop_after(steps, where, monkeypatch):
    done = []

    def run_as(account, argv, **words):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(argv)
        return place.run_as(account, argv, **words)

    with monkeypatch.context() as patch:
        patch.setattr(embedded, "run_as", run_as)
        with pytest.raises(KeyboardInterrupt):
            embedded.prepare(where, durable=False, say=lambda _: None)
    assert len(done) == steps


def test_a_hand_over_that_stopped_after_any_step_is_finished_by_the_next_start(var, monkeypatch):
    where = make_earlier(var, monkeypatch)
    for steps in range(5):
        stop_after(steps, where, monkeypatch)
    with embedded.serve(var, redis=False) as (owner, _):
        check(owner)


def test_a_failed_hand_over_says_so_and_leaves_the_database(var, monkeypatch):
    where = make_earlier(var, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "HAND_OVER", "SELECT 1 / 0;\n\n")
        with pytest.raises(ProgramFailed, match="an owner of its own"):
            embedded.prepare(where, durable=False, say=lambda _: None)
    with embedded.serve(var, redis=False) as (owner, _):
        check(owner)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_killed_in_the_hand_over_again_and_again_it_is_finished(var, monkeypatch):
    """At moments that lie ever later; by turns with the server that it runs alone, which else goes on for a while."""
    make_earlier(var, monkeypatch)
    program = (
        "import sys; from pathlib import Path; from deploy import embedded, place; "
        "p = place.settle(var=Path(sys.argv[1]), postgres=True, redis=False, say=print); print('ready', flush=True); "
        "embedded.prepare(p, durable=True, say=print)"
    )
    for moment, kill in zip((0.03, 0.1, 0.2, 0.4), 2 * (os.kill, os.killpg), strict=True):
        start = subprocess.Popen(
            [sys.executable, "-c", program, str(var)], cwd=PROJECT, stdout=subprocess.PIPE, start_new_session=True
        )
        start.stdout.readline()
        time.sleep(moment)
        if start.poll() is None:
            kill(start.pid, signal.SIGKILL)
        start.wait()
        start.stdout.close()
    with embedded.serve(var, redis=False) as (owner, _):
        check(owner)
