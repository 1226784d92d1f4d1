"""Read a clip, and mark it, in a process of its own.

What parses it is large, and partly native code, and the file is a stranger's: it may be made to take minutes, all memory, or the process
down. So the parser runs where that harms nobody: with a few seconds of processor time that nobody else wants, bounded memory, no right to
write a file, and none of the service's environment. Once its libraries are loaded it can open nothing any more, neither a file nor a
connection: what got hold of it would not reach the service's secrets by them. It runs under the service's account all the same, which is
no wall against who can send signals. Where memory is short, it goes first. The bytes go through a pipe; nothing lies on the disk.

Those who only look (`read`), who may be anybody, have places of their own: they take none of those who record.

The key that signs a manifest stays here. The process asks for a signature, once for each manifest, and what it shows has to be what
COSE signs (RFC 9052, 4.4).

A message is its length (4 bytes, big-endian), one letter and the rest: D the clip, R read it (the trusted certificates), E embed a
manifest (JSON), S sign this; answered by A and the answer, or N for no.
"""

import codecs
import importlib
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from retention import clip
from retention.errors import ClipBusy, ClipUnmarkable, ClipUnreadable

SECONDS: Final = 5
AT_ONCE: Final = 2
_MEMORY_BYTES: Final = 1024**3
_WAIT_SECONDS: Final = 3.0
_MOST_BYTES: Final = 64 * 1024**2
_PROJECT: Final = Path(__file__).resolve().parent.parent
_COSE: Final = b"\x6aSignature1"
_STANDARD: Final = 3
"""Descriptors: in, out and errors."""
_room = threading.BoundedSemaphore(AT_ONCE)
_room_to_look = threading.BoundedSemaphore(AT_ONCE)
_CODECS: Final = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "unicode-escape", "idna")


def read(data: bytes, *, anchors: str = "") -> clip.Clip | None:
    """Return what a file says of itself, or None if it is no sound and no picture. `anchors`: certificates that are trusted, PEM.

    Raises:
        ClipUnreadable: It takes too much to read.
        ClipBusy: Others are being read; ask again.
    """
    if clip.media_type(data) is None:
        return None
    with opened(data, room=_room_to_look) as reader:
        return reader.read(anchors=anchors)


class Reader:
    """A process that has a clip."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def read(self, *, anchors: str = "") -> clip.Clip | None:
        """Return what the clip says of itself."""
        self._say(b"R", anchors.encode())
        try:
            return clip.load(self._answer())
        except (ValueError, TypeError, KeyError):
            raise ClipUnreadable from None

    def embed(self, *, entry: str, chain: str, sign: Callable[[bytes], bytes]) -> bytes:
        """Return the clip with a manifest: see `retention.clip.embed`.

        Raises:
            ClipUnmarkable: It takes none.
        """
        self._say(b"E", json.dumps({"entry": entry, "chain": chain}).encode())
        letter, rest = self._hear()
        if letter == b"S":
            if _COSE not in rest[:16]:
                raise ClipUnreadable
            self._say(b"A", sign(rest))
            letter, rest = self._hear()
        if letter == b"N":
            raise ClipUnmarkable
        return rest

    def _answer(self) -> bytes:
        letter, rest = self._hear()
        if letter != b"A":
            raise ClipUnreadable
        return rest

    def _say(self, letter: bytes, rest: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            _write(self._process.stdin, letter, rest)
        except OSError:
            raise ClipUnreadable from None

    def _hear(self) -> tuple[bytes, bytes]:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            return _read(self._process.stdout)
        except (EOFError, OSError):
            raise ClipUnreadable from None


@contextmanager
def opened(data: bytes, *, room: threading.BoundedSemaphore = _room) -> Iterator[Reader]:
    """Give a process the clip; it ends with the block, or when it takes too long.

    Raises:
        ClipUnreadable: It takes too much to read.
        ClipBusy: Others are being read; ask again.
    """
    if not room.acquire(timeout=_WAIT_SECONDS):
        raise ClipBusy
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "retention.clip_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_PROJECT,
            env={},
        )
        too_long = threading.Timer(2 * SECONDS, process.kill)
        too_long.start()
        try:
            reader = Reader(process)
            reader._say(b"D", data)  # noqa: SLF001 - the one that opens it
            yield reader
        finally:
            too_long.cancel()
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            process.wait()
    finally:
        room.release()


def _write(pipe: IO[bytes], letter: bytes, rest: bytes) -> None:
    pipe.write((1 + len(rest)).to_bytes(4, "big") + letter + rest)
    pipe.flush()


def _read(pipe: IO[bytes]) -> tuple[bytes, bytes]:
    size = int.from_bytes(pipe.read(4), "big")
    if not 0 < size <= _MOST_BYTES:
        raise EOFError
    message = pipe.read(size)
    if len(message) < size:
        raise EOFError
    return message[:1], message[1:]


def limit() -> None:
    """Give this process no more than it may have."""
    os.nice(19)
    with suppress(OSError):  # there on Linux alone
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def close_off() -> None:
    """Load what reading takes, then take the right to open anything: to a file or a connection there is no way without a descriptor."""
    for name in ("c2pa", "tinytag"):
        importlib.import_module(name)
    for name in _CODECS:
        codecs.lookup(name)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_STANDARD, _STANDARD))


def main() -> None:
    """Do what is asked of one clip, until nobody asks any more."""
    limit()
    close_off()
    asked, said = sys.stdin.buffer, sys.stdout.buffer

    def sign(data: bytes) -> bytes:
        _write(said, b"S", data)
        return _read(asked)[1]

    data = b""
    while True:
        try:
            letter, rest = _read(asked)
        except EOFError:
            return
        if letter == b"D":
            data = rest
        elif letter == b"R":
            _write(said, b"A", clip.dump(clip.read(data, anchors=rest.decode())))
        else:
            try:
                _write(said, b"A", clip.embed(data, sign=sign, **json.loads(rest)))
            except clip.Unmarkable:
                _write(said, b"N", b"")


if __name__ == "__main__":
    main()
