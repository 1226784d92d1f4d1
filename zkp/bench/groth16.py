"""Verify what snarkjs proved, in Python: Groth16 over BN254 (Groth 2016, section 3.2) by py-ecc.

It is here to be measured: the keys are nobody's, and neither the points' subgroup nor the numbers' range is looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from py_ecc.fields import optimized_bn128_FQ as FQ
from py_ecc.fields import optimized_bn128_FQ2 as FQ2
from py_ecc.fields import optimized_bn128_FQ12 as FQ12
from py_ecc.optimized_bn128.optimized_curve import add, multiply, neg
from py_ecc.optimized_bn128.optimized_pairing import final_exponentiate, pairing


def verify(key: Mapping[str, Any], public: Sequence[str], proof: Mapping[str, Any]) -> bool:
    """Say whether the proof holds for these public numbers; all three as snarkjs writes them. One final exponentiation for four pairings."""
    first, *others = (_g1(each) for each in key["IC"])
    known = first
    for point, number in zip(others, public, strict=True):
        known = add(known, multiply(point, int(number)))
    pairs = (
        (_g2(proof["pi_b"]), neg(_g1(proof["pi_a"]))),
        (_g2(key["vk_beta_2"]), _g1(key["vk_alpha_1"])),
        (_g2(key["vk_gamma_2"]), known),
        (_g2(key["vk_delta_2"]), _g1(proof["pi_c"])),
    )
    product = FQ12.one()
    for g2, g1 in pairs:
        product *= pairing(g2, g1, final_exponentiate=False)
    return bool(final_exponentiate(product) == FQ12.one())


def _g1(said: Sequence[str]) -> Any:
    return tuple(FQ(int(each)) for each in said)


def _g2(said: Sequence[Sequence[str]]) -> Any:
    return tuple(FQ2([int(part) for part in each]) for each in said)
