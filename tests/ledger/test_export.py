"""The copy of a log that nobody can change: whole, verifiable, resumed after a kill; and locked, where the store can lock."""

import io
import os
import stat
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command
from django.utils import timezone

from ledger import checkpoint, files, note, tiles
from ledger.bucket import Bucket
from ledger.errors import ExportFailed, FileDiffers, StoreAway
from ledger.export import export, gained, target
from ledger.folder import Folder
from ledger.models import Log
from ledger.signing import signer_of
from ledger.verify import verify_log
from tests.ledger.conftest import new_log
from tests.ledger.s3server import CREDENTIALS, s3_client, s3_server
from tests.ledger.test_anchor import grow

WORM, PLAIN = "worm-logs", "plain-logs"
PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def endpoint():
    with s3_server() as address:
        s3_client(address).create_bucket(Bucket=WORM, ObjectLockEnabledForBucket=True)
        s3_client(address).create_bucket(Bucket=PLAIN)
        yield address


@pytest.fixture
def origin(db):
    return new_log()


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    """Where to export to, and how: the words of `export`."""
    if request.param == "folder":
        return {"to": str(tmp_path / "worm")}
    endpoint = request.getfixturevalue("endpoint")
    return {"to": f"s3://{WORM}/{uuid.uuid4().hex}", "endpoint": endpoint, "retain": timedelta(days=30)}


def copy_of(origin, place):
    return target(place["to"], origin=origin, endpoint=place.get("endpoint", ""))


def run(origin, place, **words):
    done = export(origin=origin, now=timezone.now(), **place | words)
    return done.size, done.before, done.files


def verified(origin, copy, size, tmp_path):
    """Verify the copy as a stranger does: its files at one head, in a folder."""
    folder = tmp_path / uuid.uuid4().hex
    for path in [f"checkpoint-{size}", *(tile.path for tile in tiles.tiles_of(size))]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.replace(f"-{size}", "")).write_bytes(copy.read(path))
    verifier = note.Verifier.from_vkey(Log.objects.get(origin=origin).vkey)
    return [finding.what for finding in verify_log(folder, [verifier]) if finding.level == "error"] == []


def test_a_copy_grows_with_the_log(origin, place, tmp_path):
    heads = []
    for count in (3, 250, 3, 300):
        heads.append(grow(origin, count))
        size, before, _ = run(origin, place)
        assert (size, before) == (heads[-1], heads[-2] if heads[1:] else 0)
    copy = copy_of(origin, place)
    assert copy.find("checkpoint-") == sorted(f"checkpoint-{size}" for size in heads)
    # Every head that was exported stays verifiable, though the log itself keeps no partial tiles of old.
    assert all(verified(origin, copy, size, tmp_path) for size in heads)
    assert run(origin, place) == (heads[-1], heads[-1], 0)
    assert copy.read("checkpoint-556") == files.read(origin, "checkpoint")


def test_evidence_is_copied_when_it_comes(origin, place):
    grow(origin)
    run(origin, place)
    files.write(origin, [("anchors/3.checkpoint", b"n"), ("anchors/3.tsr", b"t")])
    assert run(origin, place) == (3, 3, 2)
    assert copy_of(origin, place).read("anchors/3.tsr") == b"t"


@pytest.mark.parametrize("before", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("more", [0, 1, 255, 256, 300])
def test_what_is_gained_is_what_was_not_there(before, more):
    then, now = ({tile.path for tile in tiles.tiles_of(size)} for size in (before, before + more))
    assert sorted(tile.path for tile in gained(before, before + more)) == sorted(now - then)


class Killed(BaseException):
    pass


def test_killed_at_any_write_it_goes_on(origin, place, tmp_path, monkeypatch):
    grow(origin, 260)
    copy = copy_of(origin, place)
    kind = type(copy)
    name = "_write_once" if kind is Folder else "_put_once"
    real, marks = getattr(kind, name), []
    for at in range(20):
        calls = iter(range(100))

        def dying(self, *args, calls=calls, at=at):
            real(self, *args)
            if next(calls) == at:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(kind, name, dying)
            try:
                run(origin, place)
                break
            except Killed:
                marks.append(copy.find("checkpoint-"))
    # The mark comes last: only who died after it has left one.
    assert len(marks) >= 5
    assert marks == [[]] * (len(marks) - 1) + [["checkpoint-260"]]
    assert run(origin, place)[0] == 260
    assert verified(origin, copy, 260, tmp_path)


def test_a_process_killed_goes_on(committed, tmp_path):
    """SIGKILL at a moment nobody chose, again and again, until it has come to the end."""
    origin = new_log()
    grow(origin, 600)
    url = os.environ["DATABASE_URL"].replace("/consonant?", f"/{committed}?")
    command = [sys.executable, "manage.py", "export_log", "--to", str(tmp_path / "worm"), "--origin", origin]
    copy = copy_of(origin, {"to": str(tmp_path / "worm")})
    for files_there in (1, 4)[: 2 if os.environ.get("CONSONANT_SOAK") else 1]:
        process = subprocess.Popen(
            command, cwd=PROJECT, env={**os.environ, "DATABASE_URL": url}, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while len(copy.find("tile/")) < files_there and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
        process.wait()
        assert copy.find("tile/")
        assert copy.find("checkpoint-") == []
    call_command("export_log", to=str(tmp_path / "worm"), origin=origin, stdout=io.StringIO())
    assert verified(origin, copy, 600, tmp_path)


def test_partial_tiles_that_the_log_dropped_meanwhile(origin, place, tmp_path, monkeypatch):
    """Between reading the head and reading its tiles the log goes on, and drops the partial ones."""
    grow(origin, 3)
    head = files.read(origin, "checkpoint")
    grow(origin, 300)
    read = Folder.read
    monkeypatch.setattr(Folder, "read", lambda self, path: head if path == "checkpoint" else read(self, path))
    assert run(origin, place)[0] == 3
    assert verified(origin, copy_of(origin, place), 3, tmp_path)


def test_a_log_that_got_shorter_is_refused(origin, place):
    grow(origin, 3)
    old = files.read(origin, "checkpoint")
    grow(origin, 3)
    run(origin, place)
    files.write(origin, [("checkpoint", old)])
    with pytest.raises(ExportFailed, match="6 entries, and the log has published 3"):
        run(origin, place)


def test_another_history_is_refused(origin, place):
    grow(origin, 3)
    run(origin, place)
    root = b"\7" * 32
    files.write(
        origin,
        [
            (
                "checkpoint",
                note.sign(checkpoint.format(checkpoint.Checkpoint(origin, 3, root)), [signer_of(origin)]).encode(),
            )
        ],
    )
    with pytest.raises(ExportFailed, match="do not lead to the root"):
        run(origin, place)


def test_other_bytes_are_refused(origin, place):
    grow(origin, 3)
    copy_of(origin, place).write([("tile/entries/000.p/3", b"other")])
    with pytest.raises(FileDiffers):
        run(origin, place)
    assert copy_of(origin, place).find("checkpoint-") == []


def test_what_was_published_wrong_is_not_passed_on_as_right(origin, place):
    grow(origin, 3)
    bundle = files.folder_of(origin) / "tile/entries/000.p/3"
    bundle.write_bytes(bundle.read_bytes().replace(b"test.happened", b"test.happenet", 1))
    with pytest.raises(ExportFailed, match=r"entry\.changed"):
        run(origin, place)
    assert copy_of(origin, place).find("checkpoint-") == []
    # Without looking at the leaves it is not seen: that is what --quick gives up.
    assert run(origin, place, whole=False)[0] == 3


# --- a folder


def test_a_folder_holds_files_that_are_read_only(origin, tmp_path):
    grow(origin)
    run(origin, {"to": str(tmp_path)})
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o444}
    with pytest.raises(ValueError, match="object lock"):
        run(origin, {"to": str(tmp_path), "retain": timedelta(days=1)})


# --- a bucket


def test_nobody_deletes_a_locked_version(origin, endpoint):
    place = {"to": f"s3://{WORM}/{uuid.uuid4().hex}", "endpoint": endpoint, "retain": timedelta(days=30)}
    grow(origin)
    run(origin, place)
    client, prefix = s3_client(endpoint), place["to"].rpartition("/")[2]
    versions = client.list_object_versions(Bucket=WORM, Prefix=prefix)["Versions"]
    # Put twice at the most (to learn whether the server keeps to conditions), and never in two versions.
    assert sorted(each["Key"].removeprefix(f"{prefix}/{origin}/") for each in versions) == [
        "checkpoint-3",
        "tile/0/000.p/3",
        "tile/entries/000.p/3",
    ]
    for each in versions:
        head = client.head_object(Bucket=WORM, Key=each["Key"])
        assert head["ObjectLockMode"] == "COMPLIANCE"
        assert head["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=29)
        for bypass in (False, True):
            with pytest.raises(ClientError, match="AccessDenied"):
                client.delete_object(
                    Bucket=WORM, Key=each["Key"], VersionId=each["VersionId"], BypassGovernanceRetention=bypass
                )


def test_what_a_shorter_lock_holds_is_locked_for_longer(origin, endpoint):
    place = {"to": f"s3://{WORM}/{uuid.uuid4().hex}", "endpoint": endpoint}
    grow(origin)
    copy = copy_of(origin, place)
    copy.write(
        [("tile/entries/000.p/3", files.read(origin, "tile/entries/000.p/3"))]
    )  # not locked: a run that was killed
    assert copy.locked_until("tile/entries/000.p/3") is None
    run(origin, place | {"retain": timedelta(days=30)})
    assert copy.locked_until("tile/entries/000.p/3") > timezone.now() + timedelta(days=29)


def test_a_lock_that_the_server_does_not_keep_is_told(origin, endpoint, monkeypatch):
    place = {"to": f"s3://{WORM}/{uuid.uuid4().hex}", "endpoint": endpoint, "retain": timedelta(days=30)}
    grow(origin)
    monkeypatch.setattr(Bucket, "locked_until", lambda *_: None)
    with pytest.raises(ExportFailed, match="is not locked until"):
        run(origin, place)
    assert copy_of(origin, place).find("checkpoint-") == []


def test_a_bucket_without_object_lock_keeps_nothing_for_a_time(origin, endpoint):
    place = {"to": f"s3://{PLAIN}/{uuid.uuid4().hex}", "endpoint": endpoint}
    grow(origin)
    with pytest.raises(ExportFailed, match="no object lock"):
        run(origin, place | {"retain": timedelta(days=1)})
    assert run(origin, place)[0] == 3


def test_from_bucket_to_bucket(origin, endpoint, settings, tmp_path):
    settings.LOG_STORE, settings.S3_ENDPOINT = f"s3://{PLAIN}/{uuid.uuid4().hex}", endpoint
    place = {"to": f"s3://{WORM}/{uuid.uuid4().hex}", "endpoint": endpoint, "retain": timedelta(days=1)}
    grow(origin, 260)
    run(origin, place)
    assert verified(origin, copy_of(origin, place), 260, tmp_path)


def test_a_server_that_is_away(origin, monkeypatch):
    monkeypatch.setattr("ledger.bucket._ATTEMPTS", 1)
    grow(origin)
    with pytest.raises(StoreAway):
        run(origin, {"to": "s3://bucket/logs", "endpoint": "http://127.0.0.1:9"})


def test_the_command(origin, tmp_path, endpoint):
    grow(origin)
    empty = new_log()
    out = io.StringIO()
    call_command("export_log", to=str(tmp_path), stdout=out)
    lines = out.getvalue().splitlines()
    assert f"{origin}: 3 entries, 3 more, 3 files: ok" in lines
    assert f"{empty}: nothing is published" in lines
    out = io.StringIO()
    to = f"s3://{WORM}/{uuid.uuid4().hex}"
    call_command("export_log", to=to, origin=origin, endpoint=endpoint, retain_days=7, quick=True, stdout=out)
    assert out.getvalue() == f"{origin}: 3 entries, 3 more, 3 files: ok\n"
    (tmp_path / origin / "tile/0/000.p/3").chmod(0o644)
    (tmp_path / origin / "tile/0/000.p/3").write_bytes(b"x" * 96)
    with pytest.raises(CommandError, match="not as it should be"):
        call_command("export_log", to=str(tmp_path), origin=origin, stdout=io.StringIO())
    for wrong in ({"origin": "nobody/knows"}, {"retain_days": 0}, {"retain_days": 7}, {"to": "s3://x"}):
        with pytest.raises(CommandError):
            call_command("export_log", **{"to": str(tmp_path), "origin": origin, "stdout": io.StringIO()} | wrong)
