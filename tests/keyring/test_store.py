"""The key store: durable, wrapped, forgetting for good; and the seal."""

import os
import sqlite3
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from keyring.errors import KeyGone, KeyStoreBroken, SealBroken
from keyring.seal import seal, unseal
from keyring.secretfile import read_or_make
from keyring.store import KeyStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return KeyStore(tmp_path / "keys" / "keys.sqlite3", tmp_path / "secrets" / "kek")


def again(tmp_path):
    """The same store, as another process opens it."""
    return KeyStore(tmp_path / "keys" / "keys.sqlite3", tmp_path / "secrets" / "kek")


def test_put_get_destroy(store, tmp_path):
    keys = {f"artifact:{n}": os.urandom(32) for n in range(3)}
    store.put(keys, now=NOON)
    assert {name: again(tmp_path).get(name) for name in keys} == keys
    store.destroy(["artifact:1", "artifact:never"])
    store.destroy(["artifact:1"])
    with pytest.raises(KeyGone):
        again(tmp_path).get("artifact:1")
    assert store.get("artifact:2") == keys["artifact:2"]


def test_a_name_keeps_its_first_key(store):
    first = store.make("subject:a", now=NOON)
    store.put({"subject:a": bytes(32)}, now=NOON)
    assert store.get("subject:a") == store.make("subject:a", now=NOON) == first


def test_all_or_none(store):
    with pytest.raises(ValueError, match="32 bytes"):
        store.put({"artifact:good": bytes(32), "artifact:bad": b"short"}, now=NOON)
    with pytest.raises(KeyGone):
        store.get("artifact:good")


def test_neither_the_key_nor_its_wrapping_is_left_in_the_file(store, tmp_path):
    key = store.make("artifact:a", now=NOON)
    file = tmp_path / "keys" / "keys.sqlite3"
    wrapped = store._connection().execute("SELECT wrapped FROM key").fetchone()[0]
    assert key not in file.read_bytes()
    assert wrapped in file.read_bytes()
    store.destroy(["artifact:a"])
    for left in file.parent.iterdir():
        assert wrapped not in left.read_bytes()
        assert b"artifact:a" not in left.read_bytes()


def test_without_its_key_encryption_key_it_makes_no_other(store, tmp_path):
    store.make("artifact:a", now=NOON)
    (tmp_path / "secrets" / "kek").unlink()
    with pytest.raises(KeyStoreBroken, match="missing"):
        again(tmp_path).get("artifact:a")
    with pytest.raises(KeyStoreBroken, match="missing"):
        again(tmp_path).make("artifact:b", now=NOON)
    (tmp_path / "secrets" / "kek").write_bytes(bytes(32))
    with pytest.raises(KeyStoreBroken, match="does not open"):
        again(tmp_path).get("artifact:a")
    (tmp_path / "secrets" / "kek").write_bytes(b"x")
    with pytest.raises(KeyStoreBroken, match="32 bytes"):
        again(tmp_path).get("artifact:a")


def test_a_wrapped_key_cannot_take_anothers_place(store):
    store.put({"artifact:a": bytes(32), "artifact:b": os.urandom(32)}, now=NOON)
    store._connection().execute("UPDATE key SET wrapped = (SELECT wrapped FROM key WHERE name = 'artifact:a')")
    with pytest.raises(KeyStoreBroken):
        store.get("artifact:b")


def test_older_than(store):
    for n in range(7):
        store.make(f"artifact:{n}", now=NOON + timedelta(minutes=n))
    store.make("subject:old", now=NOON)
    batches = list(store.older_than(NOON + timedelta(minutes=5), prefix="artifact:", batch=2))
    assert batches == [["artifact:0", "artifact:1"], ["artifact:2", "artifact:3"], ["artifact:4"]]


def test_files_are_ours_alone(store, tmp_path):
    store.make("artifact:a", now=NOON)
    for path in (tmp_path / "keys" / "keys.sqlite3", tmp_path / "secrets" / "kek"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_many_threads(store):
    made, errors = {}, []

    def work(n):
        try:
            made[n] = store.make(f"artifact:{n % 4}", now=NOON)
        except Exception as error:  # noqa: BLE001 - whatever it was, the test must see it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(made[n] == store.get(f"artifact:{n % 4}") for n in range(16))


def test_a_secret_is_made_once(tmp_path):
    path = tmp_path / "secrets" / "x"
    made = [read_or_make(path, lambda: os.urandom(8)) for _ in range(3)]
    assert len(set(made)) == 1
    assert [file.name for file in path.parent.iterdir()] == ["x"]


def test_the_seal():
    key, other = os.urandom(32), os.urandom(32)
    sealed = seal(key, b"voice", context=b"here")
    assert unseal(key, sealed, context=b"here") == b"voice"
    assert seal(key, b"voice", context=b"here") != sealed
    broken = [
        (other, sealed, b"here"),
        (key, sealed, b"there"),
        (key, b"\x02" + sealed[1:], b"here"),
        (key, b"", b"here"),
    ]
    broken += [(key, sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :], b"here") for n in range(len(sealed))]
    for wrong_key, bytes_, context in broken:
        with pytest.raises(SealBroken):
            unseal(wrong_key, bytes_, context=context)


def test_a_commit_that_fails_leaves_no_lock(store, tmp_path):
    store.make("artifact:a", now=NOON)
    store._connection().execute("PRAGMA busy_timeout = 50")
    reader = sqlite3.connect(tmp_path / "keys" / "keys.sqlite3", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM key").fetchall()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        store.destroy(["artifact:a"])
    reader.execute("COMMIT")
    store.destroy(["artifact:a"])
    with pytest.raises(KeyGone):
        again(tmp_path).get("artifact:a")
