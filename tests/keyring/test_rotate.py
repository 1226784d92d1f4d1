"""Epochs: begun, left, destroyed; no key lost, none brought back, and nothing opened with a destroyed epoch's key."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from keyring.errors import KeyGone, KeyStoreBroken
from keyring.rotate import destroy_epochs, rotate, status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = [f"artifact:{n}" for n in range(5)] + ["log:a/b", "subject:x"]


@pytest.fixture
def keys(backend):
    keys = {name: os.urandom(32) for name in NAMES}
    backend.open().put(keys, now=NOON)
    return keys


def wrapping(store, name):
    """A key's wrapped bytes as they stand in the store."""
    if hasattr(store, "_connection"):
        return store._connection().execute("SELECT wrapped FROM key WHERE name = ?", (name,)).fetchone()[0]
    from keyring.openbao import _path

    return store._read(_path(name))[0]["wrapped"].encode()


def test_every_key_is_wrapped_anew_and_no_old_wrapping_is_left(backend, keys):
    other = backend.open()
    assert other.get("artifact:0") == keys["artifact:0"]
    old = {wrapping(other, name) for name in NAMES}
    assert all(each in backend.bytes_at_rest() for each in old)
    said = []
    done = rotate(store=backend.open(), now=NOON + DAY, say=said.append, batch=2)
    assert (done.epoch, done.resumed, done.rewrapped) == (2, False, len(NAMES))
    assert said[-1] == len(NAMES)
    assert backend.open().counts() == {2: len(NAMES)}
    assert not any(each in backend.bytes_at_rest() for each in old)
    for store in (other, backend.open()):  # one that ran all the while, and a new one
        assert {name: store.get(name) for name in NAMES} == keys
    assert other.make("artifact:new", now=NOON + DAY)
    assert backend.open().counts() == {2: len(NAMES) + 1}
    backend.kek.unlink()
    assert {name: backend.open().get(name) for name in NAMES} == keys


def test_the_age_of_a_key_survives(backend, keys):
    rotate(store=backend.open(), now=NOON + DAY)
    found = backend.open().older_than(NOON + timedelta(seconds=1), prefix="artifact:")
    assert [name for batch in found for name in batch] == NAMES[:5]


def test_an_empty_store_can_be_rotated(backend):
    assert rotate(store=backend.open(), now=NOON).epoch == 1
    assert rotate(store=backend.open(), now=NOON).epoch == 2
    assert backend.open().make("artifact:a", now=NOON)


def test_a_rotation_that_ended_early_is_finished_first(backend, keys):
    store = backend.open()
    store.add_epoch(store.ring.begin(2, now=NOON))
    next(store.rewrap(batch=2))
    counts = store.counts()
    assert counts[1] > 0
    assert sum(counts.values()) == len(NAMES)
    assert {name: backend.open().get(name) for name in NAMES} == keys
    done = rotate(store=backend.open(), now=NOON + DAY)
    assert (done.epoch, done.resumed, done.rewrapped) == (2, True, counts[1])
    assert rotate(store=backend.open(), now=NOON + DAY).epoch == 3


def test_a_key_that_does_not_open_stops_it_and_loses_none(backend, keys):
    store = backend.open()
    store.add_epoch(store.ring.begin(2, now=NOON))
    kek = backend.kek.read_bytes()
    backend.kek.write_bytes(os.urandom(32))
    with pytest.raises(KeyStoreBroken):
        rotate(store=backend.open(), now=NOON)
    assert store.epochs()[-1].rewrapped_at is None
    backend.kek.write_bytes(kek)
    rotate(store=backend.open(), now=NOON)
    assert {name: backend.open().get(name) for name in NAMES} == keys


def test_an_epoch_is_destroyed_when_it_is_over_and_no_sooner(backend, keys):
    store = backend.open()
    kek = backend.kek.read_bytes()
    assert destroy_epochs(store=store, now=NOON + 99 * DAY) == []  # the newest never is
    rotate(store=store, now=NOON + 28 * DAY)
    for now in (NOON + 29 * DAY, NOON + 35 * DAY - timedelta(seconds=1)):  # backups of the 28th live for seven days
        assert destroy_epochs(store=store, now=now) == []
    assert [(each.epoch, each.refused) for each in destroy_epochs(store=store, now=NOON + 35 * DAY)] == [(1, "")]
    assert destroy_epochs(store=store, now=NOON + 35 * DAY) == []
    assert not backend.kek.exists()
    first, second = status(store=backend.open())
    assert (first.epoch.destroyed_at, first.keys, first.there) == ((NOON + 35 * DAY).timestamp(), 0, False)
    assert (first.epoch.material, first.epoch.proof) == (b"", b"")
    assert (second.keys, second.there, second.newest) == (len(NAMES), True, True)
    assert {name: backend.open().get(name) for name in NAMES} == keys
    assert kek not in backend.bytes_at_rest()
    assert rotate(store=store, now=NOON + 36 * DAY).epoch == 3  # a number is never used twice


def test_thirty_days_it_lives(backend, keys):
    store = backend.open()
    rotate(store=store, now=NOON)
    assert destroy_epochs(store=store, now=NOON + 30 * DAY - timedelta(seconds=1)) == []
    assert [each.epoch for each in destroy_epochs(store=store, now=NOON + 30 * DAY)] == [1]


def test_an_epoch_that_still_wraps_a_key_is_not_destroyed(backend, keys):
    store = backend.open()
    rotate(store=store, now=NOON)
    epoch = store.epochs()[0]
    late = store.ring.wrap(epoch, "artifact:late", bytes(32))
    if backend.kv:  # a process that was slow for weeks
        from keyring.openbao import _path, _row

        store._write(_path("artifact:late"), _row(late, 1, 0.0), version=0)
    else:
        store._connection().execute("INSERT INTO key VALUES ('artifact:late', ?, 0, 1)", (late,))
    assert destroy_epochs(store=store, now=NOON + 99 * DAY) == []
    assert rotate(store=store, now=NOON + 99 * DAY).rewrapped == len(NAMES) + 1
    assert store.get("artifact:late") == bytes(32)


def test_a_replaced_epoch_leaves_memory(backend, keys):
    store, other = backend.open(), backend.open()
    other.get("artifact:0")
    assert list(other.ring._open) == [1]
    rotate(store=store, now=NOON)
    other.make("artifact:new", now=NOON)
    assert list(other.ring._open) == [2]


def test_rotation_beside_writers_and_erasers(backend):
    """Keys come and go while it runs: what lives opens, what was destroyed stays so."""
    store = backend.open()
    many = 2_000 if os.environ.get("CONSONANT_SOAK") == "1" else 60
    keys = {f"artifact:{n:04}": os.urandom(32) for n in range(many)}
    store.put(keys, now=NOON)
    errors, destroyed, stop = [], set(), threading.Event()

    def write(number):
        mine, n = backend.open(), 0
        try:
            while not stop.is_set():
                name = f"subject:{number}-{n}"
                keys[name] = mine.make(name, now=NOON)
                gone = f"artifact:{(n * 2 + number) % many:04}"
                mine.destroy([gone])
                destroyed.add(gone)
                n += 1
                time.sleep(0.005)
        except Exception as error:  # noqa: BLE001 - whatever it was, the test must see it
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        rotate(store=backend.open(), now=NOON, batch=10)
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    rotate(store=store, now=NOON)
    assert destroyed
    assert set(store.counts()) == {store.epochs()[-1].number}
    for name, key in keys.items():
        if name in destroyed:
            with pytest.raises(KeyGone):
                store.get(name)
        else:
            assert store.get(name) == key
