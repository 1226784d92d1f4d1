"""The Fiat-Shamir transformation of draft-irtf-cfrg-fiat-shamir over bytes, with SHAKE128.

A challenge is read from SHAKE128(session id || zeros up to the rate || all that was absorbed). Decoding a challenge never fails and is always
little-endian ("Unsigned integers"); deserializing a message fails on everything that its serializer would not have written.
"""

from __future__ import annotations

from hashlib import shake_128
from typing import Final

from .errors import InvalidScalar

SESSION_BYTES: Final = 32
RATE_BYTES: Final = 168
EXTRA_BYTES: Final = 16
"""Squeezed beyond a modulus's width: the bias stays under 2**-128 ("Unsigned integers")."""

_SESSION_ID: Final = b"irtf-cfrg-fiat-shamir/session-id"


class DuplexSponge:
    """The duplex sponge from an extendable-output function, with SHAKE128 ("Init", "Absorb", "Squeeze")."""

    def __init__(self, session_id: bytes) -> None:
        """Start with a session id of 32 bytes, padded to a block."""
        if len(session_id) != SESSION_BYTES:
            raise ValueError(f"a session id has {SESSION_BYTES} bytes")
        self._absorbed = shake_128(session_id + bytes(RATE_BYTES - SESSION_BYTES))
        self._read = 0

    def absorb(self, data: bytes) -> None:
        """Take bytes in: split otherwise, they are the same. Nothing changes nothing."""
        if data:
            self._absorbed.update(data)
            self._read = 0

    def squeeze(self, length: int) -> bytes:
        """Return the next bytes of the output over what was absorbed."""
        start, self._read = self._read, self._read + length
        return self._absorbed.digest(self._read)[start:]


def derive_session_id(tag: bytes) -> bytes:
    """Return the 32-byte session id of a tag ("Session identifiers")."""
    sponge = DuplexSponge(_SESSION_ID)
    sponge.absorb(tag)
    return sponge.squeeze(SESSION_BYTES)


def width(modulus: int) -> int:
    """Return Ns, the least number of bytes with 256**Ns >= modulus."""
    return ((modulus - 1).bit_length() + 7) // 8


def decode_uint(data: bytes, modulus: int) -> int:
    """Return a challenge below the modulus from Ns + 16 squeezed bytes ("Unsigned integers", DecodeUint)."""
    if len(data) != width(modulus) + EXTRA_BYTES:
        raise ValueError("a challenge takes Ns + 16 bytes")
    return int.from_bytes(data, "little") % modulus


def serialize_var_len(data: bytes) -> bytes:
    """Return a byte string of any length behind its length (SerializeVarLenString)."""
    return len(data).to_bytes(4, "little") + data


def deserialize_var_len(data: bytes) -> tuple[bytes, bytes]:
    """Return the byte string that stands first, and what follows it (DeserializeVarLenString).

    Raises:
        ValueError: It is cut off.
    """
    length = int.from_bytes(data[:4], "little")
    if len(data) < 4 or len(data) - 4 < length:
        raise ValueError("the byte string is cut off")
    return data[4 : 4 + length], data[4 + length :]


def serialize_uint(value: int, modulus: int) -> bytes:
    """Return a number below the modulus in Ns bytes, little-endian (SerializeUint).

    Raises:
        InvalidScalar: It is out of range.
    """
    if not 0 <= value < modulus:
        raise InvalidScalar
    return value.to_bytes(width(modulus), "little")


def deserialize_uint(data: bytes, modulus: int) -> tuple[int, bytes]:
    """Return the number that stands first, and what follows it (DeserializeUint).

    Raises:
        InvalidScalar: It is cut off, or not below the modulus.
    """
    size = width(modulus)
    value = int.from_bytes(data[:size], "little")
    if len(data) < size or value >= modulus:
        raise InvalidScalar
    return value, data[size:]
