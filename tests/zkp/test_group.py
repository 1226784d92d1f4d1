"""The curve: both backends agree, and the decoder takes one encoding of each point."""

import secrets
import subprocess
import sys
from contextvars import copy_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.bls.g2_primitives import subgroup_check
from py_ecc.bls.point_compression import compress_G1, decompress_G1, decompress_G2
from py_ecc.optimized_bls12_381.optimized_curve import G1 as GENERATOR
from py_ecc.optimized_bls12_381.optimized_curve import add, is_inf, multiply

from tests import vectors
from tests.zkp.given import SOAK
from zkp.core import arkworks, group
from zkp.core.errors import InvalidPoint, InvalidScalar

P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
EXPONENT = 3 * 11 * 10_177 * 859_267 * 52_437_899  # of what the cofactor leaves: each prime but 3 divides it twice
COMPRESSED, INFINITY, LARGER = 1 << 383, 1 << 382, 1 << 381
G = bytes.fromhex("97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb")


def off_subgroup_g2():
    """A point of the twist outside G2."""
    for x in range(1, 50):
        try:
            point = decompress_G2((COMPRESSED, x))
        except ValueError:
            continue
        if not subgroup_check(point):
            return COMPRESSED.to_bytes(48, "big") + x.to_bytes(48, "big")
    raise AssertionError


def g1(value):
    return value.to_bytes(48, "big")


def of_order(prime, beside=None):
    """A point of the curve of this order, which divides the cofactor; or that and a good one."""
    whole = decompress_G1(COMPRESSED | 4)
    for x in range(5, 50):
        small = multiply(whole, group.ORDER * EXPONENT // prime)
        if not is_inf(small):
            assert is_inf(multiply(small, prime))
            return g1(compress_G1(add(small, beside) if beside else small))
        try:
            whole = decompress_G1(COMPRESSED | x)
        except ValueError:
            continue
    raise AssertionError


BAD_G1 = {
    "empty": b"",
    "short": G[:-1],
    "long": G + b"\0",
    "two points": G + G,
    "identity": g1(COMPRESSED | INFINITY),
    "identity with a sign": g1(COMPRESSED | INFINITY | LARGER),
    "identity with an x": g1(COMPRESSED | INFINITY | 4),
    "identity, uncompressed": g1(INFINITY),
    "zeros": bytes(48),
    "not compressed": bytes([G[0] & 0x7F]) + G[1:],
    "infinity flag on a point": bytes([G[0] | 0x40]) + G[1:],
    "x is the modulus": g1(COMPRESSED | P),
    "x beyond the modulus": g1(COMPRESSED | (P + 4)),
    "x as large as can be": b"\x9f" + b"\xff" * 47,
    "all ones": b"\xff" * 48,
    "not on the curve": g1(COMPRESSED | 1),
    "outside the subgroup": g1(COMPRESSED),
    "outside the subgroup, other sign": g1(COMPRESSED | LARGER),
    **{f"of order {prime}": of_order(prime) for prime in (3, 11, 10_177, 859_267, 52_437_899)},
    "a good point and one of order 3": of_order(3, beside=GENERATOR),
    "a good point and one of order 11": of_order(11, beside=GENERATOR),
}


@pytest.mark.parametrize("name", BAD_G1)
def test_what_is_no_point_of_g1(backend, name):
    with pytest.raises(InvalidPoint):
        group.decode_g1(BAD_G1[name])


def test_what_is_no_point_of_g2(backend):
    good = group.encode_g2(group.generator_g2())
    infinity = (COMPRESSED | INFINITY).to_bytes(48, "big")
    for bad in (
        b"",
        good[:-1],
        good + b"\0",
        good[:48],
        infinity + bytes(48),
        infinity + bytes(47) + b"\1",
        bytes(96),
        bytes([good[0] & 0x7F]) + good[1:],
        bytes([good[0] | 0x40]) + good[1:],
        good[:48] + bytes([good[48] | 0x80]) + good[49:],
        good[:48] + g1(int.from_bytes(good[48:], "big") + P),
        off_subgroup_g2(),
    ):
        with pytest.raises(InvalidPoint):
            group.decode_g2(bad)


def test_good_points_come_back(backend):
    assert group.encode_g1(group.generator()) == G
    for scalar in (1, 2, group.ORDER - 1):
        octets = group.encode_g1(group.msm([group.generator()], [scalar]))
        assert group.encode_g1(group.decode_g1(octets)) == octets
    octets = group.encode_g2(group.multiply_g2(group.generator_g2(), 7))
    assert group.encode_g2(group.decode_g2(octets)) == octets


def test_a_laxer_library_changes_nothing(monkeypatch):
    """Were a library to read some other encoding as a good point, what it writes again would differ."""
    other = group.encode_g1(group.msm([group.generator()], [2]))
    monkeypatch.setattr(arkworks, "g1_from_bytes", lambda _: arkworks.g1())
    assert group.decode_g1(G)
    with pytest.raises(InvalidPoint):
        group.decode_g1(other)


def test_the_identity_is_never_written(backend):
    nothing = group.msm([], [])
    assert group.is_identity(nothing)
    assert group.is_identity(group.msm([group.generator()], [0]))
    assert group.octets_g1(nothing) == BAD_G1["identity"]
    with pytest.raises(InvalidPoint):
        group.encode_g1(nothing)
    with pytest.raises(InvalidPoint):
        group.encode_g2(group.multiply_g2(group.generator_g2(), 0))


def test_scalars():
    for value in (0, 1, group.ORDER - 1):
        assert group.decode_scalar(value.to_bytes(32, "big")) == value
        assert group.encode_scalar(value) == value.to_bytes(32, "big")
    for bad in (group.ORDER.to_bytes(32, "big"), b"\xff" * 32, bytes(31), bytes(33), b""):
        with pytest.raises(InvalidScalar):
            group.decode_scalar(bad)
    with pytest.raises(InvalidScalar):
        group.decode_scalar(bytes(32), zero=False)
    for value in (-1, group.ORDER):
        with pytest.raises(InvalidScalar):
            group.encode_scalar(value)
        with pytest.raises(InvalidScalar):
            group.msm([group.generator()], [value])
        with pytest.raises(InvalidScalar):
            group.multiply_g2(group.generator_g2(), value)
    assert group.decode_scalars(bytes(64)) == [0, 0]
    with pytest.raises(InvalidScalar):
        group.decode_scalars(bytes(63))


@pytest.mark.parametrize("count", [(1, 2), (2, 1), (0, 1), (6, 5)])
def test_a_sum_of_unequal_lengths_is_refused(backend, count):
    points, scalars = count
    with pytest.raises(ValueError, match="as many"):
        group.msm([group.generator()] * points, [1] * scalars)


def test_both_backends_agree():
    for count in (1, 3, 5):
        scalars = [secrets.randbelow(group.ORDER) for _ in range(count)]
        bases = [secrets.randbelow(group.ORDER) for _ in range(count)]
        made = set()
        for name in group.BACKENDS:
            with group.use(name):
                points = [group.msm([group.generator()], [base]) for base in bases]
                total = group.msm(points, scalars)
                made.add((group.encode_g1(total), group.encode_g1(group.negate(total))))
        assert len(made) == 1
    for message in (b"", b"a message", bytes(300)):
        made = set()
        for name in group.BACKENDS:
            with group.use(name):
                made.add(tuple(group.encode_g1(group.hash_to_g1(message, b"tag" * times)) for times in (1, 85, 86)))
        assert len(made) == 1
    made = set()
    for name in group.BACKENDS:
        with group.use(name):
            made.add(group.encode_g2(group.multiply_g2(group.generator_g2(), 0x1234567890)))
    assert len(made) == 1


@settings(max_examples=500 if SOAK else 25)
@given(st.binary(min_size=48, max_size=48), st.integers(0, 383), st.booleans())
def test_both_decoders_agree(junk, bit, good):
    data = (int.from_bytes(G, "big") ^ 1 << bit).to_bytes(48, "big") if good else bytes([0x80 | junk[0]]) + junk[1:]
    read = set()
    for name in group.BACKENDS:
        with group.use(name):
            try:
                read.add(group.encode_g1(group.decode_g1(data)))
            except InvalidPoint:
                read.add(None)
    assert len(read) == 1
    assert read <= {None, data}


def test_hashing_to_the_curve(backend):
    said = vectors.load("zkp/rfc9380/BLS12381G1_XMD_SHA-256_SSWU_RO_.json")
    assert said["vectors"]
    for case in said["vectors"]:
        x, y = int(case["P"]["x"], 16), int(case["P"]["y"], 16)
        sign = LARGER if y > (P - 1) // 2 else 0
        assert group.encode_g1(group.hash_to_g1(case["msg"].encode(), said["dst"].encode())) == g1(
            COMPRESSED | sign | x
        )
    with pytest.raises(ValueError, match="empty"):
        group.hash_to_g1(b"", b"")


def test_pairing(backend):
    point, other = group.generator(), group.generator_g2()
    twice, other_twice = group.msm([point], [2]), group.multiply_g2(other, 2)
    assert group.pairing_is_one((twice, other), (group.negate(point), other_twice))
    assert not group.pairing_is_one((twice, other), (group.negate(point), other))
    assert group.pairing_is_one((group.msm([], []), other))


def test_the_choice_ends_with_its_block():
    def chosen():
        with group.use("py-ecc"):
            assert group.backend() == "py-ecc"
            assert copy_context().run(group.backend) == "py-ecc"
            group.decode_g1(b"")

    with pytest.raises(InvalidPoint):
        chosen()
    assert group.backend() == "py-arkworks-bls12381"
    with pytest.raises(KeyError):
        group.use("another").__enter__()


def test_without_the_first_library_the_second_computes():
    program = (
        "import sys; sys.modules['py_arkworks_bls12381'] = None\n"
        "from zkp.core import group\n"
        "print(group.backend(), group.encode_g1(group.generator()).hex())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=vectors.PROJECT
    )
    assert said.stdout.split() == ["py-ecc", G.hex()]
