"""Keys, tags, salts and marks, against py-ecc and an HKDF written from RFC 5869."""

import hashlib
import hmac
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.bls.g2_primitives import G1_to_pubkey, pubkey_to_G1, subgroup_check
from py_ecc.optimized_bls12_381 import G1, curve_order, is_inf, multiply

from zkp import tag
from zkp.errors import DegenerateScalar, InvalidScalar

SEED = bytes(range(32))
ORIGIN = "log.example/voices"
DAY = date(2026, 3, 1)
REF = UUID("0F0E0D0C-0B0A-4908-8706-050403020100")
KEYS = tag.derive(SEED, ORIGIN)


def hkdf(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256 and no salt, as it is written."""
    secret = hmac.new(bytes(32), key, hashlib.sha256).digest()
    block, result = b"", b""
    for count in range(1, -(-length // 32) + 1):
        block = hmac.new(secret, block + info + bytes([count]), hashlib.sha256).digest()
        result += block
    return result[:length]


def compressed(point) -> bytes:
    return bytes(G1_to_pubkey(point))


def test_the_order_is_the_curves():
    assert curve_order == tag.ORDER


@settings(max_examples=5, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=30), st.dates())
def test_agrees_with_an_independent_computation(seed, origin, day):
    s = int.from_bytes(hkdf(seed, f"consonant/1|s|{origin}".encode(), 48), "big") % curve_order
    k_u = hkdf(seed, f"consonant/1|ku|{origin}".encode(), 32)
    keys = tag.derive(seed, origin)
    assert (int.from_bytes(keys.s, "big"), keys.k_u) == (s, k_u)
    point = multiply(G1, s)
    assert tag.public_key(keys.s) == compressed(point)
    rho = int.from_bytes(hkdf(k_u, b"rho|" + day.isoformat().encode(), 48), "big") % curve_order
    assert tag.day_tag(keys, day) == compressed(multiply(G1, rho)) + compressed(multiply(point, rho))


def test_salt_and_mark():
    ref = b"0f0e0d0c-0b0a-4908-8706-050403020100"
    assert tag.subject_salt(KEYS.k_u, REF) == hkdf(KEYS.k_u, b"salt|subject|" + ref, 32)
    assert tag.mark(KEYS.k_u, REF) == hmac.new(KEYS.k_u, b"mark|" + ref, hashlib.sha256).digest()[:16]


def test_nothing_moves():
    """What is published stays recognisable: these values are for ever."""
    assert KEYS.s.hex() == "34eac5cd3cdcb62f4b03a852127175017a62865e88d5c57ed480167d74e4de22"
    assert KEYS.k_u.hex() == "45340fd6cd15ca58257999d93e213ee3e3b8134f14a379bc3563d87c81520056"
    assert tag.day_tag(KEYS, DAY).hex() == (
        "a36f5a99ca897378a5684c613506c812cc56756bca2fceadbc537bce93f2b02efb2d75079b624aa47c03f3e901a8b854"
        "a793dcbe2d901af6170b8a0925f5104c77225d38ae7e2568751f2681c76f6a77aa02c2561511378200b917db8a79d18d"
    )
    assert tag.subject_salt(KEYS.k_u, REF).hex() == "d8f138f9262fbd70a9e1fb1323fca1f408888a29dbeaf77b1a5ccf442abc017b"
    assert tag.mark(KEYS.k_u, REF).hex() == "3a38efb3b92c944b0909ff91afd9c470"


def test_a_tag_is_two_good_points():
    made = tag.day_tag(KEYS, DAY)
    assert len(made) == tag.TAG_BYTES
    for half in (made[:48], made[48:], tag.public_key(KEYS.s)):
        point = pubkey_to_G1(half)
        assert not is_inf(point)
        assert subgroup_check(point)


def test_another_log_day_or_entry_is_unlinkable():
    other = tag.derive(SEED, "other.example")
    assert other.s != KEYS.s
    assert other.k_u != KEYS.k_u
    one, two, third = tag.day_tag(KEYS, DAY), tag.day_tag(KEYS, date(2026, 3, 2)), tag.day_tag(other, DAY)
    assert len({one[:48], one[48:], two[:48], two[48:], third[:48], third[48:]}) == 6
    assert tag.day_tag(KEYS, DAY) == one
    assert tag.mark(KEYS.k_u, REF) != tag.mark(KEYS.k_u, UUID(int=1, version=4))
    assert tag.mark(KEYS.k_u, REF) != tag.mark(other.k_u, REF)


def test_secrets_are_not_shown():
    assert repr(KEYS) == str(KEYS) == "Keys()"


@pytest.mark.parametrize("s", [bytes(32), tag.ORDER.to_bytes(32, "big"), b"\xff" * 32, b"\1" * 31, b"\1" * 33, b""])
def test_what_is_no_scalar(s):
    with pytest.raises(InvalidScalar):
        tag.public_key(s)
    with pytest.raises(InvalidScalar):
        tag.Keys(s, bytes(32))


def test_the_ends_of_the_range_are_scalars():
    assert tag.public_key((1).to_bytes(32, "big")) == compressed(G1)
    last = tag.public_key((tag.ORDER - 1).to_bytes(32, "big"))
    assert last == compressed(multiply(G1, curve_order - 1))


@pytest.mark.parametrize("value", [0, tag.ORDER])
def test_a_scalar_that_comes_out_as_zero_is_refused(monkeypatch, value):
    monkeypatch.setattr(tag, "_hkdf", lambda _key, _info, length: value.to_bytes(length, "big"))
    with pytest.raises(DegenerateScalar):
        tag.derive(SEED, ORIGIN)
    with pytest.raises(DegenerateScalar):
        tag.day_tag(KEYS, DAY)


def test_wrong_lengths_and_types():
    for call in (
        lambda: tag.derive(SEED[:31], ORIGIN),
        lambda: tag.derive(SEED, ""),
        lambda: tag.Keys(KEYS.s, b""),
        lambda: tag.mark(b"", REF),
        lambda: tag.subject_salt(bytes(31), REF),
    ):
        with pytest.raises(ValueError, match="bytes"):
            call()
    with pytest.raises(TypeError):
        tag.day_tag(KEYS, datetime(2026, 3, 1, tzinfo=UTC))
