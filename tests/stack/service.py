"""The whole service as `make run` starts it, in a folder of its own, and what a test may do to it from outside."""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
from supervisor.xmlrpc import SupervisorTransport

from deploy.demo_parties import App, Service, Speaker, expect
from deploy.place import find_postgres
from tests.traces import traces

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120.0
ORPHAN_GRACE_SECONDS = 5
SERVICE_MADE = (
    "artifact.key_destroyed",
    "artifact.erased",
    "artifact.erase_requested",
    "artifact.lapsed",
    "session.closed",
    "consent.expired",
    "consent.exhausted",
    "log.head",
)
"""Kinds of entries that time alone makes."""
PLATFORM_KEYS = (
    "heads:platform",
    "log:consonant.local/platform.log",
    "certificates:consonant.local/platform.log",
    "deliveries:platform",
)
"""What the publisher makes a moment after the start, and the courier before its first delivery."""
VOLATILE = {
    "django_session",
    "hooks_delivery",
    "ledger_alarm",
    "ledger_log",
    "ledger_pending",
    "ledger_entry",
    "ledger_checkpoint",
    "ledger_opening",
    "retention_change",  # the sweep follows what ended
}


def until(condition: Callable[[], object], *, within: float, what: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"within {within:.0f} s: {what}"
        time.sleep(0.05)


class PatientTransport(httpx.BaseTransport):
    """Tries again while the service is away or says when: on errors of the connection and on 5xx, as a good client of it would."""

    def __init__(self, within: float = 30.0) -> None:
        self._inner = httpx.HTTPTransport(trust_env=False)
        self._within = within

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        deadline = time.monotonic() + self._within
        while True:
            with contextlib.suppress(httpx.TransportError):
                response = self._inner.handle_request(request)
                later = response.status_code >= 500 or "Retry-After" in response.headers
                if not later or time.monotonic() > deadline:
                    return response
                response.read()
                response.close()
            assert time.monotonic() < deadline, f"{request.method} {request.url.path} was never answered"
            time.sleep(0.2)

    def close(self) -> None:
        self._inner.close()


class RecordingApp(App):
    """An app that remembers what must never be found where it does not belong."""

    def __init__(self, client: httpx.Client, login: dict[str, str], secrets: set[str]) -> None:
        super().__init__(client, login)
        self._secrets = secrets

    def authenticate(self, scope: str = "consent record hooks") -> None:
        super().authenticate(scope)
        self._secrets.add(self.token)

    def ask(self, subject_ref: str, **words):
        asked = super().ask(subject_ref, **words)
        self._secrets |= {subject_ref, asked["url"].rstrip("/").rsplit("/", 1)[-1]}
        return asked

    def upload(self, session: str, audio: bytes, *, ttl: str = "", key: str = ""):
        self._secrets |= {key} - {""}
        return super().upload(session, audio, ttl=ttl, key=key)

    def record(self, kind: str, session: str, *, key: str = "", **facts):
        mark = facts.get("mark", {})
        said = {value for value in mark.values() if isinstance(value, str)} - {
            mark.get("kind"),
            mark.get("audible_label"),
        }
        self._secrets |= {key, *said} - {""}
        return super().record(kind, session, key=key, **facts)

    def subscribe(self, event: str, target_url: str):
        made = super().subscribe(event, target_url)
        self._secrets |= {made["secret"], made["secret"].removeprefix("whsec_").rstrip("=")}
        return made


class Stack:
    """One running service."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="cst-"))
        self._folder.chmod(0o711 if os.geteuid() == 0 else 0o700)  # as root, the servers' account passes through
        self.var = self._folder / "var"
        self._output = self._folder / "output"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.secrets: set[str] = set()
        """Subject references, link tokens and access tokens that were in use."""
        self._clients: list[httpx.Client] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        own = {"DATABASE_URL", "CELERY_BROKER_URL", "PORT", "DJANGO_SETTINGS_MODULE"}
        kept = {
            name: value for name, value in os.environ.items() if name not in own and not name.startswith("CONSONANT_")
        }
        return {
            **kept,
            "CONSONANT_VAR": str(self.var),
            "PORT": str(self.port),
            "CONSONANT_ORPHAN_GRACE_SECONDS": str(ORPHAN_GRACE_SECONDS),
        }

    def start(self) -> None:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.run"], cwd=PROJECT, env=self.environment, stdout=output, stderr=output
            )

        def is_ready() -> bool:
            said = self._output.read_text(encoding="utf-8", errors="replace")
            assert self._process is not None
            assert self._process.poll() is None, f"the service did not start: {said}"
            return "ready in" in said

        try:
            until(is_ready, within=READY_SECONDS, what="the service is ready")
        except AssertionError:
            assert self._process is not None
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=60)
            raise

    def stop(self) -> None:
        """Stop it as Ctrl-C does; nothing of it may live then."""
        for client in self._clients:
            client.close()
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(timeout=60)
        left = self.processes()
        # Letters that a local service prints are no log.
        logs = [path for path in (self.var / "log").iterdir() if not path.name.startswith("web.out.log")]
        said = {path.name: traces(path.read_text(encoding="utf-8", errors="replace")) for path in logs}
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree((self.var / "run" / "sockets").read_text(encoding="utf-8").strip())
        shutil.rmtree(self._folder)
        assert code == 0
        assert not left
        assert len(said) > 5
        assert {name: found for name, found in said.items() if found} == {}

    def processes(self) -> list[int]:
        """Processes of this machine that name our folder in their command line or environment."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.var).encode() in (process / "cmdline").read_bytes() + (process / "environ").read_bytes():
                    found.append(int(process.name))
        return found

    # What is there.

    def service(self) -> Service:
        return Service.of(self.var)

    def client(self, *, patient: bool = False, **options) -> httpx.Client:
        transport = {"transport": PatientTransport()} if patient else {}
        client = self.service().client(**transport, **options)
        self._clients.append(client)
        return client

    def app(self, login: dict[str, str] | None = None, *, patient: bool = False) -> RecordingApp:
        """A signed-in app: the demonstration's, or another."""
        app = RecordingApp(self.client(patient=patient), login or self.service().logins["app"], self.secrets)
        app.authenticate()
        return app

    def speaker(self, *, patient: bool = False) -> Speaker:
        """The demonstration's speaker, signed in."""
        client = self.client(patient=patient, headers={"Accept-Language": "en"})
        speaker = Speaker(client, self.service().logins["speaker"])
        speaker.visit("/apps/")
        return speaker

    def run_manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a second terminal does: the running service's addresses come from its folder."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False)

    def manage(self, *arguments: str) -> str:
        done = self.run_manage(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def create_app(self, name: str, tenant: str) -> dict[str, str]:
        lines = self.manage("create_app", name, "--tenant", tenant).splitlines()
        login = dict(line.split("=", 1) for line in lines if "=" in line)
        self.secrets.add(login["client_secret"])
        return login

    def _address(self, name: str) -> str:
        lines = (self.var / "run" / "service.env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)[name]

    @property
    def database_url(self) -> str:
        """The database as the service sees it."""
        return self._address("DATABASE_URL")

    @property
    def owner_url(self) -> str:
        """The database as its owner sees it."""
        return self._address("CONSONANT_OWNER_DATABASE_URL")

    @property
    def broker_url(self) -> str:
        """The broker as Redis' own client writes its address."""
        address = self._address("CELERY_BROKER_URL")
        return address.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")

    def sql(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, values or None).fetchall()

    def dump(self) -> str:
        """All of the database, as text."""
        command = [str(find_postgres() / "bin" / "pg_dump"), "--load-via-partition-root", self.owner_url]
        return subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout

    def vault_files(self) -> set[str]:
        return {path.name for folder in self.var.glob("vault*") for path in folder.rglob("*") if path.is_file()}

    def keys(self) -> dict[str, bytes]:
        """Names and wrapped keys of the key store."""
        with contextlib.closing(
            sqlite3.connect(f"file:{self.var}/keys/keys.sqlite3?mode=ro", uri=True, timeout=30)
        ) as store:
            return dict(store.execute("SELECT name, wrapped FROM key"))

    def artifact_keys(self) -> set[str]:
        return {name.partition(":")[2] for name in self.keys() if name.startswith(("voice:", "face:"))}

    def census(self) -> dict[str, int]:
        """Rows of every table in which a refused request must leave nothing, and entries by kind."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            tables = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
            )
            counting = (f"SELECT '{name}', count(*) FROM \"{name}\"" for (name,) in tables if name not in VOLATILE)
            counts = dict(connection.execute(" UNION ALL ".join(counting)).fetchall())
            kinds = connection.execute("SELECT kind, count(*) FROM ledger_opening GROUP BY kind").fetchall()
        return counts | {f"entry {kind}": count for kind, count in kinds if kind not in SERVICE_MADE}

    @contextlib.contextmanager
    def unchanged(self, *, refusals: int = 0) -> Iterator[None]:
        """What the block does leaves no row, no key, no bytes, and as many entered refusals as said."""
        rows, files, keys = self.census(), self.vault_files(), set(self.keys()) | set(PLATFORM_KEYS)
        yield
        rows["entry use.refused"] = rows.get("entry use.refused", 0) + refusals
        now = self.census()
        now.setdefault("entry use.refused", 0)
        assert now == rows
        assert not self.vault_files() - files
        assert set(self.keys()) <= keys

    # What can happen to it.

    def _supervisor(self, method: str, *arguments: object):
        sockets = (self.var / "run" / "sockets").read_text(encoding="utf-8").strip()
        transport = SupervisorTransport(None, None, f"unix://{sockets}/supervisor.sock")
        with contextlib.closing(transport):
            proxy = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)

    def pid(self, name: str) -> int:
        """The process of one program, 0 while it does not run; `web worker` is one of gunicorn's."""
        if name == "web worker":
            web = self.pid("web")
            children = Path(f"/proc/{web}/task/{web}/children").read_text(encoding="ascii").split()
            return int(children[0]) if len(children) == 2 else 0
        rows = {row["name"]: row for row in self._supervisor("getAllProcessInfo")}
        return rows[name]["pid"] if rows[name]["statename"] == "RUNNING" else 0

    def kill(self, name: str) -> float:
        """`kill -9` one program; return after how many seconds another runs and the service is ready again."""
        old, began = self.pid(name), time.monotonic()
        assert old
        os.kill(old, signal.SIGKILL)
        until(lambda: self.pid(name) not in {0, old}, within=45, what=f"{name} runs again")
        with self.service().client(transport=PatientTransport()) as client:
            expect(client.get("/readyz"), 200)
        return time.monotonic() - began
