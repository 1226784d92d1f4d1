"""Secrets that a first start makes: one file each, mode 600, in a folder of mode 700.

A file appears whole or not at all: it is written aside, synced and linked into place, so that of two processes that start together
one makes the secret and both read the same. A crash leaves at most an unused temporary file.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from keyring.errors import KeyStoreBroken


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the secret in `path`, making it with `make` when there is none.

    Raises:
        OSError: The folder or the file cannot be read or written.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mkstemp makes mode 600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first; its secret counts
            os.link(aside, path)
    finally:
        os.unlink(aside)  # noqa: PTH108
    sync_folder(path.parent)
    return path.read_bytes()


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_private(path: Path) -> bytes:
    """Return what is in a file that nobody but its owner may read.

    Raises:
        KeyStoreBroken: It is missing, cannot be read, or others may read or write it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read()
    except FileNotFoundError:
        raise KeyStoreBroken(f"{path} is missing") from None
    except OSError as error:
        raise KeyStoreBroken(f"{path} cannot be read: {error.strerror}") from None
    if mode & ~0o600:
        raise KeyStoreBroken(f"{path} has mode {mode:o}, so others may use what is in it; chmod 600 it")
    return data
