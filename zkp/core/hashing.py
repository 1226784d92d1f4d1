"""What RFC 9380 makes of SHA-256: bytes of any length, bound to a purpose."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

MAX_DST_BYTES: Final = 255
_OVERSIZE: Final = b"H2C-OVERSIZE-DST-"
_DIGEST_BYTES: Final = 32
_BLOCK_BYTES: Final = 64
_MAX_BLOCKS: Final = 255


def short_dst(dst: bytes) -> bytes:
    """Return a domain separation tag of at most 255 bytes (RFC 9380 section 5.3.3).

    Raises:
        ValueError: It is empty (section 3.1, requirement 2).
    """
    if not dst:
        raise ValueError("a domain separation tag is not empty")
    return dst if len(dst) <= MAX_DST_BYTES else sha256(_OVERSIZE + dst).digest()


def expand_message(message: bytes, dst: bytes, length: int) -> bytes:
    """Return `length` bytes by expand_message_xmd with SHA-256 (RFC 9380 section 5.3.1).

    Raises:
        ValueError: More than 255 blocks, or an empty tag.
    """
    blocks = -(-length // _DIGEST_BYTES)  # step 1
    if blocks > _MAX_BLOCKS:  # step 2
        raise ValueError(f"at most {_MAX_BLOCKS * _DIGEST_BYTES} bytes")
    tag = short_dst(dst)
    dst_prime = tag + bytes([len(tag)])  # step 3
    first = sha256(bytes(_BLOCK_BYTES) + message + length.to_bytes(2, "big") + b"\0" + dst_prime).digest()  # steps 4-7
    made = block = sha256(first + b"\1" + dst_prime).digest()  # step 8
    for count in range(2, blocks + 1):  # steps 9-10
        mixed = bytes(a ^ b for a, b in zip(first, block, strict=True))
        block = sha256(mixed + bytes([count]) + dst_prime).digest()
        made += block
    return made[:length]  # steps 11-12
