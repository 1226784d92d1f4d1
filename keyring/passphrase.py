"""A secret of 32 bytes sealed under a passphrase: Argon2id (RFC 9106, its second recommended choice), then `keyring.seal`.

A sealed secret is `0x01 || log2 of the memory in KiB (1) || passes (1) || lanes (1) || salt (16) || seal`, so that what was sealed with
today's cost opens when tomorrow's is higher. The context is bound, not stored. Pure: `cryptography` does the work.
"""

import os
import unicodedata
from typing import Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keyring.errors import SealBroken
from keyring.seal import KEY_BYTES, seal, unseal

MEMORY_BITS: Final = 16
PASSES: Final = 3
LANES: Final = 4
_SALT_BYTES: Final = 16
_VERSION: Final = 1
_HEADER_BYTES: Final = 4 + _SALT_BYTES
_MOST_MEMORY_BITS: Final = 20
_MOST_PASSES: Final = 16
_MOST_LANES: Final = 16


def seal_under(passphrase: str, secret: bytes, *, context: bytes) -> bytes:
    """Return the secret sealed under the passphrase; it takes half a second and 64 MiB, and is meant to."""
    header = bytes([_VERSION, MEMORY_BITS, PASSES, LANES]) + os.urandom(_SALT_BYTES)
    return header + seal(_key(passphrase, header), secret, context=header + context)


def open_under(passphrase: str, sealed: bytes, *, context: bytes) -> bytes:
    """Return the secret.

    Raises:
        SealBroken: Another passphrase, another context, or changed bytes.
    """
    header = sealed[:_HEADER_BYTES]
    if len(header) < _HEADER_BYTES or header[0] != _VERSION or not _is_bearable(*header[1:4]):
        raise SealBroken("not a secret under a passphrase")
    return unseal(_key(passphrase, header), sealed[_HEADER_BYTES:], context=header + context)


def _is_bearable(memory_bits: int, passes: int, lanes: int) -> bool:
    return 13 <= memory_bits <= _MOST_MEMORY_BITS and 1 <= passes <= _MOST_PASSES and 1 <= lanes <= _MOST_LANES


def _key(passphrase: str, header: bytes) -> bytes:
    # The same letters on another keyboard can be other code points (RFC 8265).
    text = unicodedata.normalize("NFC", passphrase).encode()
    kdf = Argon2id(salt=header[4:], length=KEY_BYTES, iterations=header[2], lanes=header[3], memory_cost=1 << header[1])
    return kdf.derive(text)
