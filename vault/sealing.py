"""What is sealed while a storage reads it: a file that is made as it goes, and whatever it is made from. Pure."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO

Reader = Callable[[int], bytes | memoryview]


@contextmanager
def reader(data: bytes | IO[bytes] | Iterable[bytes]) -> Iterator[Reader]:
    """Give a function that reads at most n bytes of bytes, of an open file, or of pieces of whatever size."""
    if isinstance(data, bytes):
        yield _Bytes(data).read
    elif hasattr(data, "read"):
        yield data.read
    else:
        yield _Joined(data).read


class _Bytes:
    """Bytes that are in memory anyway: looked at, not copied."""

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def read(self, size: int) -> memoryview:
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class _Joined:
    """Pieces of whatever size, read as one."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, size: int) -> memoryview:
        while not self._rest:
            try:
                self._rest = memoryview(next(self._pieces))
            except StopIteration:
                return self._rest
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class Sealing(io.RawIOBase):
    """The sealed bytes, as a file that a storage can read once: by `chunks`, as a folder does, or by `read`, as a bucket does."""

    def __init__(self, begin: bytes, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(begin)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say no: it is made as it is read."""
        return False

    def readinto(self, into: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill the buffer as far as there is something."""
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        size = min(len(into), len(self._rest))
        into[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield all of it, as it is made."""
        del chunk_size
        if self._rest:
            yield bytes(self._rest)
            self._rest = memoryview(b"")
        yield from self._chunks
