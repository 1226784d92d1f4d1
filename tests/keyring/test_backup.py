"""Copies of the local store: whole, ours alone, and none older than seven days."""

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from keyring.backup import back_up
from keyring.kek import FileKeks, Ring
from keyring.local import LocalStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_copy_opens_and_holds_no_key_encryption_key(local):
    store = local.open()
    key = store.make("artifact:a", now=NOON)
    path, deleted = back_up(store=store, folder=local.folder / "backups", now=NOON)
    assert (path.name, deleted) == ("keys-20260101T120000Z.sqlite3", [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert local.kek.read_bytes() not in path.read_bytes()
    assert LocalStore(path, Ring(FileKeks(local.kek))).get("artifact:a") == key
    store.destroy(["artifact:a"])
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_none_is_older_than_seven_days(local):
    store, folder = local.open(), local.folder / "backups"
    store.make("artifact:a", now=NOON)
    copies = [back_up(store=store, folder=folder, now=NOON + n * DAY)[0] for n in range(7)]
    (folder / "notes.txt").touch()
    (folder / ".new-keys-20260101T120000Z.sqlite3").write_bytes(b"of a crash")
    with copies[0].open("rb") as held:
        path, deleted = back_up(store=store, folder=folder, now=NOON + 7 * DAY)
        assert not any(held.read())  # overwritten, not only unlinked
    assert deleted == [copies[0]]
    assert {each.name for each in folder.iterdir()} == {each.name for each in copies[1:]} | {path.name, "notes.txt"}


def test_old_ones_go_even_if_the_new_one_fails(local, monkeypatch):
    store, folder = local.open(), local.folder / "backups"
    store.make("artifact:a", now=NOON)
    copy, _ = back_up(store=store, folder=folder, now=NOON)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(LocalStore, "copy_to", full)
    with pytest.raises(OSError, match="no space"):
        back_up(store=store, folder=folder, now=NOON + 8 * DAY)
    assert not copy.exists()


def test_two_in_one_second_are_one(local):
    store, folder = local.open(), local.folder / "backups"
    store.put({"artifact:a": os.urandom(32)}, now=NOON)
    assert back_up(store=store, folder=folder, now=NOON) == back_up(store=store, folder=folder, now=NOON)
