"""Runs the service as `make run` does, and finds every process of it."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """One `deploy.run` and what it says."""

    def __init__(
        self,
        var: Path,
        *,
        project=PROJECT,
        port=None,
        prefix=(),
        python=sys.executable,
        environment=None,
        default_var=False,
    ):
        self.var = var
        self.port = port or free_port()
        self.lines = []
        self._marks = {str(var)}
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CONSONANT_", "LANG", "LC_", "DATABASE_", "CELERY_", "DJANGO_"))
        }
        env |= {"PORT": str(self.port), **({} if default_var else {"CONSONANT_VAR": str(var)}), **(environment or {})}
        self.process = subprocess.Popen(
            [*prefix, python, "-m", "deploy.run"],
            cwd=project,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    @property
    def said(self):
        return "\n".join(self.lines)

    def wait_ready(self, seconds=180):
        deadline = time.monotonic() + seconds
        while not any(line.startswith("ready in") for line in self.lines):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        self.note_marks()
        return self

    def note_marks(self):
        for name in ("sockets", "servers"):
            note = self.var / "run" / name
            if note.is_file():
                self._marks.add(note.read_text().strip())

    def processes(self):
        """Every process of ours: its folder, its command or its environment names our folders."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                text = (
                    f"{(entry / 'cwd').readlink()}\0"
                    + (entry / "cmdline").read_text(errors="replace")
                    + "\0"
                    + (entry / "environ").read_text(errors="replace")
                )
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state != "Z" and any(mark in text for mark in self._marks):
                found[int(entry.name)] = (entry / "comm").read_text().strip() if entry.exists() else "gone"
        return found

    def supervisord(self):
        return int((self.var / "run" / "supervisord.pid").read_text())

    def of(self, name):
        """The process number of one program, as supervisord's log last gave it."""
        log = (self.var / "log" / "supervisord.log").read_text()
        return int(re.findall(rf"spawned: '{name}' with pid (\d+)", log)[-1])

    def wait_gone(self, seconds=15):
        deadline = time.monotonic() + seconds
        while left := self.processes():
            assert time.monotonic() < deadline, (left, self.said)
            time.sleep(0.1)

    def wait_ended(self, seconds=30):
        code = self.process.wait(timeout=seconds)
        self._reader.join(timeout=5)
        return code

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def database_url(self, name="DATABASE_URL"):
        return next(
            line.partition("=")[2]
            for line in (self.var / "run" / "service.env").read_text().splitlines()
            if line.startswith(f"{name}=")
        )

    def owner_url(self):
        return self.database_url("CONSONANT_OWNER_DATABASE_URL")

    def end(self):
        """Whatever the test did, leave nothing."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(timeout=5)
