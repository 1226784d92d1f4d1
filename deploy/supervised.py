"""The supervisor: its configuration, its control, and its end.

Every program is a foreground child of one supervisord, started through child.py, so that it dies with it. The configuration
names no path: programs are rows of `run/programs.json`, read by child.py, for in supervisor's file a `%`, a quote or a ` ;`
in a path would mean something. supervisord runs in a session of its own (a terminal's signals do not reach it: it takes SIGHUP
for "reload") and dies with the process that started it.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from supervisor.xmlrpc import SupervisorTransport

from deploy.child import Program, adopt_orphans
from deploy.embedded import start
from deploy.errors import ProgramFailed

SERVERS = ("postgres", "redis")
STOP_SECONDS = 25.0
STRAGGLERS_SECONDS = 8.0
HEADER = """\
[supervisord]
nodaemon=true
silent=true
logfile=log/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile=run/supervisord.pid
childlogdir=log
umask=077

[unix_http_server]
file=%(sockets)s/supervisor.sock
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """
[program:%(name)s]
command=/bin/sh -c 'exec "$CONSONANT_PYTHON" -P "$CONSONANT_CHILD" %(name)s'
autostart=%(autostart)s
autorestart=true
startsecs=1
startretries=%(retries)s
stopsignal=%(stopsignal)s
stopwaitsecs=10
stopasgroup=false
killasgroup=true
stdout_logfile=log/%(name)s%(out)s.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
redirect_stderr=%(redirect)s
stderr_logfile=log/%(name)s.log
stderr_logfile_maxbytes=10MB
stderr_logfile_backups=3
"""
GROUP = """
[group:%(group)s]
programs=%(programs)s
priority=%(priority)s
"""
Programs = Mapping[str, Program]


def configuration(*, programs: Programs, sockets: Path) -> str:
    """Write supervisor's file. Servers start first and stop last; the service's programs wait to be told."""
    servers = [name for name in programs if name in SERVERS]
    service = [name for name in programs if name not in SERVERS]
    text = HEADER % {"sockets": sockets}
    for name in programs:
        text += PROGRAM % {
            "name": name,
            "autostart": "true" if name in SERVERS else "false",
            "retries": 20 if name in SERVERS else 10,
            "stopsignal": programs[name]["death_signal"].removeprefix("SIG"),
            "out": ".out" if name == "web" else "",
            "redirect": "false" if name == "web" else "true",
        }
    for group, members, priority in (("servers", servers, 1), ("service", service, 2)):
        if members:
            text += GROUP % {"group": group, "programs": ",".join(members), "priority": priority}
    return text


def _supervisord(var: Path) -> Program:
    argv = [sys.executable, "-m", "supervisor.supervisord", "-c", "run/supervisord.conf"]
    return Program(argv=argv, cwd=str(var), env={}, inherit=True, account=None, death_signal="SIGTERM")


class Supervisor:
    """One running supervisord and the programs under it. `stop` leaves no process of theirs."""

    def __init__(
        self, *, var: Path, sockets: Path, programs: Programs, environment: dict[str, str], lock: IO[str]
    ) -> None:
        self._var = var
        self._process: subprocess.Popen[bytes] | None = None
        self._listing = var / "run" / "programs.json"
        self._listing.write_text(json.dumps({**programs, "supervisord": _supervisord(var)}), encoding="utf-8")
        (var / "run" / "supervisord.conf").write_text(
            configuration(programs=programs, sockets=sockets), encoding="utf-8"
        )
        self._socket = sockets / "supervisor.sock"
        self._environment = environment
        self._lock = lock

    def start(self) -> None:
        """Start supervisord, and with it the servers."""
        self._socket.unlink(missing_ok=True)
        adopt_orphans()
        log = self._var / "log" / "supervisord.out.log"
        self._process = start(
            "supervisord", listing=self._listing, log=log, environment=self._environment, lock=self._lock
        )

    def _call(self, method: str, *arguments: Any) -> Any:
        transport: Any = SupervisorTransport(None, None, f"unix://{self._socket}")
        with contextlib.closing(transport):
            return getattr(xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor, method)(
                *arguments
            )

    def start_service(self) -> None:
        """Start the service's own programs."""
        self._call("startProcessGroup", "service", False)

    def check(self, *, patient: bool) -> None:
        """Raise where supervisord has died or a program has failed. `patient` lets a program that died start again."""
        if self._process is None or self._process.poll() is not None:
            raise ProgramFailed("The supervisor has died, so the service stops.", self.tail("supervisord.out"))
        try:
            states = self._call("getAllProcessInfo")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return  # it is just starting, or just dying: the next look will say
        failed = {"FATAL"} if patient else {"FATAL", "BACKOFF", "EXITED"}
        for row in states:
            if row["statename"] in failed:
                raise ProgramFailed(
                    f"{row['name']} does not run. The end of {self._var / 'log' / row['name']}.log:",
                    self.tail(row["name"]),
                )

    def all_run(self) -> bool:
        """Say whether every program runs."""
        try:
            return all(row["statename"] == "RUNNING" for row in self._call("getAllProcessInfo"))
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def tail(self, name: str) -> list[str]:
        """Last 20 lines of a program's log."""
        try:
            with (self._var / "log" / f"{name}.log").open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 20_000))
                return log.read().decode(errors="replace").splitlines()[-20:]
        except FileNotFoundError:
            return []

    def stop(self) -> None:
        """Stop everything: ask supervisord, then end whatever it left."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        end_children()


def end_children() -> None:
    """Wait for the orphans adopted from supervisord, which the kernel has told to end; kill those who do not."""
    deadline = time.monotonic() + STRAGGLERS_SECONDS
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        if time.monotonic() > deadline:
            for pid in _children():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []
