"""The stores of published files, one set of rules over both: a folder, and S3 over HTTP (moto's server, a process of its own)."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from django.db import OperationalError
from django.utils import timezone

from ledger import files
from ledger.bucket import ALWAYS_ASK, FOR_EVER, Bucket
from ledger.errors import FileDiffers, StoreAway
from ledger.folder import Folder
from ledger.models import Log
from ledger.note import Verifier
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.verify import verify_log
from tests.ledger.conftest import add, new_log
from tests.ledger.s3server import CREDENTIALS, s3_client, s3_server

PROJECT = Path(__file__).parent.parent.parent
NAME = "published-logs"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def endpoint():
    with s3_server() as address:
        s3_client(address).create_bucket(Bucket=NAME)
        yield address


@pytest.fixture(scope="module", params=["--ignores", "--refuses"])
def old_endpoint(request):
    with s3_server(request.param) as address:
        s3_client(address).create_bucket(Bucket=NAME)
        yield address


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path):
    if request.param == "folder":
        return Folder(tmp_path / "a" / "log")
    return Bucket(f"s3://{NAME}/{uuid.uuid4().hex}/log", endpoint=request.getfixturevalue("endpoint"))


@pytest.fixture(params=["folder", "s3"])
def published_in(request, settings, tmp_path):
    """The setting that says where logs are published."""
    if request.param == "s3":
        settings.S3_ENDPOINT = request.getfixturevalue("endpoint")
        settings.LOG_STORE = f"s3://{NAME}/{uuid.uuid4().hex}"
    return request.param


def test_what_is_written_is_read(store):
    given = [
        ("tile/0/000", b"a" * 8192),
        ("tile/entries/x001/000.p/7", b"\0b"),
        ("anchors/7.tsr", b""),
        ("checkpoint", b"c"),
    ]
    assert store.write(given) == [path for path, _ in given]
    assert [(path, store.read(path)) for path, _ in given] == given
    assert store.find() == sorted(path for path, _ in given)
    assert store.find("tile/") == ["tile/0/000", "tile/entries/x001/000.p/7"]
    assert store.find("check") == ["checkpoint"]
    assert store.find("tile/entries/x") == ["tile/entries/x001/000.p/7"]
    assert store.find("tile/0/000.p/") == []
    assert store.find("nothing/") == []


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile", "tile/0/000.p/1"])
def test_what_is_not_there(store, path):
    store.write([("tile/0/001", b"x")])
    with pytest.raises((FileNotFoundError, IsADirectoryError)):
        store.read(path)


def test_only_the_checkpoint_changes(store):
    store.write([("tile/0/000", b"first"), ("checkpoint", b"1")])
    store.write([("tile/0/000", b"first"), ("checkpoint", b"2")])
    with pytest.raises(FileDiffers):
        store.write([("tile/0/000", b"other"), ("checkpoint", b"3")])
    assert (store.read("tile/0/000"), store.read("checkpoint")) == (b"first", b"2")


def test_of_two_writers_one_wins(store):
    errors, start = [], threading.Barrier(8)

    def write(data):
        start.wait()
        try:
            store.write([("tile/0/000", data)])
        except FileDiffers:
            errors.append(data)

    threads = [threading.Thread(target=write, args=(b"%d" % (n % 2),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # moto looks and puts without a lock: against it only the folder can show this to the end.
    if isinstance(store, Folder):
        assert sorted({*errors, store.read("tile/0/000")}) == [b"0", b"1"]
        assert store.read("tile/0/000") not in errors


def test_a_checkpoint_waits_for_what_comes_before_it(store):
    seen = []

    def given():
        for number in range(60):
            yield f"tile/0/{number:03}", b"%d" % number
        yield "checkpoint", b"whole"
        seen.extend(path for path in store.find() if path != "checkpoint")

    store.write(given())
    assert len(seen) == 60


def test_what_fails_half_way_leaves_whole_files(store):
    def given():
        yield "tile/0/000", b"a"
        yield "tile/0/001", b"b"
        raise OperationalError("the database died")

    with pytest.raises(OperationalError):
        store.write(given())
    assert set(store.find()) <= {"tile/0/000", "tile/0/001"}
    assert store.write([("tile/0/000", b"a"), ("tile/0/001", b"b"), ("checkpoint", b"c")])
    assert len(store.find()) == 3


def test_partials_are_dropped_where_the_full_one_is(store):
    partial = [(f"tile/{level}/000.p/{width}", b"x") for level in (0, "entries") for width in (1, 2, 200)]
    store.write([*partial, ("tile/0/000", b"full"), ("tile/0/001.p/4", b"y")])
    store.drop_partials(["tile/0/000", "tile/0/001.p/4", "tile/0/002"])
    assert store.find() == ["tile/0/000", "tile/0/001.p/4", *(f"tile/entries/000.p/{width}" for width in (1, 2, 200))]


def test_what_is_removed_can_be_written_anew(store):
    store.write([("tile/0/000.p/3", b"never signed")])
    store.remove(["tile/0/000.p/3", "tile/0/009"])
    store.write([("tile/0/000.p/3", b"signed")])
    assert store.read("tile/0/000.p/3") == b"signed"


# --- the folder


def test_a_failed_write_leaves_nothing_beside(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        Folder(tmp_path / "log").write([("tile/0/000", b"x")])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_names_are_synced_before_the_checkpoint(tmp_path, monkeypatch):
    store, told = Folder(tmp_path / "log"), []
    monkeypatch.setattr(
        "ledger.folder.sync_folder", lambda folder: told.append((folder, (tmp_path / "log" / "checkpoint").exists()))
    )
    store.write([("tile/0/000", b"x"), ("checkpoint", b"c")])
    before = {folder for folder, there in told if not there}
    assert {tmp_path, tmp_path / "log", tmp_path / "log" / "tile", tmp_path / "log" / "tile" / "0"} <= before
    assert (tmp_path / "log", True) in told


KILLED = """
import sys, pathlib, itertools
import django; django.setup()
from ledger.folder import Folder
store = Folder(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
store.write((f"tile/0/x{n // 1000:03}/{n % 1000:03}", b"%d" % n * 9000) for n in itertools.count())
"""


def test_killed_at_any_moment_it_leaves_whole_files(tmp_path):
    for delay in (0.01, 0.05, 0.11):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "log")],
            cwd=PROJECT,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    store = Folder(tmp_path / "log")
    found = store.find()
    assert found
    assert all(store.read(path) == b"%d" % number * 9000 for number, path in enumerate(found))


# --- the bucket


def test_how_files_are_served_by_the_bucket_itself(endpoint):
    prefix = uuid.uuid4().hex
    Bucket(f"s3://{NAME}/{prefix}", endpoint=endpoint).write(
        [("tile/0/000", b"x"), ("anchors/7.checkpoint", b"c"), ("checkpoint", b"c")]
    )
    client = s3_client(endpoint)
    heads = {
        path: client.head_object(Bucket=NAME, Key=f"{prefix}/{path}")
        for path in ("tile/0/000", "anchors/7.checkpoint", "checkpoint")
    }
    assert {path: head["CacheControl"] for path, head in heads.items()} == {
        "tile/0/000": "public, max-age=31536000, immutable",
        "anchors/7.checkpoint": FOR_EVER,
        "checkpoint": ALWAYS_ASK,
    }
    assert {head["ContentType"] for path, head in heads.items() if "checkpoint" in path} == {
        "text/plain; charset=utf-8"
    }
    assert all("ContentEncoding" not in head for head in heads.values())


def test_a_server_without_conditions_is_asked_first(old_endpoint):
    store = Bucket(f"s3://{NAME}/{uuid.uuid4().hex}", endpoint=old_endpoint)
    store.write([("tile/0/000", b"first")])
    for _ in range(2):
        store.write([("tile/0/000", b"first"), ("tile/0/001", b"second")])
        with pytest.raises(FileDiffers):
            store.write([("tile/0/000", b"other")])
    assert store.read("tile/0/000") == b"first"


@pytest.mark.parametrize(
    "url", ["s3://", "s3://b", "s3://Bucket/x", "s3://bucket/../x?", "http://bucket/x", "s3://bucket//x"]
)
def test_a_bucket_has_a_name(url):
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        Bucket(url)


def test_a_missing_bucket_is_no_empty_log(endpoint):
    store = Bucket("s3://never-made/log", endpoint=endpoint)
    with pytest.raises(StoreAway, match="NoSuchBucket"):
        store.read("checkpoint")
    with pytest.raises(StoreAway):
        store.write([("tile/0/000", b"x"), ("checkpoint", b"c")])


def test_a_server_that_is_away(monkeypatch):
    monkeypatch.setattr("ledger.bucket._ATTEMPTS", 1)
    with pytest.raises(StoreAway, match="EndpointConnectionError"):
        Bucket("s3://bucket/log", endpoint="http://127.0.0.1:9").read("checkpoint")


# --- a log in either


def run(origin):
    while sequence(origin=origin):
        pass
    return publish(origin=origin, now=timezone.now())


@pytest.mark.django_db
def test_a_log_is_published_served_and_verified(client, published_in):
    origin = new_log()
    for count in (3, 254, 5):
        add(origin, count)
        run(origin)
    verifier = Verifier.from_vkey(Log.objects.get(origin=origin).vkey)
    with files.as_folder(origin) as folder:
        assert [str(finding)[:3] for finding in verify_log(folder, [verifier])][-1] == "ok:"
        assert (folder / "tile/0/000").is_file()
        assert not (folder / "tile/0/000.p").exists()
    assert files.lies_in_a_folder() == (published_in == "folder")
    for path, kind, caching in [
        ("checkpoint", "text/plain; charset=utf-8", "no-cache"),
        ("tile/0/000", "application/octet-stream", FOR_EVER),
        ("tile/entries/001.p/6", "application/octet-stream", FOR_EVER),
    ]:
        answer = client.get(f"/log/{origin}/{path}")
        assert (answer.status_code, answer.content) == (200, files.read(origin, path))
        assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == (kind, caching)
        assert "Content-Encoding" not in answer.headers
        again = client.get(f"/log/{origin}/{path}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content, again.headers["Cache-Control"]) == (304, b"", caching)
        assert client.head(f"/log/{origin}/{path}").content == b""
    for path in (
        "tile/0/001",
        "tile/1/000",
        "tile/entries/001.p/7",
        "tile/0/002.p/1",
        "anchors/262.tsr",
        "tile/0/001.p/06",
    ):
        assert client.get(f"/log/{origin}/{path}").status_code == 404


@pytest.mark.django_db
def test_nothing_is_served_before_a_checkpoint_speaks_of_it(client, published_in):
    origin = new_log()
    add(origin, 2)
    run(origin)
    files.write(origin, [("tile/0/000.p/3", b"h" * 96)])
    assert client.get(f"/log/{origin}/tile/0/000.p/3").status_code == 404
    assert client.get(f"/log/{origin}/tile/0/000.p/2").status_code == 200


@pytest.mark.django_db
def test_evidence_is_served(client, published_in):
    origin = new_log("test.local/anchors")
    files.write(origin, [("anchors/3.checkpoint", b"n"), ("anchors/3.tsr", b"t"), ("anchors/3.fabric", b"f")])
    kinds = {name: client.get(f"/log/{origin}/anchors/{name}") for name in ("3.checkpoint", "3.tsr", "3.fabric")}
    assert {name: (answer.content, answer.headers["Content-Type"]) for name, answer in kinds.items()} == {
        "3.checkpoint": (b"n", "text/plain; charset=utf-8"),
        "3.tsr": (b"t", "application/timestamp-reply"),
        "3.fabric": (b"f", "application/octet-stream"),
    }
    for name in ("4.tsr", "03.tsr", "3.TSR", "3.tsr/x", "..", "3.", "../checkpoint"):
        assert client.get(f"/log/{origin}/anchors/{name}").status_code == 404


@pytest.mark.django_db
def test_a_store_that_is_away_is_no_missing_file(client, settings, monkeypatch):
    monkeypatch.setattr("ledger.bucket._ATTEMPTS", 1)
    origin = new_log()
    add(origin, 1)
    run(origin)
    settings.LOG_STORE, settings.S3_ENDPOINT = "s3://bucket/logs", "http://127.0.0.1:9"
    answer = client.get(f"/log/{origin}/checkpoint")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_what_a_store_names_beside_tiles_is_written_nowhere(settings, monkeypatch, tmp_path):
    class Hostile:
        def find(self, prefix):
            return [f"{prefix}../../../escaped", f"{prefix}0/000.p/1", f"{prefix}0/../0/000"]

        def read(self, path):
            return path.encode()

    settings.LOG_STORE = "s3://hostile/log"
    monkeypatch.setattr("ledger.files.store_of", lambda _: Hostile())
    with files.as_folder("test.local/hostile") as copy:
        found = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
        assert found == {"checkpoint", "tile/0/000.p/1"}
        assert not (copy.parent / "escaped").exists()
