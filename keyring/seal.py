"""Authenticated encryption of one piece of bytes under one key.

A seal is `0x01 || nonce (12) || AES-256-GCM ciphertext and tag` (NIST SP 800-38D). The context is authenticated, not stored: a
seal moved to another row or file does not open. Pure: `cryptography` does the work.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keyring.errors import SealBroken

KEY_BYTES = 32
SUITE_AES_256_GCM = b"\x01"
OVERHEAD_BYTES = 1 + 12 + 16


def seal(key: bytes, plain: bytes, *, context: bytes) -> bytes:
    """Return `plain` sealed under the 32-byte `key`, bound to `context`."""
    nonce = os.urandom(12)
    return SUITE_AES_256_GCM + nonce + AESGCM(key).encrypt(nonce, plain, context)


def unseal(key: bytes, sealed: bytes, *, context: bytes) -> bytes:
    """Return what `seal` was given.

    Raises:
        SealBroken: Wrong key, wrong context, other suite, or changed bytes.
    """
    if len(sealed) < OVERHEAD_BYTES or sealed[:1] != SUITE_AES_256_GCM:
        raise SealBroken("not a seal of a known suite")
    try:
        return AESGCM(key).decrypt(sealed[1:13], sealed[13:], context)
    except InvalidTag:
        raise SealBroken("the seal does not open") from None
