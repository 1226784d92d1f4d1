"""The published log: a folder of static files, exactly as C2SP tlog-tiles lays them out.

Files appear whole: written aside, synced, renamed. Tiles and bundles never change once written; only `checkpoint` is replaced.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from keyring.secretfile import sync_folder


def folder_of(origin: str) -> Path:
    """Return the folder of the log."""
    return Path(settings.LOG_FOLDER, *origin.split("/"))


def read(origin: str, path: str) -> bytes:
    """Return one file.

    Raises:
        FileNotFoundError: It was not published.
    """
    return (folder_of(origin) / path).read_bytes()


def write(origin: str, files: Iterable[tuple[str, bytes]]) -> list[str]:
    """Write files, durable on return; return their paths."""
    folders, paths = set(), []
    for path, data in files:
        target = folder_of(origin) / path
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(aside).chmod(0o644)
            Path(aside).replace(target)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        folders.add(target.parent)
        paths.append(path)
    for folder in folders:
        for parent in (folder, *folder.parents):
            sync_folder(parent)
            if parent == folder_of(origin):
                break
    return paths


def drop_partials(origin: str, paths: Iterable[str]) -> None:
    """Delete the partial forms of those of the tiles and bundles that are full, as C2SP tlog-tiles allows once they are."""
    for path in paths:
        if ".p/" not in path:
            shutil.rmtree(folder_of(origin) / f"{path}.p", ignore_errors=True)
