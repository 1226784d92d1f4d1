"""`make run`: starts the whole service, says what it does, and stays in the foreground until it is told to stop.

Invariants:

- One service a folder of state (a lock, held by supervisord too).
- However this ends (Ctrl-C, SIGTERM, SIGHUP, SIGKILL of this, of its parent, of supervisord), nothing of the service lives a
  few seconds later; what was acknowledged is on the disk, and the next start goes on from there by the ordinary path.
- Every failure is one sentence, where useful with the last lines of the log that tells more.
"""

import contextlib
import http.client
import json
import os
import select
import signal
import stat
import sys
import time
from pathlib import Path
from types import FrameType

from deploy import child, embedded, preflight, steps
from deploy.child import Program, die_with_parent
from deploy.errors import DISK_FULL, CannotStart, ProgramFailed, is_disk_full, says_disk_full
from deploy.place import settle
from deploy.supervised import Supervisor

PROJECT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90.0
OWNER = "CONSONANT_OWNER_DATABASE_URL"


class Stop(BaseException):
    """Someone asked the service to stop; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _on_signal(number: int, _: FrameType | None) -> None:
    ignore_signals()  # once is enough: what follows is the orderly end
    raise Stop(number)


def stop_if_terminal_is_gone() -> None:
    """Stop where the terminal has hung up.

    The kernel tells only the session's leader. Where that is make (`ssh -t host make run`), make waits for this program and
    tells it nothing.
    """
    poll = select.poll()
    for stream in (0, 1, 2):
        poll.register(stream, 0)
    if any(event & select.POLLHUP and _is_terminal(stream) for stream, event in poll.poll(0)):
        ignore_signals()
        raise Stop(signal.SIGHUP)


def _is_terminal(stream: int) -> bool:
    """Say whether a stream is or was a terminal; one that hung up answers nothing, not even that."""
    return stat.S_ISCHR(os.fstat(stream).st_mode)


def say(sentence: str) -> None:
    """Tell the terminal, where there still is one."""
    with contextlib.suppress(OSError):
        print(sentence, flush=True)


class Follower:
    """Passes on to the terminal what is added to a log: the letters which a local service prints instead of sending."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0

    def look(self) -> None:
        """Print what is new; after a rotation, begin with the new file."""
        try:
            size = self._log.stat().st_size
            self._at = min(self._at, size) if size >= self._at else 0
            with self._log.open("rb") as log:
                log.seek(self._at)
                new = log.read()
                self._at = log.tell()
        except FileNotFoundError:
            return
        if new:
            with contextlib.suppress(OSError):
                sys.stdout.write(new.decode(errors="replace"))
                sys.stdout.flush()


def service_programs(*, var: Path) -> dict[str, Program]:
    """Say how the service's own programs run."""
    celery = ["-m", "celery", "-A", "config"]
    return {
        "web": steps.python(PROJECT, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "config.wsgi"),
        "sequencer": steps.manage(PROJECT, "sequence"),
        "publisher": steps.manage(PROJECT, "publish"),
        "expiry": steps.manage(PROJECT, "expire"),
        "worker": steps.python(
            PROJECT, *celery, "worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "INFO"
        ),
        "courier": steps.python(
            PROJECT,
            *celery,
            "worker",
            "-Q",
            "hooks",
            "-n",
            "courier@%h",
            "--pool",
            "threads",
            "--concurrency",
            "4",
            "--loglevel",
            "INFO",
        ),
        "beat": steps.python(PROJECT, *celery, "beat", "--schedule", str(var / "run" / "beat"), "--pidfile", ""),
    }


def write_service_env(path: Path, values: dict[str, str]) -> None:
    """Leave the addresses for a second terminal's `manage.py`; whole or not at all, for this account only."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    fresh.replace(path)


def is_ready(port: int) -> bool:
    """Ask the service whether it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def announce(*, url: str, var: Path, seconds: float) -> None:
    """Print where to go and how to log in."""
    lines = ["", f"  portal  {url}/", f"  admin   {url}/admin/"]
    note = var / "secrets" / "demo.json"
    if note.is_file():
        demo = json.loads(note.read_text(encoding="utf-8"))
        lines += [
            f"  {who:<8}{demo[who]['email']}   password {demo[who]['password']}"
            for who in ("speaker", "officer")
            if who in demo
        ]
        if "totp" in demo.get("officer", {}):
            lines.append("  code    `make code` in a second terminal: the officer's second factor")
    lines += [
        f"  logs    {var / 'log'}",
        "",
        f"ready in {seconds:.1f} s. Ctrl-C stops everything; `make demo` in a second terminal shows the main job.",
    ]
    say("\n".join(lines))


def run(*, var: Path, port: int, began: float) -> None:
    """Start everything, then watch it until a signal or a failure."""
    if os.environ.get("CONSONANT_MODE", "local") != "local":
        raise CannotStart(
            "`make run` is for one machine and makes demonstration accounts: leave CONSONANT_MODE unset, "
            "or run the programs one by one as docs/operations.md says."
        )
    preflight.make_var(var)
    lock = preflight.take_lock(var)
    preflight.check_disk(var)
    preflight.check_port(port)
    own_postgres, own_redis = not os.environ.get("DATABASE_URL"), not os.environ.get("CELERY_BROKER_URL")
    place = settle(var=var, postgres=own_postgres, redis=own_redis, say=say)
    embedded.prepare(place, durable=True, say=say)
    url = os.environ.get("CONSONANT_PUBLIC_URL") or f"http://127.0.0.1:{port}"
    service = {
        "CONSONANT_MODE": "local",
        "DATABASE_URL": embedded.database_url(place) if own_postgres else os.environ["DATABASE_URL"],
        "CELERY_BROKER_URL": embedded.broker_url(place) if own_redis else os.environ["CELERY_BROKER_URL"],
        "CONSONANT_PUBLIC_URL": url,
        "PORT": str(port),
    }
    owner = {OWNER: embedded.owner_url(place) if own_postgres else os.environ.get(OWNER, "")}
    write_service_env(var / "run" / "service.env", service | owner)
    environment = {**os.environ, **service, "CONSONANT_VAR": str(var), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    environment.pop(OWNER, None)  # the service itself never acts as the owner
    environment |= {"CONSONANT_PYTHON": sys.executable, "CONSONANT_CHILD": child.__file__}
    listing = var / "run" / "setup.json"
    listing.write_text(json.dumps(steps.programs(PROJECT)), encoding="utf-8")
    programs = {**embedded.programs(place, durable=True), **service_programs(var=var)}
    supervisor = Supervisor(var=var, sockets=place.sockets, programs=programs, environment=environment, lock=lock)
    try:
        supervisor.start()
        embedded.wait(place, alive=lambda: supervisor.check(patient=True))
        steps.compile_messages(PROJECT / "locale")
        steps.carry_out(listing=listing, log=var / "log" / "setup.log", environment=environment | owner, say=say)
        letters = Follower(var / "log" / "web.out.log")
        supervisor.start_service()
        say("Waiting for the service to answer")
        wait_until_ready(supervisor, port=port)
        announce(url=url, var=var, seconds=time.monotonic() - began)
        while True:
            supervisor.check(patient=True)
            letters.look()
            stop_if_terminal_is_gone()
            time.sleep(0.5)
    finally:
        ignore_signals()
        say("Stopping")
        supervisor.stop()


def wait_until_ready(supervisor: Supervisor, *, port: int) -> None:
    """Wait until the service answers that it is ready, and every program runs."""
    deadline = time.monotonic() + READY_SECONDS
    while not (is_ready(port) and supervisor.all_run()):
        supervisor.check(patient=False)
        stop_if_terminal_is_gone()
        if time.monotonic() > deadline:
            raise ProgramFailed(
                f"The service does not become ready within {READY_SECONDS:.0f} s. The end of web.log:",
                supervisor.tail("web"),
            )
        time.sleep(0.1)


def ignore_signals() -> None:
    """Let no further signal disturb the orderly end."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)


def main() -> int:
    """Run until told to stop; returns the exit code."""
    began = time.monotonic()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _on_signal)
    os.umask(0o077)
    var = Path(os.environ.get("CONSONANT_VAR") or PROJECT / "var").absolute()
    try:
        die_with_parent(parent=os.getppid(), death_signal=signal.SIGTERM)
        port = preflight.port_from(os.environ.get("PORT") or "8000")
        run(var=var, port=port, began=began)
    except Stop:
        say("Stopped")
        return 0
    except ProgramFailed as error:
        full = says_disk_full(error.tail) or preflight.is_full(var)
        return _fail(DISK_FULL) if full else _fail(f"{error}", error.tail)
    except CannotStart as error:
        return _fail(f"{error}")
    except OSError as error:
        return _fail(DISK_FULL if is_disk_full(error) else f"The service cannot start: {error}.")
    return 0


def _fail(sentence: str, lines: list[str] | None = None) -> int:
    with contextlib.suppress(OSError):
        print("\n".join([sentence, *(f"  {line}" for line in lines or [])]), file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
