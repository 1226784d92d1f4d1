"""What must hold before anything starts; each failure is one sentence and its cure."""

import errno
import fcntl
import os
import shutil
import socket
import time
from pathlib import Path
from typing import IO

from deploy.errors import CannotStart

MIN_FREE_BYTES = 500 * 1024 * 1024
FULL_BYTES = 8 * 1024 * 1024
FOLDERS = ("run", "log", "secrets")
MAX_VAR_BYTES = 450  # SQLite, which keeps the keys, opens no path beyond 512 bytes
PORT_PATIENCE = 3.0
END_PATIENCE = 30.0


def port_from(text: str) -> int:
    """Read PORT."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise CannotStart(f"PORT is {text!r}, and a port is a number from 1 to 65535: `make run PORT=8001`.")
    return int(text)


def check_port(port: int) -> None:
    """Raise where the port is taken; wait a moment for a service that is just ending."""
    deadline = time.monotonic() + PORT_PATIENCE
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except PermissionError:
                raise CannotStart(f"Port {port} is reserved for root: `make run PORT=8000` takes another.") from None
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return
        if time.monotonic() > deadline:
            raise CannotStart(
                f"Port {port} is taken by another program: `make run PORT={port + 1 if port < 65535 else 8000}` takes another."
            )
        time.sleep(0.1)


def make_var(var: Path) -> None:
    """Make the folder of state and the folders that starting needs; raise where that cannot be."""
    if (length := len(os.fsencode(var))) > MAX_VAR_BYTES:
        raise CannotStart(
            f"The path of the service's state is {length} bytes long and the key store takes {MAX_VAR_BYTES}: "
            "move the project to a shorter one, or name another folder with CONSONANT_VAR."
        )
    if var.exists() and not var.is_dir():
        raise CannotStart(
            f"{var} is not a folder, and the service keeps its state there: move it away and start again."
        )
    database = (var / "postgres").exists()
    if database and not (var / "secrets").is_dir():
        raise CannotStart(
            f"{var} holds a database but not its secrets folder: bring back {var / 'secrets'} from its backup, or move {var} away to begin anew."
        )
    try:
        if not var.exists():
            var.mkdir(parents=True)
            var.chmod(
                0o711 if os.geteuid() == 0 else 0o700
            )  # as root, the servers' account passes through, and sees nothing
        for name in FOLDERS:
            folder = var / name
            if folder.exists() and not folder.is_dir():
                raise CannotStart(f"{folder} is not a folder: move it away and start again.")
            folder.mkdir(mode=0o700, exist_ok=True)
        probe = var / "run" / ".writable"
        probe.touch()
        probe.unlink()
    except (PermissionError, FileNotFoundError, NotADirectoryError) as error:
        raise CannotStart(
            f"{error.filename} cannot be written by this account: {(error.strerror or '').lower()}."
        ) from None


def check_disk(folder: Path) -> None:
    """Raise where the disk is too full to start."""
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        raise CannotStart(
            f"Only {free // 1024**2} MB are free on the disk of {folder}, and the service needs 500 MB: free some space and start again."
        )


def is_full(folder: Path) -> bool:
    """Say whether the disk is so full that a program which has ended most likely ended for it."""
    return shutil.disk_usage(folder).free < FULL_BYTES


def take_lock(var: Path) -> IO[str]:
    """Take this folder's lock, which supervisord inherits and so holds until it has stopped everything."""
    lock = (var / "run" / "lock").open("a+", encoding="utf-8")
    deadline = time.monotonic() + END_PATIENCE
    said = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            if not holder or _lives(int(holder)) or time.monotonic() > deadline:
                raise CannotStart(
                    f"The service already runs in this folder (process {holder or 'unknown'}): stop it first, with Ctrl-C in its terminal."
                ) from None
            if not said:
                print("Waiting for the last run to end", flush=True)
                said = True
            time.sleep(0.1)
        else:
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            return lock


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
