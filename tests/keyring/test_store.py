"""What every key store does, whichever it is: keeps keys, wraps them, forgets for good."""

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from keyring.errors import KeyGone, KeyStoreBroken
from keyring.seal import KEY_BYTES

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ODD = "log:consonant.local/tenants/Ä b?c=.."


@pytest.fixture
def store(backend):
    return backend.open()


def test_put_get_destroy(backend, store):
    keys = {f"artifact:{n}": os.urandom(32) for n in range(3)} | {ODD: os.urandom(32)}
    store.put(keys, now=NOON)
    assert {name: backend.open().get(name) for name in keys} == keys
    store.destroy(["artifact:1", "artifact:never"])
    store.destroy(["artifact:1"])
    store.destroy([])
    for each in (store, backend.open()):
        with pytest.raises(KeyGone):
            each.get("artifact:1")
        assert not each.has("artifact:1")
        assert each.has("artifact:2")
    assert store.get("artifact:2") == keys["artifact:2"]


def test_what_one_process_destroys_another_does_not_remember(backend, store):
    other = backend.open()
    store.make("artifact:a", now=NOON)
    assert other.get("artifact:a")
    store.destroy(["artifact:a"])
    with pytest.raises(KeyGone):
        other.get("artifact:a")
    assert not other.has("artifact:a")


def test_a_name_keeps_its_first_key(store):
    first = store.make("subject:a", now=NOON)
    store.put({"subject:a": bytes(32)}, now=NOON)
    assert store.get("subject:a") == store.make("subject:a", now=NOON) == first


@pytest.mark.parametrize("bad", [{"artifact:bad": b"short"}, {"nokind": bytes(32)}, {"artifact:": bytes(32)}])
def test_a_bad_one_stores_none(store, bad):
    with pytest.raises(ValueError):
        store.put({"artifact:good": bytes(32)} | bad, now=NOON)
    with pytest.raises(KeyGone):
        store.get("artifact:good")


def test_neither_the_key_nor_its_wrapping_is_left(backend, store):
    key = store.make("artifact:a", now=NOON)
    before = backend.bytes_at_rest()
    assert key not in before
    assert b"artifact" in before
    store.destroy(["artifact:a"])
    assert b"artifact" not in backend.bytes_at_rest()


def test_without_its_key_encryption_key_it_makes_no_other(backend, store):
    store.make("artifact:a", now=NOON)
    backend.kek.unlink()
    for verb in (lambda: backend.open().get("artifact:a"), lambda: backend.open().make("artifact:b", now=NOON)):
        with pytest.raises(KeyStoreBroken, match="missing"):
            verb()
    backend.kek.touch(mode=0o600)
    backend.kek.write_bytes(os.urandom(32))
    for verb in (lambda: backend.open().get("artifact:a"), lambda: backend.open().make("artifact:b", now=NOON)):
        with pytest.raises(KeyStoreBroken, match="does not open"):
            verb()
    assert not store.has("artifact:b")
    backend.kek.write_bytes(b"x")
    with pytest.raises(KeyStoreBroken, match="32 bytes"):
        backend.open().get("artifact:a")


def test_destruction_needs_no_key_encryption_key(backend, store):
    store.make("artifact:a", now=NOON)
    backend.kek.unlink()
    backend.open().destroy(["artifact:a"])
    assert not backend.open().has("artifact:a")


def test_older_than(store):
    for n in range(7):
        store.make(f"artifact:{n}", now=NOON + timedelta(minutes=n))
    store.make("subject:old", now=NOON)
    store.make("artifacts:old", now=NOON)
    batches = list(store.older_than(NOON + timedelta(minutes=5), prefix="artifact:", batch=2))
    assert all(len(batch) <= 2 for batch in batches)
    assert [name for batch in batches for name in batch] == [f"artifact:{n}" for n in range(5)]
    assert list(store.older_than(NOON, prefix="artifact:")) == []
    assert list(store.older_than(NOON, prefix="nothing:")) == []


def test_many_threads_agree(store):
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
    assert all(len(key) == KEY_BYTES for key in made.values())


def test_the_first_epoch_is_listed(store):
    assert store.epochs() == []
    assert store.counts() == {}
    store.make("artifact:a", now=NOON)
    (epoch,) = store.epochs()
    assert (epoch.number, epoch.kind, epoch.made_at) == (1, "file", NOON.timestamp())
    assert store.counts() == {1: 1}
    assert not store.add_epoch(epoch)
