"""Authenticated encryption of bytes of any length, chunk by chunk, in bounded memory.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizar, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance",
CRYPTO 2015), laid out as Google Tink's AES-GCM-HKDF streaming AEAD does, which age uses in the same way for its files:

    code (1) || log2 of the chunk's bytes (1) || salt (32) || prefix (7) || chunk 0 || chunk 1 || ... || the last chunk

- The key of one stream is HKDF-SHA256 (RFC 5869) of the 32-byte key with that salt; info is `consonant/stream/v1`, code, size of chunks and the
  context. SM4-GCM takes its 16 bytes from it as `keyring.seal` says.
- A chunk's nonce is `prefix (7) || number of the chunk (4, big-endian) || 1 for the last chunk, else 0`. So no nonce comes twice under one
  key, and what was cut off, moved, left out or doubled does not open. Its associated data are the context and the number once more.
- Each chunk holds `2 ** log2` bytes and a tag of 16, the last one what is left. Only a stream of nothing has an empty last chunk.

The codes are those of `keyring.seal` with the bit 0x10, so that both kinds of sealed bytes tell themselves apart. Every chunk is
authentic when it is handed out; that nothing is missing is known when the last one opens, and only then does `opened` end without an error.

Pure: `cryptography` does the work.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyring.errors import SealBroken
from keyring.seal import KEY_BYTES, SUITES, TAG_BYTES, Buffer, Suite, suite_of_new

CHUNK_BITS: Final = 18
"""A quarter of a mebibyte: small enough for the processor's cache and for a look at a part, large enough that its tag costs nothing."""
_LEAST_BITS: Final = 12
_MOST_BITS: Final = 24
_SALT_BYTES: Final = 32
_PREFIX_BYTES: Final = 7
_STREAM: Final = 0x10
_MOST_CHUNKS: Final = 2**32
_INFO: Final = b"consonant/stream/v1"
HEADER_BYTES: Final = 2 + _SALT_BYTES + _PREFIX_BYTES
_BY_CODE: Final = {suite.code[0] | _STREAM: suite for suite in SUITES.values()}


@dataclass(frozen=True)
class _Stream:
    """One stream: its suite, its key and what every chunk is bound to."""

    suite: Suite
    bits: int
    key: bytes
    prefix: bytes
    context: bytes

    @classmethod
    def of(cls, header: bytes, key: bytes, context: bytes) -> Self:
        suite = _BY_CODE.get(header[0]) if len(header) == HEADER_BYTES else None
        if suite is None or not _LEAST_BITS <= header[1] <= _MOST_BITS:
            raise SealBroken("not a stream of a known suite")
        if len(key) != KEY_BYTES:
            raise ValueError("a key has 32 bytes")
        kdf = HKDF(SHA256(), length=KEY_BYTES, salt=header[2 : 2 + _SALT_BYTES], info=_INFO + header[:2] + context)
        return cls(suite, header[1], kdf.derive(key), header[-_PREFIX_BYTES:], context)

    def seal(self, number: int, plain: Buffer, *, last: bool) -> bytes:
        if number >= _MOST_CHUNKS:
            raise ValueError("a stream has at most 2 ** 32 chunks")
        return self.suite.encrypt(self.key, self._nonce(number, last), plain, self._bound(number))

    def open(self, number: int, body: Buffer, *, last: bool) -> bytes:
        try:
            plain = self.suite.decrypt(self.key, self._nonce(number, last), body, self._bound(number))
        except (InvalidTag, ValueError):
            raise SealBroken("a chunk does not open") from None
        if last and number and not plain:
            raise SealBroken("an empty chunk at the end")
        return plain

    def _nonce(self, number: int, last: bool) -> bytes:  # noqa: FBT001 - a byte of the nonce
        return self.prefix + number.to_bytes(4, "big") + bytes([last])

    def _bound(self, number: int) -> bytes:
        return self.context + number.to_bytes(4, "big")


def is_stream(begin: bytes) -> bool:
    """Say whether bytes that begin so are a stream."""
    return bool(begin) and begin[0] in _BY_CODE


def sealed(
    key: bytes, source: Callable[[int], Buffer], *, context: bytes, suite: Suite | None = None, bits: int = CHUNK_BITS
) -> Iterator[bytes]:
    """Yield the stream of what `source` reads, a chunk at a time; `source(n)` returns at most n bytes, and none at the end."""
    header = bytes([(suite or suite_of_new()).code[0] | _STREAM, bits]) + os.urandom(_SALT_BYTES + _PREFIX_BYTES)
    stream = _Stream.of(header, key, context)
    begin, number = header, 0
    chunk = _whole(source, 1 << bits)
    while True:
        following = _whole(source, 1 << bits) if len(chunk) == 1 << bits else b""
        last = not following
        body = stream.seal(number, chunk, last=last)
        yield begin + body if begin else body
        if last:
            return
        begin, chunk, number = b"", following, number + 1


def opened(key: bytes, source: Callable[[int], Buffer], *, context: bytes) -> Iterator[bytes]:
    """Yield the plain bytes of the stream that `source` reads, a chunk at a time.

    Raises:
        SealBroken: Wrong key or context, or what comes now was changed, or is not all that there was.
    """
    stream = _Stream.of(bytes(_whole(source, HEADER_BYTES)), key, context)
    size, number = (1 << stream.bits) + TAG_BYTES, 0
    body = _whole(source, size)
    while True:
        following = _whole(source, size) if len(body) == size else b""
        yield stream.open(number, body, last=not following)
        if not following:
            return
        body, number = following, number + 1


def part(  # noqa: PLR0913 - what is read, and which part of it
    key: bytes, read_at: Callable[[int, int], Buffer], *, size: int, context: bytes, start: int, length: int
) -> Iterator[bytes]:
    """Yield `length` plain bytes from `start` on, fewer at the end, by opening the chunks that hold them and the last one.

    `read_at(offset, n)` returns n sealed bytes from there on; `size` is how many there are. That the last chunk opens at its place
    proves that the stream is as long as it was made.

    Raises:
        SealBroken: As for `opened`.
    """
    stream = _Stream.of(bytes(read_at(0, HEADER_BYTES)), key, context)
    plain_size, step = 1 << stream.bits, (1 << stream.bits) + TAG_BYTES
    final = max(size - HEADER_BYTES - 1, 0) // step

    def chunk(number: int) -> bytes:
        offset = HEADER_BYTES + number * step
        return stream.open(number, read_at(offset, min(step, size - offset)), last=number == final)

    end = chunk(final)
    until = min(start + length, final * plain_size + len(end))
    at = start
    while at < until:
        number, skip = divmod(at, plain_size)
        plain = end if number == final else chunk(number)
        piece = plain[skip : skip + until - at]
        yield piece
        at += len(piece)


def plain_bytes(begin: bytes, size: int) -> int:
    """Return how many plain bytes a stream of `size` bytes that begins so holds, if it is whole."""
    step = (1 << begin[1]) + TAG_BYTES
    whole, rest = divmod(size - HEADER_BYTES, step)
    return (whole << begin[1]) + max(rest - TAG_BYTES, 0)


def _whole(source: Callable[[int], Buffer], size: int) -> Buffer:
    """Read `size` bytes, fewer only at the end."""
    first = source(size)
    if len(first) in {0, size}:
        return first
    pieces, got = [bytes(first)], len(first)
    while got < size and (more := source(size - got)):
        pieces.append(bytes(more))
        got += len(more)
    return b"".join(pieces)
