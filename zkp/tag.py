"""A subject's keys, and the tags, salts and marks that they put on entries ("Keys, tags, marks" of the design).

On G1 of BLS12-381, generator G, order r. Scalars are 32 bytes big-endian in (0, r); points are compressed, 48 bytes.
HKDF is RFC 5869 with SHA-256 and no salt. What stands in quotes below is its `info`, in UTF-8.

    s    = HKDF(seed, "consonant/1|s|"  || log origin, 48 bytes) mod r       P = s G
    k_u  = HKDF(seed, "consonant/1|ku|" || log origin, 32 bytes)
    box  = HKDF(seed, "consonant/1|box|" || log origin, 32 bytes)            the wallet's X25519 key, for what is handed over at a claim
    rho  = HKDF(k_u, "rho|" || day as YYYY-MM-DD, UTC, 48 bytes) mod r       tag of the day = rho G || rho P
    salt of the subject commitment of entry `ref` = HKDF(k_u, "salt|subject|" || ref, 32 bytes)
    mark of entry `ref` = the first 16 bytes of HMAC-SHA256(k_u, "mark|" || ref)

`ref` is the UUID as the leaf writes it: 36 characters, lower case. Invariants:

1. Everything follows from the seed and the log's origin; another origin gives unlinkable keys.
2. No scalar is zero, so neither half of a tag is the identity. 48 bytes mod r leave a bias under 2**-128.
3. `Keys` never shows its secrets in a repr, so no log line or traceback does.
4. A tag links the entries of one day to who holds the tag: it goes into a leaf only as a salted commitment.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .core import group
from .core.group import ORDER, SCALAR_BYTES
from .errors import DegenerateScalar

if TYPE_CHECKING:
    from uuid import UUID

SEED_BYTES: Final = 32
KEY_BYTES: Final = 32
POINT_BYTES: Final = 48
TAG_BYTES: Final = 96
SALT_BYTES: Final = 32
MARK_BYTES: Final = 16
_WIDE_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class Keys:
    """A subject's secrets in one log: the scalar `s`, 32 bytes big-endian, and the marking key `k_u`, 32 bytes."""

    s: bytes = field(repr=False)
    k_u: bytes = field(repr=False)

    def __post_init__(self) -> None:
        group.decode_scalar(self.s, zero=False)
        _check_key(self.k_u)


def derive(seed: bytes, origin: str) -> Keys:
    """Return the keys that a 32-byte seed has in the log `origin`."""
    if len(seed) != SEED_BYTES or not origin:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, and an origin a name")
    return Keys(
        s=_derive_scalar(seed, f"consonant/1|s|{origin}"),
        k_u=_hkdf(seed, f"consonant/1|ku|{origin}", KEY_BYTES),
    )


def box_key(seed: bytes, origin: str) -> bytes:
    """Return the private X25519 key (RFC 7748), 32 bytes, to which the custodial keys are encrypted when a wallet claims."""
    if len(seed) != SEED_BYTES or not origin:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, and an origin a name")
    return _hkdf(seed, f"consonant/1|box|{origin}", KEY_BYTES)


def public_key(s: bytes) -> bytes:
    """Return P = s G, compressed. Raises InvalidScalar."""
    return group.encode_g1(group.msm([group.generator()], [group.decode_scalar(s, zero=False)]))


def day_tag(keys: Keys, day: date) -> bytes:
    """Return R || T of a UTC day, 96 bytes. It takes two multiplications: cache it for the day."""
    half = group.msm([group.generator()], [_rho(keys.k_u, day)])
    return group.encode_g1(half) + group.encode_g1(group.msm([half], [group.decode_scalar(keys.s, zero=False)]))


def day_tag_of(*, public_key: bytes, k_u: bytes, day: date) -> bytes:
    """Return the same R || T without s, as rho P = s R: for the service, which has no wallet's secret.

    Raises:
        InvalidPoint: The public key.
    """
    rho = _rho(_check_key(k_u), day)
    half, whole = group.msm([group.generator()], [rho]), group.msm([group.decode_g1(public_key)], [rho])
    return group.encode_g1(half) + group.encode_g1(whole)


def subject_salt(k_u: bytes, ref: UUID) -> bytes:
    """Return the salt of the subject commitment of entry `ref`, 32 bytes."""
    return _hkdf(_check_key(k_u), f"salt|subject|{ref}", SALT_BYTES)


def mark(k_u: bytes, ref: UUID) -> bytes:
    """Return the mark of entry `ref`, 16 bytes, by which the holder of `k_u` finds it in the log."""
    return hmac.digest(_check_key(k_u), f"mark|{ref}".encode(), "sha256")[:MARK_BYTES]


def _rho(k_u: bytes, day: date) -> int:
    if isinstance(day, datetime):  # A datetime is a date to Python; its isoformat is another label.
        raise TypeError("a tag belongs to a day, not to a moment")
    return group.decode_scalar(_derive_scalar(k_u, f"rho|{day.isoformat()}"), zero=False)


def _derive_scalar(key: bytes, info: str) -> bytes:
    value = int.from_bytes(_hkdf(key, info, _WIDE_BYTES), "big") % ORDER
    if value == 0:  # One chance in 2**255: nothing to try instead, and nothing to hide.
        raise DegenerateScalar(info.partition("|")[0])
    return value.to_bytes(SCALAR_BYTES, "big")


def _hkdf(key: bytes, info: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info.encode()).derive(key)


def _check_key(k_u: bytes) -> bytes:
    if len(k_u) != KEY_BYTES:
        raise ValueError(f"a marking key has {KEY_BYTES} bytes, not {len(k_u)}")
    return k_u
