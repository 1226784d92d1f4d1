"""The guard as a program against a real service: it sees, removes, scans, beats, and waits sealed where the service is away."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
from django.utils import timezone

from guard.models import Alert, Host, Sighting
from guard.reconcile import reconcile
from guard.register_host import register_host
from tests.conftest import speech


class Guard:
    """One `consonant guard`."""

    def __init__(self, served, folder, *words, **environment):
        made = register_host(
            app=served.app,
            name=f"voice-host-{uuid.uuid4()}",
            profile="other",
            timezone="UTC",
            listens_only=True,
            actor="operator",
            now=timezone.now(),
        )
        self.host, self.state, self.served = made.host, served.state, served
        self.env = os.environ | {
            "PYTHONPATH": str(folder),
            "CONSONANT_URL": served.url,
            "CONSONANT_AGENT_TOKEN": made.token,
            "CONSONANT_STATE": str(served.state),
            **environment,
        }
        self.words = words
        self.process = None

    def start(self, *more):
        command = [sys.executable, "-m", "consonant", "guard", *map(str, (*self.words, *more))]
        self.process = subprocess.Popen(command, env=self.env, stderr=subprocess.PIPE, text=True, cwd="/")
        return self

    def wait(self, said, seconds=12.0):
        """Wait until something is so."""
        ends = time.monotonic() + seconds
        while not (found := said()):
            assert time.monotonic() < ends, "it did not happen"
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.05)
        return found

    def beats(self):
        return self.wait(lambda: Host.objects.get(id=self.host.id).last_heartbeat_at)

    def end(self, number=signal.SIGTERM):
        """Return its exit status and what it said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=15)
        return self.process.returncode, said


@pytest.fixture
def guard(served, sdk_path):
    made = []

    def make(*words, **environment):
        made.append(Guard(served, sdk_path, *words, **environment))
        return made[-1]

    yield make
    for each in made:
        if each.process:
            each.process.kill()
            each.process.wait()
            each.process.stderr.close()


@pytest.fixture
def outputs(tmp_path):
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


def folder_with(path, *, ttl=None, patterns=("*.wav",), **more):
    from consonant.guard.profiles import Watched

    return Watched(path, patterns, ttl, **more)


def test_s0_3_temporary_audio_is_gone_within_five_minutes_after_processing(sdk_path, tmp_path, monkeypatch):
    """Every profile's time and a sweep stay below the limit; and what is due goes at the sweep after it."""
    from consonant.guard import profiles
    from consonant.guard.sidecar import due_in

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    for profile in ("cosyvoice", "indextts", "linly"):
        watched = profiles.folders(profile, tmp_path)
        assert [each for each in watched if each.ttl is not None], profile
        assert due_in(watched) <= profiles.LIMIT - 30
    from consonant.guard import residue

    (tmp_path / "gradio" / "a1").mkdir(parents=True)
    clip = tmp_path / "gradio" / "a1" / "audio.wav"
    clip.write_bytes(speech())
    (folder,) = [each for each in profiles.folders("cosyvoice", tmp_path) if each.path.name == "gradio"]
    came = clip.stat().st_ctime
    assert residue.sweep(folder, now=came + profiles.SHORT - 1).removed == ()
    assert residue.sweep(folder, now=came + profiles.SHORT).removed == (str(clip),)
    assert not clip.exists()


def test_what_is_never_removed(sdk_path, tmp_path):
    """A link's target, what a link leads to, other kinds of file, what is held open, and what is younger than it says."""
    from consonant.guard import residue

    folder, outside = tmp_path / "temp", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "mine.wav").write_bytes(b"")
    (folder / "link").symlink_to(outside)
    (folder / "link.wav").symlink_to(outside / "mine.wav")
    (folder / "model.bin").write_bytes(b"")
    (folder / "pipe.wav").mkdir()
    (folder / "due.WAV").write_bytes(b"")
    late = time.time() + 1000
    with (folder / "open.wav").open("wb"):
        swept = residue.sweep(folder_with(folder, ttl=10), now=late)
        assert swept.removed == (str(folder / "due.WAV"),)
        assert swept.left == (str(folder / "open.wav"),), "what is overdue and held is told"
    os.utime(folder / "open.wav", (0, 0))  # as a copy that keeps the date of an old recording
    assert residue.sweep(folder_with(folder, ttl=10), now=time.time()).removed == ()
    assert residue.sweep(folder_with(folder, ttl=10), now=late).removed == (str(folder / "open.wav"),)
    assert sorted(each.name for each in folder.iterdir()) == ["link", "link.wav", "model.bin", "pipe.wav"]
    assert (outside / "mine.wav").exists()
    (tmp_path / "linked").symlink_to(outside)
    assert residue.sweep(folder_with(tmp_path / "linked", ttl=0), now=late).removed == ()


def test_a_recorded_clip_is_quiet_and_an_unrecorded_one_is_seen(served, guard, outputs):
    running = guard("--watch", outputs).start()
    running.beats()
    clip = outputs / "recorded.wav"
    with served.client() as client, client.grant(served.consent()) as use:
        clip.write_bytes(speech())
        use.synthesize(clip, mark={"kind": "watermark", "watermark_id": "wm-1"})
    (outputs / "behind.wav").write_bytes(speech())
    running.wait(lambda: Sighting.objects.exists() or Alert.objects.exists())
    time.sleep(0.5)
    reconcile(now=timezone.now())  # a file that was told before its record waits until then
    from consonant.places import host_key, place_of

    key = host_key(served.state)
    waiting = {bytes(each.place).hex() for each in Sighting.objects.all()}
    assert waiting <= {place_of(key, outputs / "behind.wav")}
    status, said = running.end()
    assert status == 0
    assert "behind" not in said
    assert str(outputs) not in said


def test_s3_8_the_host_reports_that_it_is_there_and_what_watches_it(served, guard, outputs):
    running = guard("--watch", outputs, "--expects-sysmon").start()
    running.beats()
    status = Host.objects.get(id=running.host.id).status
    assert status["sequence"] == 1
    assert status["monitors"] == {"sysmon": psutil_sees("sysmon")}
    assert status["watched"] == 1
    assert running.end()[0] == 0


def psutil_sees(name):
    return any((each.info["name"] or "").lower().startswith(name) for each in psutil.process_iter(["name"]))


def test_s0_9_regular_scans_for_residue_and_open_ports(served, guard, tmp_path):
    """What lay there before it started goes; a port that should be closed is told; the same again at each turn of the clock."""
    from consonant.guard import sidecar

    assert sidecar.SWEEP_EVERY <= 60
    assert sidecar.SCAN_EVERY <= 300
    temp = tmp_path / "gradio"
    temp.mkdir()
    (temp / "before.wav").write_bytes(speech())
    time.sleep(1.1)
    with socket.socket() as door:
        door.bind(("0.0.0.0", 0))
        door.listen()
        port = door.getsockname()[1]
        mine = [str(each) for each in others_ports() if each != port]
        allowed = [word for each in mine for word in ("--port-allowed", each)]
        running = guard("--watch", f"{temp}=PT1S", "--all-ports", *allowed).start()
        running.wait(lambda: not (temp / "before.wav").exists())
        running.wait(lambda: Host.objects.get(id=running.host.id).status.get("ports") == [port])
        running.wait(lambda: Alert.objects.filter(rule="port_open").exists())
        assert running.end()[0] == 0
        once = guard("--all-ports", "--once", *allowed).start()
        assert once.process.wait(timeout=20) == 1
    once = guard("--all-ports", "--once", *allowed).start()
    assert once.process.wait(timeout=20) == 0


def others_ports():
    from consonant.guard.ports import open_ports

    return open_ports(None, of_host=True)


def test_it_waits_sealed_while_the_service_is_away_and_tells_in_order(served, guard, outputs):
    running = guard("--watch", outputs).start()
    running.beats()
    served.go_away()
    (outputs / "a-tell-tale-name.wav").write_bytes(speech())
    queue = served.state / "guard" / "queue"
    running.wait(lambda: list(queue.glob("*.sealed")))
    kept = b"".join(each.read_bytes() for each in (served.state / "guard").rglob("*") if each.is_file())
    assert b"tell-tale" not in kept
    assert b"outputs" not in kept
    running.end(signal.SIGKILL)
    served.begin()
    running.start()
    running.wait(Sighting.objects.exists)
    running.wait(lambda: not list(queue.glob("*.sealed")))
    assert running.end()[0] == 0


def test_a_file_that_came_while_nobody_watched_is_found(served, guard, outputs):
    running = guard("--watch", outputs).start()
    running.beats()
    running.wait((served.state / "guard" / "seen").exists)
    running.end(signal.SIGKILL)
    (outputs / "meanwhile.wav").write_bytes(speech())
    assert not Sighting.objects.exists()
    running.start()
    running.wait(Sighting.objects.exists)


def test_a_folder_that_is_removed_and_made_again_is_watched_again(served, guard, outputs):
    running = guard("--watch", outputs).start()
    running.beats()
    running.wait((served.state / "guard" / "seen").exists)
    outputs.rmdir()
    outputs.mkdir()
    time.sleep(2.5)
    (outputs / "behind.wav").write_bytes(speech())
    running.wait(lambda: Sighting.objects.exists() or Alert.objects.exists())


def test_all_that_was_seen_is_sealed_at_the_end(sdk_path, tmp_path):
    from consonant.guard.sidecar import Plan, Sidecar
    from consonant.wire import Away

    def send(_call):
        raise Away

    many = Sidecar(Plan(), state=tmp_path, send=send)
    many.start()
    many._pending = [{"event": {"action": "residue.removed"}}] * 2500
    many.stop()
    queue = many._queue
    assert sum(len(queue.read(each)["rows"]) for each in queue.waiting()) == 2500


def test_sysmon_is_known_by_each_of_its_names(sdk_path, tmp_path):
    from consonant.guard import ports, sidecar

    program = tmp_path / "Sysmon64.exe"
    shutil.copy(shutil.which("sleep"), program)
    assert not ports.runs("sysmon64")
    with subprocess.Popen([program, "60"]) as process:
        assert ports.runs(*sidecar._SYSMON)
        process.kill()


def test_what_it_takes(served, guard, outputs):
    """Memory at work: at most 60 MB."""
    running = guard("--watch", outputs).start()
    running.beats()
    for number in range(20):
        (outputs / f"{number}.wav").write_bytes(b"RIFF")
    running.wait(lambda: Sighting.objects.count() + Alert.objects.count() >= 1)
    assert psutil.Process(running.process.pid).memory_info().rss <= 60 * 2**20


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("--watch", "/nowhere=soon"), {}),
        ((), {"CONSONANT_AGENT_TOKEN": ""}),
        ((), {"CONSONANT_URL": "http://consent.example.org"}),
    ],
)
def test_what_it_does_not_understand_it_says(sdk_path, tmp_path, words, environment):
    env = os.environ | {
        "PYTHONPATH": str(sdk_path),
        "CONSONANT_URL": "http://127.0.0.1:9",
        "CONSONANT_AGENT_TOKEN": "cgt_secret",
        "CONSONANT_STATE": str(tmp_path),
        **environment,
    }
    command = [sys.executable, "-m", "consonant", "guard", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cgt_secret" not in done.stderr


def test_profiles_name_what_the_apps_leave(sdk_path, tmp_path, monkeypatch):
    from consonant.guard.profiles import folders

    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    (tmp_path / "results" / "one" / "input").mkdir(parents=True)
    removed = {
        str(each.path.relative_to(tmp_path))
        for each in folders("linly", tmp_path)
        if each.ttl and tmp_path in each.path.parents
    }
    assert removed >= {"results/one/input", "results/input"}
    (tmp_path / "outside" / "input").mkdir(parents=True)
    (tmp_path / "results" / "evil").symlink_to(tmp_path / "outside")
    (tmp_path / "results" / "two").mkdir()
    (tmp_path / "results" / "two" / "input").symlink_to(tmp_path / "outside")
    inputs = [each.path for each in folders("linly", tmp_path) if each.path.name == "input" and each.path.exists()]
    assert inputs == [tmp_path / "results" / "one" / "input"], "no link leads out of the app's folder"
    reported = {str(each.path) for each in folders("indextts", tmp_path) if each.is_reported}
    assert reported == {str(tmp_path / "outputs"), str(tmp_path)}
    assert json.dumps(sorted(reported))
    with contextlib.suppress(ValueError):
        assert Path(folders("cosyvoice", None)[0].path).name == "gradio"


def test_what_a_talking_portrait_leaves_goes_and_what_is_on_its_way_is_no_alarm(sdk_path, tmp_path, monkeypatch):
    from consonant.guard import residue
    from consonant.guard.profiles import SHORT, folders
    from consonant.guard.watch import Watch

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    faces = tmp_path / "results" / "one" / "first_frame_dir"
    faces.mkdir(parents=True)
    (tmp_path / "temp").mkdir()
    left = [
        *(tmp_path / name for name in ("temp_source_image.jpg", "temp_driven_audio.wav", "uploaded_ref_audio.wav")),
        *(faces / name for name in ("face.png", "face.mat", "landmarks.txt")),
        tmp_path / "temp" / "temp.wav",
        tmp_path / "results" / "temp_film.mp4",
    ]
    kept = [tmp_path / "answer.wav", tmp_path / "results" / "film.mp4"]
    for each in [*left, *kept]:
        each.write_bytes(b"x")
    watch = Watch("linly")
    watch.start()
    try:
        watch.follow(folders("linly", tmp_path))
        reported = [each for each in [*left, *kept] if watch.folder_of(str(each)) is not None]
    finally:
        watch.stop()
    assert reported == kept
    for folder in folders("linly", tmp_path):
        residue.sweep(folder, now=time.time() + SHORT + 1)
    assert [each for each in [*left, *kept] if each.exists()] == kept


def test_a_folders_time_may_be_an_hour(sdk_path, tmp_path):
    from consonant.guard.command import _watched

    assert _watched(f"{tmp_path}=PT1H30M").ttl == 5400.0
