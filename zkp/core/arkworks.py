"""The curve by py-arkworks-bls12381: what runs. Only `group` may use it: it accepts too much.

It takes the identity, truncates an MSM of unequal lengths, and reduces `Scalar(int)` silently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "py-arkworks-bls12381"
_FEW: Final = 4  # measured: from here on one multi-exponentiation beats as many products


def g1() -> Any:
    """Return the generator of G1."""
    return G1Point()


def g2() -> Any:
    """Return the generator of G2."""
    return G2Point()


def g1_from_bytes(data: bytes) -> Any:
    """Return a point of the curve, perhaps outside G1. Raises ValueError."""
    return G1Point.from_compressed_bytes_unchecked(data)


def g2_from_bytes(data: bytes) -> Any:
    """Return a point of the twist, perhaps outside G2. Raises ValueError."""
    return G2Point.from_compressed_bytes_unchecked(data)


def g1_to_bytes(point: Any) -> bytes:
    """Return its 48 bytes."""
    return bytes(point.to_compressed_bytes())


def g2_to_bytes(point: Any) -> bytes:
    """Return its 96 bytes."""
    return bytes(point.to_compressed_bytes())


def in_group(point: Any) -> bool:
    """Say whether it is of the prime-order group."""
    return bool(point.is_in_subgroup())


def is_identity(point: Any) -> bool:
    """Say whether it is the neutral element."""
    return bool(point == type(point).identity())


def negate(point: Any) -> Any:
    """Return the inverse."""
    return -point


def msm(points: Sequence[Any], scalars: Sequence[int]) -> Any:
    """Return the sum of the products in G1."""
    read = [_scalar(scalar) for scalar in scalars]
    if len(read) >= _FEW:
        return G1Point.multiexp_unchecked(list(points), read)
    total = G1Point.identity()
    for point, scalar in zip(points, read, strict=True):
        total += point * scalar
    return total


def multiply_g2(point: Any, scalar: int) -> Any:
    """Return a product in G2."""
    return point * _scalar(scalar)


def hash_to_g1(message: bytes, dst: bytes) -> Any:
    """Return the point of RFC 9380 section 8.8.1."""
    return G1Point.hash_to_curve(message, dst)


def pairing_is_one(pairs: Sequence[tuple[Any, Any]]) -> bool:
    """Say whether the product of the pairings is one."""
    return bool(GT.pairing_check([one for one, _ in pairs], [two for _, two in pairs]))


def _scalar(value: int) -> Scalar:
    return Scalar.from_be_bytes(value.to_bytes(32, "big"))
