"""The key store as an SQLite file: what only a file has, and stores of before there were epochs."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from keyring.errors import KeyGone, KeyStoreBroken
from keyring.rotate import rotate, status
from keyring.seal import seal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(local):
    return local.open()


def test_files_are_ours_alone(local, store):
    store.make("artifact:a", now=NOON)
    for path in (local.folder / "keys" / "keys.sqlite3", local.kek):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_destroyed_wrapping_is_overwritten(local, store):
    store.make("artifact:a", now=NOON)
    wrapped = store._connection().execute("SELECT wrapped FROM key").fetchone()[0]
    assert wrapped in local.bytes_at_rest()
    store.destroy(["artifact:a"])
    assert wrapped not in local.bytes_at_rest()


def test_a_wrapped_key_cannot_take_anothers_place(store):
    store.put({"artifact:a": bytes(32), "artifact:b": os.urandom(32)}, now=NOON)
    store._connection().execute("UPDATE key SET wrapped = (SELECT wrapped FROM key WHERE name = 'artifact:a')")
    with pytest.raises(KeyStoreBroken):
        store.get("artifact:b")


def test_a_commit_that_fails_leaves_no_lock(local, store):
    store.make("artifact:a", now=NOON)
    store._connection().execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(local.folder / "keys" / "keys.sqlite3", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM key").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.destroy(["artifact:a"])
        reader.execute("COMMIT")
    store.destroy(["artifact:a"])
    with pytest.raises(KeyGone):
        local.open().get("artifact:a")


@pytest.fixture
def old(local):
    """A store as it was before there were epochs, and its keys."""
    keys, kek = {f"artifact:{n}": os.urandom(32) for n in range(5)}, os.urandom(32)
    for path in (local.kek, local.folder / "keys" / "keys.sqlite3"):
        path.parent.mkdir()
        path.touch(mode=0o600)
    local.kek.write_bytes(kek)
    with closing(sqlite3.connect(local.folder / "keys" / "keys.sqlite3", isolation_level=None)) as sql:
        sql.execute(
            "CREATE TABLE key (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL, made_at REAL NOT NULL) WITHOUT ROWID"
        )
        rows = [(name, seal(kek, key, context=name.encode()), 1000.0) for name, key in keys.items()]
        sql.executemany("INSERT INTO key VALUES (?, ?, ?)", rows)
    return keys


def test_an_old_store_is_brought_up_to_date(local, old):
    store = local.open()
    assert {name: store.get(name) for name in old} == old
    (standing,) = status(store=local.open())
    assert (standing.epoch.number, standing.epoch.made_at, standing.keys, standing.there) == (1, 1000.0, 5, True)
    new = store.make("artifact:new", now=NOON)
    assert rotate(store=store, now=NOON).rewrapped == 6
    assert {name: local.open().get(name) for name in old} == old
    assert local.open().get("artifact:new") == new


def test_an_old_store_without_its_key_makes_no_other(local, old):
    local.kek.unlink()
    for verb in (
        lambda: local.open().get("artifact:0"),
        lambda: local.open().make("artifact:new", now=NOON),
        lambda: rotate(store=local.open(), now=NOON),
    ):
        with pytest.raises(KeyStoreBroken, match="missing"):
            verb()
    local.kek.touch(mode=0o600)
    local.kek.write_bytes(bytes(32))
    with pytest.raises(KeyStoreBroken, match="does not open"):
        local.open().make("artifact:new", now=NOON)
    assert not local.open().has("artifact:new")


def test_a_store_of_a_newer_version_is_left_alone(local, store):
    store.make("artifact:a", now=NOON)
    store._connection().execute("PRAGMA user_version = 99")
    with pytest.raises(KeyStoreBroken, match="newer"):
        local.open().get("artifact:a")


LOOKS = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    other.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""


def test_a_thread_that_opens_the_store_takes_no_lock_from_one_that_writes(local, store):
    """POSIX: whoever closes a file ends all locks that its process holds on it."""
    store.make("artifact:a", now=NOON)
    with store._transaction():
        opening = threading.Thread(target=store.get, args=["artifact:a"])
        opening.start()
        opening.join(timeout=30)
        command = [sys.executable, "-c", LOOKS, str(local.folder / "keys" / "keys.sqlite3")]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert said == "database is locked\n"
