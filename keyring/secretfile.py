"""Secrets that a first start makes: one file each, mode 600, in a folder of mode 700.

A file appears whole or not at all: it is written aside, synced and linked into place, so that of two processes that start together
one makes the secret and both read the same. A crash leaves at most an unused temporary file.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


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
