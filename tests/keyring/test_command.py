"""`manage.py keys`, and which store and which keys the settings choose."""

import base64
import os
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from keyring import keys
from keyring.kek import FileKeks
from keyring.local import LocalStore
from keyring.openbao import OpenBaoStore


@pytest.fixture
def configured(settings, tmp_path):
    """Let a test place the key store by settings."""

    def configure(**changes):
        settings.KEY_STORE = tmp_path / "keys" / "keys.sqlite3"
        settings.KEK_FILE = tmp_path / "secrets" / "kek"
        for name, value in changes.items():
            setattr(settings, name, value)
        keys.store.cache_clear()
        return keys.store()

    yield configure
    keys.store.cache_clear()


@pytest.fixture(params=["local", "openbao"])
def store(request, configured, tmp_path):
    if request.param == "local":
        return configured()
    kv = request.getfixturevalue("kv")
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(kv.token)
    return configured(KEY_SERVER=kv.address, KEY_SERVER_TOKEN_FILE=token_file)


@pytest.fixture
def run(capsys):
    def run(*words):
        call_command("keys", *words)
        return capsys.readouterr().out

    return run


def test_the_life_of_an_epoch(store, run, now, settings, monkeypatch):
    assert "empty" in run("status")
    key = store.make("artifact:a", now=now)
    kek = settings.KEK_FILE.read_bytes()
    assert run("status").startswith("epoch 1  file  made ")
    assert "began epoch 2: 1 keys" in run("rotate")
    assert "No epoch is over" in run("destroy-epochs")
    said = run("status")
    assert "wraps 0 keys  replaced" in said
    assert "wraps 1 keys  newest" in said
    for secret in (kek, key):
        assert not any(form in said for form in (secret.hex(), base64.b64encode(secret).decode()))
    monkeypatch.setattr("django.utils.timezone.now", lambda: now + timedelta(days=31))
    assert "epoch 1: destroyed" in run("destroy-epochs")
    assert "epoch 1  file" in run("status").splitlines()[0]
    assert "destroyed 2" in run("status").splitlines()[0]
    assert not settings.KEK_FILE.exists()
    assert store.get("artifact:a") == key


def test_status_says_what_is_wrong(store, run, now, settings):
    store.make("artifact:a", now=now)
    store.add_epoch(store.ring.begin(2, now=now))
    assert "rotation unfinished" in run("status")
    assert "finished the rotation to epoch 2" in run("rotate")
    settings.KEK_FILE.with_name("kek.2").unlink()
    assert "MISSING" in run("status")


def test_trouble_is_a_sentence(store, run, now, settings):
    store.make("artifact:a", now=now)
    settings.KEK_FILE.chmod(0o644)
    keys.store.cache_clear()
    with pytest.raises(CommandError, match="chmod 600"):
        run("rotate")


def test_an_environment_is_changed_by_its_owner(configured, run, now, monkeypatch):
    value = f"1:{base64.b64encode(os.urandom(32)).decode()}"
    configured(KEK_SECRETS=value).make("artifact:a", now=now)
    with pytest.raises(CommandError, match="add `2:"):
        run("rotate")
    configured(KEK_SECRETS=f"{value},2:{base64.b64encode(os.urandom(32)).decode()}")
    run("rotate")
    monkeypatch.setattr("django.utils.timezone.now", lambda: now + timedelta(days=31))
    with pytest.raises(SystemExit):
        run("destroy-epochs")


def test_a_token_by_the_settings(configured, run, now, token):
    store = configured()
    key = store.make("artifact:a", now=now)
    words = {f"PKCS11_{name.upper()}": value for name, value in token.items()}
    store = configured(**words)
    assert store.get("artifact:a") == key
    run("rotate")
    assert "epoch 2  pkcs11" in run("status")
    assert configured(**words).get("artifact:a") == key


def test_backup(store, run, now, tmp_path):
    key = store.make("artifact:a", now=now)
    if isinstance(store, OpenBaoStore):
        with pytest.raises(CommandError, match="on a server"):
            run("backup", str(tmp_path / "backups"))
        return
    assert "wrote" in run("backup", str(tmp_path / "backups"))
    (copy,) = (tmp_path / "backups").iterdir()
    with closing(sqlite3.connect(copy)) as sql:
        assert sql.execute("SELECT name FROM key").fetchall() == [("artifact:a",)]
    assert LocalStore(copy, store.ring).get("artifact:a") == key


def test_without_settings_it_is_a_file(configured):
    store = configured()
    assert isinstance(store, LocalStore)
    assert isinstance(store.ring._first, FileKeks)
    assert keys.store() is store
