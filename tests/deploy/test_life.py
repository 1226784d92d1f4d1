"""The service's life: it starts, goes on with its data, and leaves nothing running however it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from tests.deploy.stack import PROJECT, Service, free_port

SOAK = os.environ.get("CONSONANT_SOAK") == "1"
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc and PR_SET_PDEATHSIG are Linux's"),
]


@pytest.fixture(scope="module")
def var(tmp_path_factory):
    """One folder of state for the whole life, with a space, a quote and what a configuration file takes for a comment."""
    path = tmp_path_factory.mktemp("life") / "a %d 'folder ;#1" / "var"
    yield path
    for name in ("servers", "sockets"):
        if (path / "run" / name).is_file():
            shutil.rmtree((path / "run" / name).read_text().strip(), ignore_errors=True)


@pytest.fixture
def service(var):
    running = Service(var)
    yield running
    running.end()


def test_starts_without_lang_and_refuses_a_second(service, var):
    service.wait_ready()
    assert service.is_ready()
    assert (var / "run" / "service.env").stat().st_mode & 0o777 == 0o600
    with psycopg.connect(service.owner_url()) as connection:
        connection.execute("CREATE TABLE kept (at int)")
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)

    second = Service(var)
    assert second.wait_ended() == 1
    assert second.lines == [
        f"The service already runs in this folder (process {service.process.pid}): stop it first, with Ctrl-C in its terminal."
    ]

    killed = service.of("postgres")
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while service.of("postgres") == killed or not service.is_ready():
        assert time.monotonic() < deadline, service.said
        time.sleep(0.2)

    service.process.send_signal(signal.SIGINT)
    assert service.wait_ended() == 0
    assert service.lines[-2:] == ["Stopping", "Stopped"]
    service.wait_gone(seconds=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP] if SOAK else [signal.SIGTERM])
def test_goes_on_and_ends_at_a_signal(service, number):
    service.wait_ready()
    with psycopg.connect(service.owner_url()) as connection:
        connection.execute("SELECT at FROM kept")
    os.killpg(service.process.pid, number)
    assert service.wait_ended() == 0
    service.wait_gone(seconds=1)


def test_killed_it_leaves_nothing_and_starts_again(service):
    service.wait_ready()
    service.process.kill()
    service.wait_gone()


def test_killed_supervisor_ends_the_service_with_a_sentence(service):
    service.wait_ready()
    os.kill(service.supervisord(), signal.SIGKILL)
    assert service.wait_ended() == 1
    assert "The supervisor has died, so the service stops." in service.lines
    service.wait_gone(seconds=1)


def test_killed_parent_ends_the_service(var):
    parent = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"]
    service = Service(var, prefix=parent)
    try:
        service.wait_ready()
        service.process.kill()
        service.wait_gone()
    finally:
        service.end()


def test_a_terminal_that_hangs_up_ends_the_service_though_only_its_leader_is_told(var):
    """As after `ssh -t host make run`: the leader waits for the service and passes nothing on."""
    leader = "import os, pty, signal, subprocess, sys; pid, fd = pty.fork()\n"
    leader += (
        "if pid == 0: signal.signal(signal.SIGHUP, signal.SIG_IGN); sys.exit(subprocess.run(sys.argv[1:]).returncode)\n"
    )
    leader += "for line in os.fdopen(fd, closefd=False): print(line.strip(), flush=True); line.startswith('ready in') and os.close(fd)"
    service = Service(var, prefix=[sys.executable, "-c", leader])
    try:
        service.wait_ready()
        service.wait_gone()
    finally:
        service.end()


def test_stopped_while_it_starts_it_leaves_nothing(var):
    service = Service(var)
    try:
        deadline = time.monotonic() + 30
        while "Preparing the database" not in service.lines:
            assert time.monotonic() < deadline, service.said
            time.sleep(0.02)
        service.note_marks()
        service.process.send_signal(signal.SIGTERM)
        assert service.wait_ended() == 0
        service.wait_gone(seconds=1)
    finally:
        service.end()


def test_says_which_port_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = Service(tmp_path / "var", port=port)
        assert service.wait_ended() == 1
    assert service.lines == [f"Port {port} is taken by another program: `make run PORT={port + 1}` takes another."]


def test_says_that_var_is_a_file(tmp_path):
    (tmp_path / "var").touch()
    service = Service(tmp_path / "var", port=free_port())
    assert service.wait_ended() == 1
    assert service.lines == [
        f"{tmp_path / 'var'} is not a folder, and the service keeps its state there: move it away and start again."
    ]


def clone(target):
    """Copy the project as a fresh clone would have it."""
    shutil.copytree(
        PROJECT,
        target,
        ignore=shutil.ignore_patterns(".git", ".venv*", "var", "__pycache__", "site", ".*_cache", "*.mo"),
        symlinks=True,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers need an account of their own")
def test_root_runs_a_clone_in_a_closed_folder_of_a_long_path(tmp_path):
    tmp_path.chmod(0o700)
    folder = tmp_path.joinpath(*["a folder whose name is long " * 5] * 2) / "clone"
    folder.parent.mkdir(parents=True)
    clone(folder)
    service = Service(folder / "var", project=folder, default_var=True)
    try:
        service.wait_ready()
        home = (folder / "var" / "run" / "servers").read_text().strip()
        assert home.startswith("/var/lib/consonant-")
        assert f"their data is in {home}" in service.said
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        owner = Path(f"{home}/postgres").stat().st_uid
        assert owner != 0
        assert Path(f"/proc/{service.of('postgres')}").stat().st_uid == owner
        assert Path(f"/proc/{service.of('redis')}").stat().st_uid == owner
        assert Path(f"/proc/{service.of('web')}").stat().st_uid == 0
    finally:
        service.end()
        service.wait_gone()
        for name in ("servers", "sockets"):
            shutil.rmtree((folder / "var" / "run" / name).read_text().strip(), ignore_errors=True)


@pytest.fixture
def accounts(tmp_path):
    """Two new ordinary accounts of this machine."""
    names = [f"consonant-t{os.getpid() % 10000}{letter}" for letter in "ab"]
    for name in names:
        subprocess.run(
            ["useradd", "--create-home", "--home-dir", f"/home/{name}", "--shell", "/bin/sh", name], check=True
        )
    yield names
    for name in names:
        subprocess.run(["userdel", "--remove", name], check=True, capture_output=True)


def as_nobody(*argv):
    return (
        subprocess.run(argv, user="nobody", extra_groups=[], cwd="/", capture_output=True, check=False).returncode == 0
    )


@pytest.fixture(scope="session")
def open_python(tmp_path_factory):
    """An interpreter, with the packages, that every account of this machine can run: (program, environment)."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    if as_nobody("sh", "-c", 'exec "$0" -c "import django"', sys.executable):
        yield sys.executable, {}
        return
    folder = Path(tempfile.gettempdir()) / f"consonant-python-{os.getpid()}"
    folder.mkdir(mode=0o755)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    skipped = shutil.ignore_patterns("test", "tests", "site-packages", "__pycache__", "idlelib", "*.a", "config-*")
    shutil.copytree(f"{sys.base_prefix}/lib/{version}", folder / "lib" / version, ignore=skipped)
    for library in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        shutil.copy2(library, folder / "lib")
    (folder / "bin").mkdir()
    shutil.copy2(os.path.realpath(sys.executable), folder / "bin" / version)
    if not as_nobody("test", "-r", f"{packages}/django/__init__.py"):
        packages = shutil.copytree(
            packages, folder / "packages", ignore=shutil.ignore_patterns("__pycache__", "playwright", "mypy", "pip")
        )
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
    yield (
        str(folder / "bin" / version),
        {"PYTHONHOME": str(folder), "PYTHONPATH": str(packages), "LD_LIBRARY_PATH": str(folder / "lib")},
    )
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes accounts")
def test_two_ordinary_accounts_at_once(accounts, open_python):
    python, environment = open_python
    services = []
    try:
        for name in accounts:
            folder = Path(f"/home/{name}/clone")
            clone(folder)
            subprocess.run(["chown", "-R", f"{name}:", str(folder)], check=True)
            prefix = ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--"]
            own = {**environment, "HOME": f"/home/{name}", "XDG_RUNTIME_DIR": ""}
            services.append(
                Service(folder / "var", project=folder, default_var=True, prefix=prefix, python=python, environment=own)
            )
        for service in services:
            service.wait_ready()
            assert service.is_ready()
            assert service.var.stat().st_mode & 0o777 == 0o700
        theirs = services[1]
        sockets = (theirs.var / "run" / "sockets").read_text().strip()
        answer = subprocess.run(
            ["test", "-x", sockets], user=accounts[0], group=accounts[0], extra_groups=[], cwd="/", check=False
        )
        assert answer.returncode != 0
        for service in services:
            service.process.send_signal(signal.SIGINT)
        for service in services:
            assert service.wait_ended() == 0
            service.wait_gone(seconds=1)
    finally:
        for service in services:
            service.end()
            note = service.var / "run" / "sockets"
            if note.is_file():
                shutil.rmtree(note.read_text().strip(), ignore_errors=True)
