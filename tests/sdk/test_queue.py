"""Records that wait: sealed, in order, once each; through an outage, a poisoned one, and killed processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retention.models import Artifact
from tests.conftest import speech

MARK = {"kind": "watermark", "watermark_id": "wm-1"}
WORKER = """
import sys, time
from pathlib import Path
from consonant import Client
client = Client.from_env()
clip = Path(sys.argv[2])
with client.grant(sys.argv[1]) as use:
    use.residue(clip.with_name("ref.wav")).write_bytes(b"sound")
    print("open", flush=True)
    sys.stdin.readline()
    clip.write_bytes(b"sound")
    first = use.embed(dimensions=192)
    use.synthesize(clip, mark={"kind": "watermark", "watermark_id": "wm-1"}, derived_from=[first])
    print("made", *use.queued, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def worker(served, sdk_path, tmp_path):
    """A process of an app that works in a grant and waits for a word before each step."""
    started = []
    from tests.factories import SECRET

    def start(grant, url=None):
        env = os.environ | {
            "PYTHONPATH": str(sdk_path),
            "CONSONANT_URL": url or served.url,
            "CONSONANT_CLIENT_ID": served.app.client_id,
            "CONSONANT_CLIENT_SECRET": SECRET,
            "CONSONANT_STATE": str(served.state),
        }
        command = [sys.executable, "-c", WORKER, grant, str(tmp_path / "clip.wav")]
        process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for each in started:
        each.kill()
        each.communicate()


def step(process):
    process.stdin.write("\n")
    process.stdin.flush()


def sealed(served):
    return sorted((served.state / "queue").glob("*.sealed"))


def wait(said, seconds=15.0):
    ends = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


def test_records_of_an_open_session_wait_for_the_service(served, tmp_path):
    from consonant import Unavailable
    from consonant.places import host_key, place_of

    clip = tmp_path / "a-tell-tale-name.wav"
    grant = served.consent()
    with served.client() as client:
        with client.grant(grant) as use:
            served.go_away()
            emb = use.embed(dimensions=192)
            clip.write_bytes(speech())
            out = use.synthesize(clip, mark=MARK, derived_from=[emb])
            assert (emb.standing, emb.id, out.entry) == ("queued", None, None)
            assert use.queued == [emb.queued, out.queued]
            with pytest.raises(Unavailable):
                use.ensure()
            assert client.queue.places() == {place_of(host_key(served.state), clip)}
            with pytest.raises(Unavailable):
                use.upload(speech())
        assert len(sealed(served)) == 2
        served.begin()
        wait(lambda: not sealed(served))
    speech_made = Artifact.objects.get(kind="synthesis")
    assert [each.kind for each in speech_made.parents.all()] == ["embedding"]
    assert Artifact.objects.count() == 2
    assert client.held.paths(str(speech_made.id)) == [str(clip)]
    with served.client() as client, client.grant(grant) as use:
        late = use.embed(dimensions=192, derived_from=[emb])
    assert [str(each.id) for each in Artifact.objects.get(id=late.id).parents.all()] == [
        str(each.id) for each in speech_made.parents.all()
    ], "what was delivered meanwhile is still known"
    assert {each.suffix for each in (served.state / "queue").iterdir()} == {"", ".done"}


def test_killed_while_records_wait_they_are_delivered_by_the_next(served, worker, tmp_path):
    process = worker(served.consent())
    assert process.stdout.readline() == "open\n"
    served.go_away()
    step(process)
    assert process.stdout.readline().startswith("made 0")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "ref.wav").exists(), "residue of a killed process is the guard's"
    assert len(sealed(served)) == 2
    assert not Artifact.objects.exists()
    served.begin()
    with served.client():  # a new process of the app
        wait(lambda: not sealed(served))
    assert sorted(Artifact.objects.values_list("kind", flat=True)) == ["embedding", "synthesis"]


class Between:
    """Stands between app and service: passes all on, and holds back the answers to records."""

    def __init__(self, served):
        self.held = threading.Event()
        between = self
        import httpx

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {
                    name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
                }
                got = httpx.request(self.command, served.url + self.path, content=body, headers=headers, timeout=20)
                if "embeddings" in self.path:
                    between.held.set()
                    time.sleep(60)
                self.send_response(got.status_code)
                self.send_header("Content-Type", got.headers.get("content-type", ""))
                self.send_header("Content-Length", str(len(got.content)))
                self.end_headers()
                self.wfile.write(got.content)

            do_GET = do_POST = do_DELETE = _pass  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()


def test_killed_between_the_record_and_its_answer_nothing_is_recorded_twice(served, worker):
    """First the answer is lost and the record queued; then the process dies; the next sends the same key and learns the first answer."""
    between = Between(served)
    try:
        process = worker(served.consent(), between.url)
        assert process.stdout.readline() == "open\n"
        step(process)
        assert between.held.wait(15)
        wait(lambda: len(sealed(served)) >= 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        between.close()
    assert Artifact.objects.filter(kind="embedding").count() == 1
    with served.client() as client:
        wait(lambda: not sealed(served))
        assert not client.queue.buried()
    assert Artifact.objects.filter(kind="embedding").count() == 1


def test_a_poisoned_record_goes_aside_and_holds_up_nobody(served, tmp_path):
    grant, clip = served.consent(), tmp_path / "clip.wav"
    with served.client() as client:
        with client.grant(grant) as use:
            served.go_away()
            bad = use.embed(dimensions=192, derived_from=["01a1fc84-0000-7000-8000-000000000000"])
            use.embed(dimensions=192, derived_from=[bad])
            clip.write_bytes(speech())
            use.synthesize(clip, mark=MARK, derived_from=["01a1fc84-0000-7000-8000-000000000000"])
        assert clip.exists()
        (served.state / "queue" / f"{0:020d}-00000000.sealed").write_bytes(b"not sealed by us")
        served.begin()
        flushed = None
        wait(lambda: not sealed(served))
        assert flushed is None
        assert len(client.queue.buried()) == 3
    assert Artifact.objects.count() == 1
    assert not clip.exists(), "a clip that could not be recorded does not stay"


def test_somebody_elses_answer_gives_no_record_up(sdk_path, tmp_path):
    """A proxy whose service is being replaced says 404 in its own words."""
    from consonant import Client, Unavailable
    from consonant.settings import Settings

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            is_token = self.path == "/oauth/token"
            body = b'{"access_token": "t", "expires_in": 3600}' if is_token else b"<h1>404 Not Found</h1>"
            self.send_response(200 if is_token else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with Client(Settings(f"http://127.0.0.1:{server.server_port}", "an-app", "a-secret", tmp_path)) as client:
            client.queue.put({"path": "/api/v1/embeddings", "key": "k", "body": {}, "files": []})
            with pytest.raises(Unavailable):
                client.flush()
            assert (len(client.queue.waiting()), client.queue.buried()) == (1, [])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_two_processes_do_not_deliver_at_once(served, sdk_path):
    from consonant.queue import Queue

    queue = Queue(served.state)
    queue.put({"body": {}})
    inside, seen = [], []

    def deliver(name, _record):
        inside.append(name)
        seen.append(Queue(served.state).flush(lambda *_: pytest.fail("two at once")))
        return "an-id"

    assert queue.flush(deliver).delivered == 1
    assert (len(inside), seen[0].delivered) == (1, 0)


@pytest.mark.parametrize("left", ["done", "places", "aside"])
def test_what_a_crash_leaves_at_each_line(sdk_path, tmp_path, left):
    """`.done` beside its record: not sent again. A `.places`, or a half-written file, without a record: swept away when it is old."""
    from consonant.queue import Queue

    queue = Queue(tmp_path, memory=0.0)
    name = queue.put({"body": {}}, ("ab" * 32,))
    if left == "done":
        (queue.path / f"{name}.done").write_text("an-id")
        assert queue.flush(lambda *_: pytest.fail("sent again")).left == 0
    else:
        orphan = queue.path / (
            "00000000000000000001-00000000.places" if left == "places" else ".00000000000000000001-00000000"
        )
        orphan.write_text("cd" * 32)
        assert queue.flush(lambda *_: "an-id").delivered == 1
        assert orphan.exists(), "another process may be writing it"
        queue.put({"body": {}})
        os.utime(orphan, (1, 1))
        assert queue.flush(lambda *_: "an-id").delivered == 1
        assert not orphan.exists()
    assert [each.name for each in queue.path.iterdir()] == ["lock"]


def test_keys_are_their_owners_alone(sdk_path, tmp_path):
    from consonant import Misconfigured
    from consonant.places import host_key, place_of
    from consonant.queue import Queue

    keys = {host_key(tmp_path / "new") for _ in range(3)}
    assert len(keys) == 1
    assert ((tmp_path / "new" / "host.key").stat().st_mode & 0o777) == 0o600
    Queue(tmp_path / "new").put({"body": {}})
    assert {each.stat().st_mode & 0o077 for each in (tmp_path / "new").rglob("*")} == {0}
    (key,) = keys
    (tmp_path / "link.wav").symlink_to(tmp_path / "clip.wav")
    assert (
        place_of(key, tmp_path / "link.wav")
        == place_of(key, tmp_path / "clip.wav")
        != place_of(b"x" * 32, tmp_path / "clip.wav")
    )
    (tmp_path / "new" / "host.key").write_bytes(b"short")
    with pytest.raises(Misconfigured):
        host_key(tmp_path / "new")
