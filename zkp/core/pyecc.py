"""The curve by py-ecc: the tests' oracle, and what runs where the other library has no wheel. About a hundred times slower."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import compress_G1, compress_G2, decompress_G1, decompress_G2
from py_ecc.bls.typing import G1Compressed, G2Compressed
from py_ecc.fields import optimized_bls12_381_FQ12 as FQ12
from py_ecc.optimized_bls12_381.optimized_curve import G1, G2, Z1, add, curve_order, is_inf, multiply, neg
from py_ecc.optimized_bls12_381.optimized_pairing import final_exponentiate, pairing

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "py-ecc"
_HALF: Final = 48


def g1() -> Any:
    """Return the generator of G1."""
    return G1


def g2() -> Any:
    """Return the generator of G2."""
    return G2


def g1_from_bytes(data: bytes) -> Any:
    """Return a point of the curve, perhaps outside G1. Raises ValueError."""
    return decompress_G1(G1Compressed(int.from_bytes(data, "big")))


def g2_from_bytes(data: bytes) -> Any:
    """Return a point of the twist, perhaps outside G2. Raises ValueError."""
    high, low = int.from_bytes(data[:_HALF], "big"), int.from_bytes(data[_HALF:], "big")
    return decompress_G2(G2Compressed((high, low)))


def g1_to_bytes(point: Any) -> bytes:
    """Return its 48 bytes."""
    return compress_G1(point).to_bytes(_HALF, "big")


def g2_to_bytes(point: Any) -> bytes:
    """Return its 96 bytes."""
    return b"".join(half.to_bytes(_HALF, "big") for half in compress_G2(point))


def in_group(point: Any) -> bool:
    """Say whether it is of the prime-order group."""
    return is_inf(multiply(point, curve_order))


def is_identity(point: Any) -> bool:
    """Say whether it is the neutral element."""
    return is_inf(point)


def negate(point: Any) -> Any:
    """Return the inverse."""
    return neg(point)


def msm(points: Sequence[Any], scalars: Sequence[int]) -> Any:
    """Return the sum of the products in G1."""
    total: Any = Z1
    for point, scalar in zip(points, scalars, strict=True):
        total = add(total, multiply(point, scalar))
    return total


def multiply_g2(point: Any, scalar: int) -> Any:
    """Return a product in G2."""
    return multiply(point, scalar)


def hash_to_g1(message: bytes, dst: bytes) -> Any:
    """Return the point of RFC 9380 section 8.8.1."""
    return hash_to_G1(message, dst, sha256)  # type: ignore[arg-type] # it calls it, and says it were its result


def pairing_is_one(pairs: Sequence[tuple[Any, Any]]) -> bool:
    """Say whether the product of the pairings is one, with one final exponentiation for all of them."""
    product = FQ12.one()
    for one, two in pairs:
        product *= pairing(two, one, final_exponentiate=False)
    return bool(final_exponentiate(product) == FQ12.one())
