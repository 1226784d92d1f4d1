"""The SDK's wheel, built and installed where nothing else is but what it declares to need: no Django, no server's module."""

import contextlib
import importlib.util
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.utils import timezone

from consent.allow import allow
from consent.withdraw import withdraw
from tests.factories import SECRET, AppFactory, TenantFactory, UserFactory
from tests.portal.conftest import Quiet
from tests.portal.scene import seal

PROJECT = Path(__file__).parent.parent.parent
NEEDED = ["cryptography", "jwt", "cffi", "_cffi_backend", "pycparser", "tqdm", "c2pa", "tinytag"]
START = """
import sys
sys.path.insert(0, {target!r})
def refuse(event, _):
    if event.startswith("socket."):
        raise RuntimeError(f"no network here: {{event}}")
sys.addaudithook(refuse)
if __name__ == "__main__":
    from consonant.cli import main
    sys.exit(main())
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", *command, str(PROJECT / "sdk")], check=True)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="session")
def target(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("target")
    command = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), str(wheel)]
    subprocess.run([sys.executable, "-m", *command], check=True)
    for name in NEEDED:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin:
            path = Path(found.origin)
            path = path.parent if found.submodule_search_locations else path
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def consonant(target):
    """Run `consonant` alone with its needs; return its exit status and its lines."""
    script = target / "start.py"  # A file, for the processes that it spawns read it again.
    script.write_text(START.format(target=str(target)))

    def run(*words, given: bytes = b""):
        # -I and -S: no PYTHONPATH, no site-packages, no folder of the caller.
        command = [sys.executable, "-I", "-S", str(script), *map(str, words)]
        done = subprocess.run(command, input=given, capture_output=True, check=False, cwd=target)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        run.said = done.stderr.decode()
        return done.returncode, done.stdout.decode().splitlines()

    return run


@pytest.fixture(scope="session")
def files_of(wheel):
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def parsed(lines):
    return [(finding["level"], finding["what"], finding["index"]) for finding in map(json.loads, lines)]


@pytest.fixture(scope="session")
def sdk_path(target):
    """The wheel as it is installed, first among what can be imported: `import consonant` in a test is the SDK itself."""
    sys.path.insert(0, str(target))
    yield target
    sys.path.remove(str(target))


class Breakable(ThreadedWSGIServer):
    """Lets go of its connections when it goes, as a process that ends does."""

    def __init__(self, *args):
        super().__init__(*args)
        self.set_app(get_wsgi_application())
        self.taken = []

    def get_request(self):
        taken = super().get_request()
        self.taken.append(taken[0])
        return taken

    def server_close(self):
        for each in self.taken:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        super().server_close()


class Served:
    """A service with one app and one person, over real HTTP. It can go away and come back at the same address."""

    def __init__(self, state):
        self.state, self.user, self.app = state, UserFactory(), AppFactory(tenant=TenantFactory())
        self._port, self._server = 0, None
        self.begin()
        self.url = f"http://127.0.0.1:{self._port}"
        httpx.get(f"{self.url}/healthz", timeout=60)  # the first answer of a process takes longer than any other

    def begin(self):
        self._server = Breakable(("127.0.0.1", self._port), Quiet)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def go_away(self):
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def settings(self):
        from consonant import Settings

        return Settings(self.url, self.app.client_id, SECRET, self.state)

    def client(self):
        from consonant import Client

        return Client(self.settings())

    def answer(self, asked, choice="term"):
        """Answer a consent request as the person does; return the grant's id."""
        token = asked.url.rpartition("/consent/")[2].strip("/")
        return str(allow(token=token, user=self.user, choice=choice, locale="en", now=timezone.now()).id)

    def consent(self, operations=("upload", "embed", "synthesize"), choice="term", ref="user-1"):
        with self.client() as client:
            return self.answer(client.ask(ref, "voice-cloning", operations, "P30D"), choice)

    def switch_off(self, grant):
        withdraw(grant_id=grant, user=self.user, now=timezone.now())

    def seal(self):
        seal()


@pytest.fixture
def served(sdk_path, committed, settings, tmp_path, monkeypatch):
    from consonant import protocol

    for name in ("OPENING", "RECORDING", "CALLING"):  # as real, and shorter: an outage is waited for in many tests
        monkeypatch.setattr(protocol, name, 3.0)
    made = Served(tmp_path / "state")
    settings.PUBLIC_URL = made.url
    try:
        yield made
    finally:
        made.go_away()
        connection.close()
