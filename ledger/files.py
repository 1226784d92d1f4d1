"""Where the published log's files lie, and how to read and write them: a folder, or S3 where `LOG_STORE` says so.

The layout is that of C2SP tlog-tiles, the same in both, so that any web server or cache can serve it. Tiles, bundles and evidence are
immutable: writing one again with the same bytes changes nothing, and with others it is refused. `checkpoint` alone is replaced.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from django.conf import settings

from ledger.bucket import ALWAYS_ASK, FOR_EVER, Bucket
from ledger.errors import InvalidTile
from ledger.folder import Folder, folder_of
from ledger.tiles import parse_path

__all__ = [
    "ALWAYS_ASK",
    "EVIDENCE",
    "FOR_EVER",
    "Store",
    "as_folder",
    "drop_partials",
    "find",
    "lies_in_a_folder",
    "read",
    "remove",
    "store_of",
    "write",
]

EVIDENCE = re.compile(r"anchors/(0|[1-9][0-9]{0,18})\.([a-z0-9]{1,20})", flags=re.ASCII)
"""The path of a checkpoint that was anchored, and of the evidence for it."""


class Store(Protocol):
    """What holds the files of one log, by their paths."""

    def read(self, path: str) -> bytes:
        """Return one file; FileNotFoundError if there is none."""

    def write(self, files: Iterable[tuple[str, bytes]]) -> list[str]:
        """Write files, durable on return; return their paths; FileDiffers if one is there with other bytes."""

    def find(self, prefix: str = "") -> list[str]:
        """Return the paths of all files whose paths begin so, sorted."""

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files, if they are there."""

    def drop_partials(self, paths: Iterable[str]) -> None:
        """Delete the partial forms of the full tiles and bundles among the paths."""


def store_of(origin: str) -> Store:
    """Return the store of the log's published files."""
    if settings.LOG_STORE:
        return Bucket(settings.LOG_STORE, endpoint=settings.S3_ENDPOINT).below(origin)
    return Folder(folder_of(origin))


def read(origin: str, path: str) -> bytes:
    """Return one published file.

    Raises:
        FileNotFoundError: It was not published.
        StoreAway: The store does not say.
    """
    return store_of(origin).read(path)


def write(origin: str, files: Iterable[tuple[str, bytes]]) -> list[str]:
    """Write files, durable on return; return their paths. `checkpoint` comes after everything given before it.

    Raises:
        FileDiffers: One of them is there with other bytes.
        StoreAway: The store does not say; any of them may be written.
    """
    return store_of(origin).write(files)


def find(origin: str, prefix: str = "") -> list[str]:
    """Return the paths of those of the log's files that begin so, sorted."""
    return store_of(origin).find(prefix)


def remove(origin: str, paths: Iterable[str]) -> None:
    """Delete files that no signed head speaks of. What one speaks of may never go."""
    store_of(origin).remove(paths)


def drop_partials(origin: str, paths: Iterable[str]) -> None:
    """Delete the partial forms of those of the tiles and bundles that are full, as C2SP tlog-tiles allows once they are."""
    store_of(origin).drop_partials(paths)


def lies_in_a_folder() -> bool:
    """Say whether the published files lie in LOG_FOLDER."""
    return not settings.LOG_STORE


@contextmanager
def as_folder(origin: str) -> Iterator[Path]:
    """Give the published log as a folder, for what reads folders: its own, or a copy that is gone afterwards."""
    if lies_in_a_folder():
        yield folder_of(origin)
        return
    with tempfile.TemporaryDirectory(prefix="consonant-log-") as name:
        store = store_of(origin)
        # The checkpoint first: what it speaks of is there, and stays, but that a full tile may take a partial one's place.
        for path in ("checkpoint", *filter(_is_tile, store.find("tile/"))):
            with suppress(FileNotFoundError):
                data = store.read(path)
                Path(name, path).parent.mkdir(parents=True, exist_ok=True)
                Path(name, path).write_bytes(data)
        yield Path(name)


def _is_tile(path: str) -> bool:
    """Say whether a path that a store named is one: what else it names is not written anywhere."""
    try:
        parse_path(path)
    except InvalidTile:
        return False
    return True
