"""BLS12-381 behind one door: two backends, one decoder.

G1 and G2 have the prime order r (`ORDER`); points are compressed, 48 and 96 bytes, in the format of draft-irtf-cfrg-pairing-friendly-curves
appendix C; scalars are 32 bytes big-endian below r, and plain ints in [0, r) inside the core. Invariants:

1. Every point from outside passes `decode_g1` or `decode_g2`: exact length, flags, curve, prime-order subgroup, not the identity, and what was
   read writes the same bytes again. The libraries accept more than that, each something else.
2. Every scalar from outside passes `decode_scalar`: no reduction.
3. Points belong to the backend that made them: they stay inside one call, and never enter a cache without the backend's name.

Neither Python's integers nor multi-exponentiation run in constant time: whoever can time a prover closely can learn its secrets.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NewType, cast

from . import hashing
from .errors import InvalidPoint, InvalidScalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

G1 = NewType("G1", object)
"""A point of G1, as the backend has it."""

G2 = NewType("G2", object)
"""A point of G2, as the backend has it."""

ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
SCALAR_BYTES: Final = 32
G1_BYTES: Final = 48
G2_BYTES: Final = 96
BACKENDS: Final = ("py-arkworks-bls12381", "py-ecc")

_MODULES: Final = {"py-arkworks-bls12381": "arkworks", "py-ecc": "pyecc"}
_FLAGS: Final = 0b1100_0000
_COMPRESSED: Final = 0b1000_0000  # and not the point at infinity, whose flag is the next bit
_chosen: ContextVar[Any] = ContextVar("backend", default=None)


@contextmanager
def use(name: str) -> Iterator[None]:
    """Compute with this backend, one of `BACKENDS`, inside the block. Raises ImportError where the library is absent."""
    token = _chosen.set(_load(name))
    try:
        yield
    finally:
        _chosen.reset(token)


def backend() -> str:
    """Return the name of the backend that computes here."""
    return cast("str", _backend().NAME)


def decode_g1(data: bytes) -> G1:
    """Read 48 bytes as a point of G1.

    Raises:
        InvalidPoint: Anything else than the one encoding of one point that is not the identity.
    """
    there = _backend()
    return G1(_decode(data, G1_BYTES, there.g1_from_bytes, there.g1_to_bytes))


def decode_g2(data: bytes) -> G2:
    """Read 96 bytes as a point of G2.

    Raises:
        InvalidPoint: Anything else than the one encoding of one point that is not the identity.
    """
    there = _backend()
    return G2(_decode(data, G2_BYTES, there.g2_from_bytes, there.g2_to_bytes))


def encode_g1(point: G1) -> bytes:
    """Return the 48 bytes of a point.

    Raises:
        InvalidPoint: It is the identity.
    """
    if is_identity(point):
        raise InvalidPoint
    return octets_g1(point)


def octets_g1(point: G1) -> bytes:
    """Return the 48 bytes of a point that may be the identity: for hashing, never for sending."""
    return cast("bytes", _backend().g1_to_bytes(point))


def encode_g2(point: G2) -> bytes:
    """Return the 96 bytes of a point.

    Raises:
        InvalidPoint: It is the identity.
    """
    there = _backend()
    if there.is_identity(point):
        raise InvalidPoint
    return cast("bytes", there.g2_to_bytes(point))


def decode_scalar(data: bytes, *, zero: bool = True) -> int:
    """Read 32 bytes big-endian below the order; with `zero=False`, above zero too.

    Raises:
        InvalidScalar: Another length, or out of range.
    """
    value = int.from_bytes(data, "big")
    if len(data) != SCALAR_BYTES or value >= ORDER or not (value or zero):
        raise InvalidScalar
    return value


def decode_scalars(data: bytes, *, zero: bool = True) -> list[int]:
    """Read scalars that follow each other.

    Raises:
        InvalidScalar: One of them is cut off, or out of range.
    """
    return [decode_scalar(data[at : at + SCALAR_BYTES], zero=zero) for at in range(0, len(data), SCALAR_BYTES)]


def encode_scalar(value: int) -> bytes:
    """Return the 32 bytes of a scalar.

    Raises:
        InvalidScalar: It is negative, or not below the order.
    """
    if not 0 <= value < ORDER:
        raise InvalidScalar
    return value.to_bytes(SCALAR_BYTES, "big")


def hash_to_g1(message: bytes, dst: bytes) -> G1:
    """Return the point of BLS12381G1_XMD:SHA-256_SSWU_RO_ (RFC 9380 section 8.8.1)."""
    return G1(_backend().hash_to_g1(message, hashing.short_dst(dst)))


def generator() -> G1:
    """Return G, the generator of G1."""
    return G1(_backend().g1())


def generator_g2() -> G2:
    """Return the generator of G2."""
    return G2(_backend().g2())


def is_identity(point: G1) -> bool:
    """Say whether it is the neutral element of G1."""
    return cast("bool", _backend().is_identity(point))


def negate(point: G1) -> G1:
    """Return the inverse of a point."""
    return G1(_backend().negate(point))


def msm(points: Sequence[G1], scalars: Sequence[int]) -> G1:
    """Return the sum of scalar times point.

    Raises:
        ValueError: There are not as many of the one as of the other: a library cuts the longer silently.
        InvalidScalar: A scalar is out of range.
    """
    if len(points) != len(scalars):
        raise ValueError("as many scalars as points")
    if not all(0 <= scalar < ORDER for scalar in scalars):
        raise InvalidScalar
    return G1(_backend().msm(points, scalars))


def multiply_g2(point: G2, scalar: int) -> G2:
    """Return scalar times point.

    Raises:
        InvalidScalar: The scalar is out of range.
    """
    if not 0 <= scalar < ORDER:
        raise InvalidScalar
    return G2(_backend().multiply_g2(point, scalar))


def pairing_is_one(*pairs: tuple[G1, G2]) -> bool:
    """Say whether the product of the pairings of these pairs is one."""
    return cast("bool", _backend().pairing_is_one(pairs))


def _decode(data: bytes, length: int, read: Any, write: Any) -> Any:
    if len(data) != length or data[0] & _FLAGS != _COMPRESSED:
        raise InvalidPoint
    there = _backend()
    try:
        point = read(bytes(data))
    except ValueError:
        raise InvalidPoint from None
    if there.is_identity(point) or not there.in_group(point) or write(point) != data:
        raise InvalidPoint
    return point


def _backend() -> Any:
    return _chosen.get() or _default()


@lru_cache(maxsize=1)
def _default() -> Any:
    try:
        return _load(BACKENDS[0])
    except ImportError:
        return _load(BACKENDS[1])


def _load(name: str) -> Any:
    return import_module(f".{_MODULES[name]}", __package__)
