"""Streams: what was cut, moved, doubled or changed does not open, whatever its size; memory stays bounded."""

import io
import tracemalloc

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from keyring.errors import SealBroken
from keyring.seal import SUITES
from keyring.stream import HEADER_BYTES, is_stream, opened, part, plain_bytes, sealed

KEY, CONTEXT, BITS = bytes(range(32)), b"a blob's id", 12
CHUNK, STEP = 1 << BITS, (1 << BITS) + 16
PLAIN = bytes(i * 7 % 251 for i in range(3 * CHUNK + 5))
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5)


def made(plain=PLAIN, *, key=KEY, context=CONTEXT, suite="aes-256-gcm"):
    return b"".join(sealed(key, io.BytesIO(plain).read, context=context, suite=SUITES[suite], bits=BITS))


def read(stream, *, key=KEY, context=CONTEXT):
    return b"".join(opened(key, io.BytesIO(stream).read, context=context))


def looked(stream, start, length):
    def at(offset, size):
        return stream[offset : offset + size]

    return b"".join(part(KEY, at, size=len(stream), context=CONTEXT, start=start, length=length))


def chunks(stream):
    body = stream[HEADER_BYTES:]
    return [body[at : at + STEP] for at in range(0, len(body), STEP)]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("size", SIZES)
def test_it_opens_to_what_it_was_made_of(size, suite):
    stream = made(PLAIN[:size], suite=suite)
    assert is_stream(stream)
    assert read(stream) == PLAIN[:size]
    assert plain_bytes(stream[:2], len(stream)) == size
    assert PLAIN[:16] not in stream


def test_it_is_what_the_page_says_it_is():
    """Opened by hand, from the construction alone."""
    stream = made()
    code, bits, salt, prefix = stream[0], stream[1], stream[2:34], stream[34:41]
    assert (code, bits) == (0x11, 12)
    key = HKDF(SHA256(), 32, salt, b"consonant/stream/v1" + bytes([code, bits]) + CONTEXT).derive(KEY)
    found = b""
    for number, body in enumerate(chunks(stream)):
        nonce = prefix + number.to_bytes(4, "big") + bytes([number == 3])
        found += AESGCM(key).decrypt(nonce, body, CONTEXT + number.to_bytes(4, "big"))
    assert found == PLAIN


def test_two_streams_of_one_key_share_nothing():
    assert not set(chunks(made())) & set(chunks(made()))


@pytest.mark.parametrize("size", SIZES)
def test_no_bit_can_be_changed(size):
    stream = made(PLAIN[:size])
    for at in {*range(HEADER_BYTES), HEADER_BYTES, len(stream) - 1, len(stream) // 2, min(STEP + 41, len(stream) - 1)}:
        for bit in (1, 128):
            changed = bytearray(stream)
            changed[at] ^= bit
            with pytest.raises(SealBroken):
                read(bytes(changed))


@pytest.mark.parametrize("size", SIZES)
def test_nothing_can_be_cut_off_or_added(size):
    stream = made(PLAIN[:size])
    ends = {HEADER_BYTES, HEADER_BYTES + 16, *range(HEADER_BYTES, len(stream), STEP), len(stream) - 1, 1, 0}
    for end in ends - {len(stream)}:
        with pytest.raises(SealBroken):
            read(stream[:end])
    for more in (b"\0", bytes(16), bytes(STEP), chunks(stream)[-1]):
        with pytest.raises(SealBroken):
            read(stream + more)


@pytest.mark.parametrize(
    "order", [(1, 0, 2, 3), (0, 0, 1, 2, 3), (0, 2, 3), (0, 1, 2, 2, 3), (3,), (0, 1, 3, 2)], ids=str
)
def test_chunks_cannot_be_moved_left_out_or_doubled(order):
    stream = made()
    parts = chunks(stream)
    with pytest.raises(SealBroken):
        read(stream[:HEADER_BYTES] + b"".join(parts[number] for number in order))


def test_another_key_context_or_header_does_not_open_it():
    stream, other = made(), made()
    for changes in ({"key": bytes(32)}, {"context": b"another blob"}):
        with pytest.raises(SealBroken):
            read(stream, **changes)
    with pytest.raises(SealBroken):
        read(other[:HEADER_BYTES] + stream[HEADER_BYTES:])
    for foreign in (
        b"",
        b"\x01" + bytes(60),
        b"\x13\x0c" + bytes(60),
        b"\x11\x19" + bytes(60),
        b"\x11\x0b" + bytes(60),
    ):
        with pytest.raises(SealBroken):
            read(foreign)


@given(start=st.integers(0, len(PLAIN) + 10), length=st.integers(0, len(PLAIN) + 10))
def test_a_part_is_that_part(start, length):
    assert looked(STREAM, start, length) == PLAIN[start : start + length]


STREAM = made()


@pytest.mark.parametrize("size", SIZES)
def test_a_part_of_each_size(size):
    stream = made(PLAIN[:size])
    for start, length in ((0, size), (0, 1), (size, 5), (max(size - 1, 0), 5), (CHUNK, CHUNK)):
        assert looked(stream, start, length) == PLAIN[:size][start : start + length]


def test_a_part_of_what_was_cut_off_does_not_open():
    for end in (len(STREAM) - 1, HEADER_BYTES + 3 * STEP, HEADER_BYTES + STEP, HEADER_BYTES):
        with pytest.raises(SealBroken):
            looked(STREAM[:end], 0, 10)


def test_a_part_opens_no_more_than_it_needs():
    seen = []

    def at(offset, size):
        seen.append(offset)
        return STREAM[offset : offset + size]

    assert (
        b"".join(part(KEY, at, size=len(STREAM), context=CONTEXT, start=CHUNK + 1, length=9)) == PLAIN[CHUNK + 1 :][:9]
    )
    assert seen == [0, HEADER_BYTES + 3 * STEP, HEADER_BYTES + STEP]


def test_what_comes_before_a_break_is_handed_out_and_then_it_raises():
    plain = opened(KEY, io.BytesIO(STREAM[: HEADER_BYTES + 2 * STEP + 9]).read, context=CONTEXT)
    assert next(plain) == PLAIN[:CHUNK]
    assert next(plain) == PLAIN[CHUNK : 2 * CHUNK]
    with pytest.raises(SealBroken):
        next(plain)


def test_memory_is_bounded_whatever_the_size():
    """64 MiB go through; a part of a source that gives little at a time is put together."""

    class Trickle:
        left = 64 << 20

        def read(self, size):
            size = min(size, 100_000, self.left)
            self.left -= size
            return bytes(size)

    class Piped:
        def __init__(self):
            self.stream, self.rest = sealed(KEY, Trickle().read, context=CONTEXT), b""

        def read(self, size):
            while len(self.rest) < size and (more := next(self.stream, b"")):
                self.rest += more
            piece, self.rest = self.rest[:size], self.rest[size:]
            return piece

    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in opened(KEY, Piped().read, context=CONTEXT))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 64 << 20
    assert peak < 4 << 20
