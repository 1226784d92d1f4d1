"""An envelope that only a person's private key opens, besides the key of the store.

A lock is an X25519 pair whose private half is sealed under the person's passphrase (`keyring.passphrase`), so that things can be locked
when the person is not there. Before the stream stands

    0x20 (1) || id of the lock (16) || 32 random bytes sealed to the public half (80)

sealed by HPKE (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode) with `consonant/lock/v1`, the lock's id and the
context as info. The stream's key is HKDF-SHA256 of the store's key and those 32 bytes, with the same info: either of them alone opens nothing, so
destroying the store's key still destroys the thing. Pure: `cryptography` does the work.
"""

import os
import uuid
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyring.errors import SealBroken

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_INFO: Final = b"consonant/lock/v1"
_BEGINS: Final = 0x20
_KEY_BYTES: Final = 32
ENVELOPE_BYTES: Final = 1 + 16 + 32 + _KEY_BYTES + 16


@dataclass(frozen=True)
class Lock:
    """What is needed to lock something: an id, and the public half (32 bytes)."""

    id: uuid.UUID
    public: bytes


def is_closed(begin: bytes) -> bool:
    """Say whether bytes that begin so are locked."""
    return len(begin) >= ENVELOPE_BYTES and begin[0] == _BEGINS


def lock_of(begin: bytes) -> uuid.UUID:
    """Return the id of the lock."""
    return uuid.UUID(bytes=begin[1:17])


def close(lock: Lock, key: bytes, *, context: bytes) -> tuple[bytes, bytes]:
    """Return an envelope and the key of the stream, from the store's `key`."""
    secret = os.urandom(_KEY_BYTES)
    info = _info(lock.id, context)
    sealed = _SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(lock.public), info)
    return bytes([_BEGINS]) + lock.id.bytes + sealed, _joined(key, secret, info)


def open_(begin: bytes, private: bytes, key: bytes, *, context: bytes) -> bytes:
    """Return the key of the stream, from the envelope, the lock's private half and the store's `key`.

    Raises:
        SealBroken: The envelope was changed, or is another lock's or another thing's.
    """
    info = _info(lock_of(begin), context)
    try:
        secret = _SUITE.decrypt(begin[17:ENVELOPE_BYTES], X25519PrivateKey.from_private_bytes(private), info)
    except InvalidTag:
        raise SealBroken("the lock does not open") from None
    return _joined(key, secret, info)


def _info(lock: uuid.UUID, context: bytes) -> bytes:
    return _INFO + lock.bytes + context


def _joined(key: bytes, secret: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(key + secret)
