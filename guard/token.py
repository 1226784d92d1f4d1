"""An agent's token: `cgt_` and 256 random bits, base64url. Kept is its SHA-256: what cannot be guessed needs no salt. Pure."""

import hashlib
import secrets
from typing import Final

PREFIX: Final = "cgt_"


def new_token() -> str:
    """Return a token that nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """Return what is kept of a token, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()
