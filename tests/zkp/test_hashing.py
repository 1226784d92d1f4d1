"""expand_message_xmd, against RFC 9380's own vectors."""

import pytest

from tests import vectors
from zkp.core import hashing


@pytest.mark.parametrize("name", vectors.names("zkp/rfc9380/expand_message_xmd_SHA256_*.json"))
def test_every_vector(name):
    said = vectors.load(name)
    dst = said["DST"].encode()
    tag = hashing.short_dst(dst)
    assert said["tests"]
    for case in said["tests"]:
        assert (tag + bytes([len(tag)])).hex() == case["DST_prime"]
        length = int(case["len_in_bytes"], 16)
        assert hashing.expand_message(case["msg"].encode(), dst, length).hex() == case["uniform_bytes"]


def test_the_ends():
    assert len(hashing.expand_message(b"", b"tag", 255 * 32)) == 8_160
    with pytest.raises(ValueError, match="at most"):
        hashing.expand_message(b"", b"tag", 255 * 32 + 1)
    with pytest.raises(ValueError, match="empty"):
        hashing.expand_message(b"", b"", 32)


def test_a_long_tag_starts_at_256_bytes():
    assert hashing.short_dst(b"t" * 255) == b"t" * 255
    assert len(hashing.short_dst(b"t" * 256)) == 32
