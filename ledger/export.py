"""Copy a published log to where nobody can change it: a bucket with object lock, or a folder of read-only files (WORM).

The copy of a log lies in `<to>/<origin>/`: `tile/...` exactly as published, `checkpoint-<size>` for each head that was exported, and the
evidence in `anchors/`. It only grows: a run adds what the log has at its head and had not at the last head exported, reads each file back,
and asks the server until when it is locked; then it verifies the copy, as anyone can; and writes `checkpoint-<size>` last. So a run that
was killed left whole files that no `checkpoint-<size>` speaks of; the next one finds those it needs there, and goes on. Nothing that is
there is ever written with other bytes.
"""

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from ledger import checkpoint, tiles
from ledger.bucket import Bucket
from ledger.checkpoint import Checkpoint
from ledger.errors import ExportFailed
from ledger.files import Store, store_of
from ledger.folder import Folder
from ledger.merkle import read_root
from ledger.models import Log
from ledger.note import Verifier
from ledger.verify import verify_log

READ_ONLY = 0o444
_MARK = "checkpoint-"
_AT_ONCE = 12
_BATCH = 64


@dataclass(frozen=True)
class Exported:
    """What a run did: how many entries the copy covers now, and before; how many files it wrote or found as they must be."""

    origin: str
    size: int
    before: int
    files: int


def target(to: str, *, origin: str, endpoint: str = "", retain_until: datetime | None = None) -> Folder | Bucket:
    """Return where the copy of the log lies: under a folder, or under `s3://bucket/prefix`.

    Raises:
        ValueError: A bucket's name is malformed, or a folder is to keep files for a time, which it cannot.
    """
    if to.startswith("s3://"):
        return Bucket(to, endpoint=endpoint, retain_until=retain_until).below(origin)
    if retain_until is not None:
        raise ValueError("a folder cannot keep files for a time: that takes a bucket with object lock")
    return Folder(Path(to, *origin.split("/")).absolute(), mode=READ_ONLY)


def export(  # noqa: PLR0913 - keywords of one act
    *, origin: str, to: str, now: datetime, endpoint: str = "", retain: timedelta | None = None, whole: bool = True
) -> Exported:
    """Bring the copy of the log in `to` to its published head. `retain` locks what is written for so long, from now.

    With `whole`, the whole copy is verified, leaf by leaf; without it, what was written, and that the copy's tiles lead to the root.

    Raises:
        ExportFailed: The copy is not what the log signed, is longer, or is not locked as asked.
        FileDiffers: The copy holds other bytes than the log.
        FileNotFoundError: The log has published nothing.
        StoreAway: A store does not say. Run it again.
        ValueError: See `target`.
    """
    until = (now + retain).replace(microsecond=0) if retain is not None else None
    copy = target(to, origin=origin, endpoint=endpoint, retain_until=until)
    if until is not None and isinstance(copy, Bucket) and not copy.locks():
        raise ExportFailed("the bucket has no object lock; it is turned on when a bucket is made")
    verifiers = [Verifier.from_vkey(Log.objects.get(origin=origin).vkey)]
    source = store_of(origin)
    note = source.read("checkpoint")
    head = checkpoint.open(note, verifiers)
    before = _last_head(copy, verifiers)
    if before.size > head.size:
        raise ExportFailed(f"the copy has {before.size} entries, and the log has published {head.size}")
    evidence = set(source.find("anchors/")) - set(copy.find("anchors/"))
    count = _bring(copy, ((tile.path, _read_tile(source, tile)) for tile in gained(before.size, head.size)), until)
    count += _bring(copy, ((path, source.read(path)) for path in sorted(evidence)), until)
    reader = tiles.TileReader(copy.read, head.size)
    for known in (before, head):
        if read_root(size=known.size, reader=reader) != known.root:
            raise ExportFailed(f"its tiles do not lead to the root that the log signed for {known.size} entries")
    if whole:
        with _as_folder(copy, head, note) as folder:
            found = next((each for each in verify_log(folder, verifiers) if each.level == "error"), None)
        if found is not None:
            raise ExportFailed(str(found))
    mark = f"{_MARK}{head.size}"
    if mark not in copy.find(mark):
        count += _bring(copy, [(mark, note)], until)
    return Exported(origin, head.size, before.size, count)


def gained(before: int, size: int) -> Iterator[tiles.Tile]:
    """Yield every tile and bundle of a tree of `size` entries that one of `before` entries has not."""
    for level in range(tiles.ENTRIES, tiles.MAX_LEVEL + 1):
        shift = tiles.HEIGHT * max(level, 0)
        if size >> shift == 0:
            return
        for index in range((before >> shift) // tiles.WIDTH, -(-(size >> shift) // tiles.WIDTH)):
            tile = tiles.tile_at(level=level, index=index, size=size)
            if tile is not None and tile != tiles.tile_at(level=level, index=index, size=before):
                yield tile


def _last_head(copy: Store, verifiers: list[Verifier]) -> Checkpoint:
    """Return the longest head that was exported whole; the empty one if none was."""
    sizes = [int(path.removeprefix(_MARK)) for path in copy.find(_MARK) if path.removeprefix(_MARK).isdecimal()]
    if not sizes:
        return Checkpoint("none", 0, read_root(size=0, reader=tiles.TileReader(copy.read, 0)))
    last = checkpoint.open(copy.read(f"{_MARK}{max(sizes)}"), verifiers)
    if last.size != max(sizes):
        raise ExportFailed(f"{_MARK}{max(sizes)} is the head of {last.size} entries")
    return last


def _read_tile(source: Store, tile: tiles.Tile) -> bytes:
    """Return a tile's bytes; a partial one that was dropped since is cut from the full one."""
    try:
        return source.read(tile.path)
    except FileNotFoundError:
        if tile.width == tiles.WIDTH:
            raise
    full = source.read(tiles.Tile(tile.level, tile.index).path)
    if tile.level == tiles.ENTRIES:
        return tiles.encode_bundle(tiles.decode_bundle(full)[: tile.width])
    return tiles.encode_tile(tiles.decode_tile(full)[: tile.width])


def _bring(copy: Folder | Bucket, files: Iterable[tuple[str, bytes]], until: datetime | None) -> int:
    """Write the files, read them back, see that they are locked; return how many."""
    count, rest = 0, iter(files)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while batch := list(islice(rest, _BATCH)):
            copy.write(batch)
            count += len(list(pool.map(lambda file: _check(copy, file[0], file[1], until), batch)))
    return count


def _check(copy: Folder | Bucket, path: str, data: bytes, until: datetime | None) -> None:
    if copy.read(path) != data:
        raise ExportFailed(f"{path} reads back otherwise than it was written")
    if until is None or isinstance(copy, Folder):
        return
    locked = copy.locked_until(path)
    if locked is None or locked < until:  # left by a run that was killed, or that kept it for less long
        copy.lock(path, until=until)
        locked = copy.locked_until(path)
    if locked is None or locked < until:
        raise ExportFailed(f"{path} is not locked until {until.isoformat()}")


@contextmanager
def _as_folder(copy: Folder | Bucket, head: Checkpoint, note: bytes) -> Iterator[Path]:
    """Give the copy, at that head, as a folder that `verify_log` reads; a bucket's is fetched."""
    with tempfile.TemporaryDirectory(prefix="consonant-export-") as name:
        view = Path(name)
        (view / "checkpoint").write_bytes(note)
        if isinstance(copy, Folder):
            (copy.root / "tile").mkdir(parents=True, exist_ok=True)
            (view / "tile").symlink_to(copy.root / "tile", target_is_directory=True)
        else:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                wanted = tiles.tiles_of(head.size)
                while batch := [tile.path for tile in islice(wanted, _BATCH)]:
                    for path, data in zip(batch, pool.map(copy.read, batch), strict=True):
                        (view / path).parent.mkdir(parents=True, exist_ok=True)
                        (view / path).write_bytes(data)
        yield view
