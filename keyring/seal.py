"""Authenticated encryption of one piece of bytes under one 32-byte key.

A seal is `suite (1) || nonce (12) || ciphertext || tag (16)`. The context is authenticated, not stored: a seal moved to another row or
file does not open. The first byte names the suite, so every seal opens whatever suite new ones are made with:

- `0x01` `aes-256-gcm`: AES-256-GCM (NIST SP 800-38D) under the key itself.
- `0x02` `sm4-gcm`: SM4-GCM (GB/T 32907, RFC 8998) under 16 bytes derived from the key: HKDF-SHA256 (RFC 5869), no salt, info
  `consonant/sm4-gcm/v1`. SM4 has keys of 128 bits, and a key that serves two ciphers serves each by another name.

Pure: `cryptography` does the work.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyring.errors import SealBroken

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES
Buffer = bytes | memoryview
_SM4_INFO = b"consonant/sm4-gcm/v1"


@dataclass(frozen=True)
class Suite:
    """One cipher: `encrypt` and `decrypt` take key, nonce, bytes and context; `decrypt` raises `InvalidTag`."""

    code: bytes
    name: str
    encrypt: Callable[[bytes, bytes, Buffer, bytes], bytes]
    decrypt: Callable[[bytes, bytes, Buffer, bytes], bytes]


def sm4_gcm_encrypt(key: bytes, nonce: bytes, plain: Buffer, context: bytes) -> bytes:
    """Return SM4-GCM ciphertext and tag under the 16-byte `key`."""
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(context)
    return cipher.update(plain) + cipher.finalize() + cipher.tag


def sm4_gcm_decrypt(key: bytes, nonce: bytes, body: Buffer, context: bytes) -> bytes:
    """Return the plain bytes of `sm4_gcm_encrypt`, or raise `InvalidTag`."""
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce, bytes(body[-TAG_BYTES:]))).decryptor()
    cipher.authenticate_additional_data(context)
    plain = cipher.update(body[:-TAG_BYTES])
    return plain + cipher.finalize()


def _sm4_key(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return HKDF(algorithm=hashes.SHA256(), length=16, salt=None, info=_SM4_INFO).derive(key)


AES_256_GCM = Suite(
    code=b"\x01",
    name="aes-256-gcm",
    encrypt=lambda key, nonce, plain, context: AESGCM(key).encrypt(nonce, plain, context),
    decrypt=lambda key, nonce, body, context: AESGCM(key).decrypt(nonce, body, context),
)
SM4_GCM = Suite(
    code=b"\x02",
    name="sm4-gcm",
    encrypt=lambda key, nonce, plain, context: sm4_gcm_encrypt(_sm4_key(key), nonce, plain, context),
    decrypt=lambda key, nonce, body, context: sm4_gcm_decrypt(_sm4_key(key), nonce, body, context),
)
SUITES = {suite.name: suite for suite in (AES_256_GCM, SM4_GCM)}
_BY_CODE = {suite.code: suite for suite in SUITES.values()}


class _New:
    """The suite of new seals in this process: chosen once, when it starts."""

    suite = AES_256_GCM


def use(name: str) -> None:
    """Make new seals of this process with that suite.

    Raises:
        ValueError: There is no such suite.
    """
    if name not in SUITES:
        raise ValueError(f"there is no suite {name!r}; there are: {', '.join(SUITES)}")
    _New.suite = SUITES[name]


def suite_of_new() -> Suite:
    """Return the suite of new seals."""
    return _New.suite


def seal(key: bytes, plain: bytes, *, context: bytes, suite: Suite | None = None) -> bytes:
    """Return `plain` sealed under the 32-byte `key`, bound to `context`."""
    suite = suite or _New.suite
    nonce = os.urandom(NONCE_BYTES)
    return suite.code + nonce + suite.encrypt(key, nonce, plain, context)


def unseal(key: bytes, sealed: bytes, *, context: bytes) -> bytes:
    """Return what `seal` was given.

    Raises:
        SealBroken: Wrong key, wrong context, unknown suite, or changed bytes.
    """
    suite = _BY_CODE.get(sealed[:1])
    if len(sealed) < OVERHEAD_BYTES or suite is None:
        raise SealBroken("not a seal of a known suite")
    try:
        return suite.decrypt(key, sealed[1:13], sealed[13:], context)
    except InvalidTag:
        raise SealBroken("the seal does not open") from None
