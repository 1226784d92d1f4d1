"""Makes the n-th write inside a block fail, whatever it is: a statement, a COPY, a COMMIT, or any change of a file under some folders.

Nothing of the code under test is named here. Every round trip of psycopg passes `Connection.wait`, and every change of a file a function
of `os`, `os.fdopen` or `io.open`; these are wrapped, so a write that is added tomorrow is counted by itself. Whoever wants every write
calls with n = 1, 2, 3 until nothing is hit any more.

How a write can fail, after the tests of Sunlight and SQLite:

- `FAILED`: nothing of it happens (of a file's bytes: the first half), and the process is told so and lives.
- `PERSISTED`: all of it happens, and the process is told that it failed and lives.
- `KILLED`: nothing of it happens (or half of the bytes), and the process is gone: no handler, no `finally` changes anything any more.
  Killed after a write is killed before the next one, so that is covered.
- `CUT`: killed, and the power with it: what no fsync covered is lost, contents and names each. (PostgreSQL keeps what it has committed.)
"""

# pathlib calls what is wrapped here, so it is not used:
# ruff: noqa: PTH102, PTH108, PTH109, PTH112, PTH113, PTH115, PTH118, PTH120

import errno
import io
import os
import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from unittest.mock import patch

import psycopg
from django.db import connection

FAILED, PERSISTED, KILLED, CUT = "failed", "failed but persisted", "killed", "power cut"
HOWS = [FAILED, PERSISTED, KILLED, CUT]
_READ = re.compile(
    r'\s*SELECT (?!.*\bFOR (NO KEY )?UPDATE\b)(("|\(?1\)? AS "|COUNT)|set_config|pg_advisory)', re.DOTALL
)
_HARMLESS = {"_rollback_gen", "_set_autocommit_gen"}
_CHANGES = os.O_CREAT | os.O_TRUNC


class Killed(BaseException):
    """The process is gone at this line."""


class Faults:
    """Counts the writes of the block, and spoils number `at` (0: none)."""

    def __init__(self, at: int, how: str, *roots: str | Path) -> None:
        self.hit: str | None = None
        """What was spoiled."""
        self.seen: list[str] = []
        """Every write there was, in order."""
        self._at, self._how = at, how
        self._roots = [os.path.realpath(root) for root in roots]
        self._dead = False
        self._disk = _Disk()
        self._stack = ExitStack()
        self._busy = False

    def __enter__(self):
        wrapped = {
            "open": self._open,
            "write": self._write,
            "fsync": self._fsync,
            "fdatasync": self._fsync,
            "ftruncate": self._on_descriptor("ftruncate"),
            "replace": self._move("replace"),
            "rename": self._move("rename"),
            "link": self._link,
            "unlink": self._unlink("unlink"),
            "remove": self._unlink("remove"),
            "mkdir": self._mkdir,
            "rmdir": self._rmdir,
            "fdopen": self._fdopen,
        }
        self._real = {name: getattr(os, name) for name in wrapped}
        self._real_wait, self._real_io_open = psycopg.Connection.wait, io.open
        for name, function in wrapped.items():
            self._stack.enter_context(patch.object(os, name, function))
        self._stack.enter_context(patch.object(io, "open", self._io_open))
        faults = self

        def wait(its, generator, *arguments, **words):
            return faults._wait(its, generator, *arguments, **words)

        self._stack.enter_context(patch.object(psycopg.Connection, "wait", wait))
        return self

    def __exit__(self, kind, error, trace):
        self._stack.close()
        if self._dead:
            _leave_database()
            if self._how == CUT:
                self._disk.lose()
        self._disk.close()
        return kind is Killed

    def _step(
        self, name: str, do: Callable[[], object], *, half: Callable[[], object] = lambda: None, sql: bool = False
    ):
        if self._dead:
            raise Killed(name)
        self.seen.append(name)
        if len(self.seen) != self._at:
            return do()
        self.hit = name
        if self._how == PERSISTED:
            do()
        else:
            half()
        if self._how in {KILLED, CUT}:
            self._dead = True
            raise Killed(name)
        raise psycopg.OperationalError("the test says so") if sql else OSError(errno.EIO, f"the test says so: {name}")

    # PostgreSQL.

    def _wait(self, its, generator, *arguments, **words):
        def do():
            return self._real_wait(its, generator, *arguments, **words)

        what = getattr(generator, "gi_code", None)
        name = what.co_name if what else type(generator).__name__
        frame = getattr(generator, "gi_frame", None)
        query = (frame.f_locals.get("query") or frame.f_locals.get("statement") or "") if frame else ""
        query = query.decode() if isinstance(query, bytes) else str(query)
        if self._dead:
            raise Killed(name)
        if name in _HARMLESS or (query and _READ.match(query)):
            return do()
        return self._step(f"sql {name} {' '.join(query.split())[:90]}", do, sql=True)

    # Files.

    def _under(self, path, dir_fd=None) -> str | None:
        """Return the real path if it is under the roots. Of a file's own name nothing is followed."""
        if isinstance(path, int):
            found = os.readlink(f"/proc/self/fd/{path}").removesuffix(" (deleted)")
        else:
            base = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()
            folder, name = os.path.split(os.path.join(base, os.fspath(path)))
            found = os.path.join(os.path.realpath(folder), name)
        return found if any(found == root or found.startswith(root + "/") for root in self._roots) else None

    def _file(self, what: str, path: str, do, *, half=lambda: None):
        name = next(os.path.relpath(path, root) for root in self._roots if path == root or path.startswith(root + "/"))
        return self._step(f"{what} {_plain(name)}", do, half=half)

    def _open(self, path, flags, mode=0o777, *, dir_fd=None):
        real = self._real["open"]
        found = self._under(path, dir_fd) if flags & _CHANGES else None
        if found is None:
            return real(path, flags, mode, dir_fd=dir_fd)

        def do():
            if not os.path.lexists(found):
                self._disk.name(os.path.dirname(found), lambda: os.unlink(found))
            return real(path, flags, mode, dir_fd=dir_fd)

        return self._file("create", found, do)

    def _write(self, descriptor, data):
        found = self._under(descriptor)
        if found is None:
            return self._real["write"](descriptor, data)

        def do(part=data):
            self._disk.content(descriptor)
            return self._real["write"](descriptor, part)

        return self._file("write", found, do, half=lambda: do(bytes(data)[: len(data) // 2]))

    def _on_descriptor(self, name):
        def call(descriptor, *arguments):
            found = self._under(descriptor)
            if found is None:
                return self._real[name](descriptor, *arguments)
            return self._file(name, found, lambda: self._real[name](descriptor, *arguments))

        return call

    def _fsync(self, descriptor):
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        found = self._under(number)

        def do():
            self._real["fsync"](number)
            self._disk.synced(number, found)

        return self._file("sync", found, do) if found else self._real["fsync"](number)

    def _move(self, name):
        def call(source, target, **words):
            one, two = self._under(source), self._under(target)
            if two is None:
                return self._real[name](source, target, **words)

            def do():
                old = Path(two).read_bytes() if os.path.isfile(two) else None

                def undo():
                    self._real["rename"](two, one)
                    if old is not None:
                        Path(two).write_bytes(old)

                self._real[name](source, target, **words)
                self._disk.name(os.path.dirname(two), undo)

            return self._file(name, two, do)

        return call

    def _link(self, source, target, **words):
        found = self._under(target)
        if found is None:
            return self._real["link"](source, target, **words)

        def do():
            self._real["link"](source, target, **words)
            self._disk.name(os.path.dirname(found), lambda: os.unlink(found))

        return self._file("link", found, do)

    def _unlink(self, name):
        def call(path, *, dir_fd=None):
            found = self._under(path, dir_fd)
            if found is None:
                return self._real[name](path, dir_fd=dir_fd)

            def do():
                old = Path(found).read_bytes()
                self._real[name](path, dir_fd=dir_fd)
                self._disk.name(os.path.dirname(found), lambda: Path(found).write_bytes(old))

            if not os.path.isfile(found):
                return self._real[name](path, dir_fd=dir_fd)
            return self._file("unlink", found, do)

        return call

    def _mkdir(self, path, mode=0o777, *, dir_fd=None):
        found = self._under(path, dir_fd)
        if found is None or os.path.lexists(found) or not os.path.isdir(os.path.dirname(found)):
            return self._real["mkdir"](path, mode, dir_fd=dir_fd)

        def do():
            self._real["mkdir"](path, mode, dir_fd=dir_fd)
            self._disk.name(os.path.dirname(found), lambda: shutil.rmtree(found))

        return self._file("mkdir", found, do)

    def _rmdir(self, path, *, dir_fd=None):
        found = self._under(path, dir_fd)
        if found is None:
            return self._real["rmdir"](path, dir_fd=dir_fd)

        def do():
            self._real["rmdir"](path, dir_fd=dir_fd)
            self._disk.name(os.path.dirname(found), lambda: os.mkdir(found))

        return self._file("rmdir", found, do)

    def _fdopen(self, descriptor, mode="r", *arguments, **words):
        found = self._under(descriptor) if set(mode) & set("wax+") else None
        file = self._real["fdopen"](descriptor, mode, *arguments, **words)
        return _File(self, file, found) if found else file

    def _io_open(self, path, mode="r", *arguments, **words):
        found = None
        if set(mode) & set("wax+") and not isinstance(path, int):
            found = self._under(path)
        if found is None:
            return self._real_io_open(path, mode, *arguments, **words)

        def do():
            if not os.path.lexists(found):
                self._disk.name(os.path.dirname(found), lambda: os.unlink(found))
            return _File(self, self._real_io_open(path, mode, *arguments, **words), found)

        return self._file("create", found, do)


class _File:
    """A file whose writes are counted; each goes to the kernel at once."""

    def __init__(self, faults: Faults, file, path: str) -> None:
        self._faults, self._file, self._path = faults, file, path

    def write(self, data):
        def do(part=data):
            self._faults._disk.content(self._file.fileno())
            written = self._file.write(part)
            self._file.flush()
            return written

        return self._faults._file("write", self._path, do, half=lambda: do(data[: len(data) // 2]))

    def __enter__(self):
        self._file.__enter__()
        return self

    def __exit__(self, *error):
        return self._file.__exit__(*error)

    def __getattr__(self, name):
        return getattr(self._file, name)


class _Disk:
    """What a power cut would take: names not synced with their folder, contents not synced with their file."""

    def __init__(self) -> None:
        self._names: list[tuple[str, Callable[[], object]]] = []
        self._contents: dict[tuple[int, int], int] = {}

    def name(self, folder: str, undo: Callable[[], object]) -> None:
        self._names.append((folder, undo))

    def content(self, descriptor: int) -> None:
        stat = os.fstat(descriptor)
        if (stat.st_dev, stat.st_ino) not in self._contents:
            self._contents[stat.st_dev, stat.st_ino] = os.dup(descriptor)

    def synced(self, descriptor: int, path: str) -> None:
        stat = os.fstat(descriptor)
        kept = self._contents.pop((stat.st_dev, stat.st_ino), None)
        if kept is not None:
            os.close(kept)
        self._names = [(folder, undo) for folder, undo in self._names if folder != path]

    def lose(self) -> None:
        for descriptor in self._contents.values():
            os.truncate(f"/proc/self/fd/{descriptor}", 0)
        for _, undo in reversed(self._names):
            with suppress(FileNotFoundError):
                undo()
        self._names.clear()

    def close(self) -> None:
        for descriptor in self._contents.values():
            os.close(descriptor)
        self._contents.clear()


def _leave_database() -> None:
    """End the connection as the kernel does for a dead process: without a word to the server."""
    if connection.connection is not None:
        connection.connection.close()
    connection.connection = None
    connection.in_atomic_block = connection.closed_in_transaction = False


def _plain(name: str) -> str:
    return re.sub(r"\.new-\w+", ".new", re.sub(r"[0-9a-f]{32}", "", name))
