"""Signed tokens: compact JWS (RFC 7515) by EdDSA over Ed25519 (RFC 8037), and the keys that verify them as a JWK Set (RFC 7517). Pure.

`open_token` refuses, each with a reason of its own:

1. what is no token: more than 4,096 characters, or a part that is not base64url in its one form;
2. a header that is not exactly `alg`, `typ` and `kid`, an `alg` other than EdDSA, and a `typ` other than the one expected, so that no
   token of one kind passes for another (RFC 8725, 3.1 and 3.11);
3. a `kid` that names no key given, and a signature that this key did not make;
4. an `iss` other than the one to whom the set gives the key: no tenant's key speaks for another tenant;
5. an `aud` that is not exactly the audience expected.

A key's `kid` is its thumbprint (RFC 7638).
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.types import Options

from consent.errors import TokenRefused
from ledger.errors import LedgerError
from ledger.note import check_ed25519
from ledger.signed_json import is_text, read

ALGORITHM: Final = "EdDSA"
MAX_TOKEN: Final = 4096
MAX_JWKS_BYTES: Final = 1_000_000
AUDIENCE: Final = re.compile(r"[!-~]{1,200}")
"""Visible ASCII: an address, or a client id."""

_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_MAX_DEPTH: Final = 8


@dataclass(frozen=True)
class Key:
    """A public key, and for whom it signs."""

    issuer: str
    public: bytes

    @property
    def kid(self) -> str:
        """The thumbprint, SHA-256 in base64url."""
        required = {"crv": "Ed25519", "kty": "OKP", "x": _encode(self.public)}
        return _encode(sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode()).digest())

    def jwk(self) -> dict[str, str]:
        """Return the key as it stands in a set. `iss` is ours: for whom it signs."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _encode(self.public),
            "kid": self.kid,
            "use": "sig",
            "alg": ALGORITHM,
            "iss": self.issuer,
        }


class Signer:
    """A private key, and for whom it signs."""

    __slots__ = ("_private", "key")

    def __init__(self, issuer: str, seed: bytes) -> None:
        """Take the seed, 32 bytes."""
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = Key(issuer, self._private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        """Show the public half only."""
        return f"Signer({self.key!r})"

    def sign(self, claims: Mapping[str, Any], *, kind: str) -> str:
        """Return a token with these claims and `iss`; `kind` is its `typ`."""
        said = {"iss": self.key.issuer, **claims}
        return jwt.encode(said, self._private, algorithm=ALGORITHM, headers={"typ": kind, "kid": self.key.kid})


def write_jwks(keys: Iterable[Key]) -> dict[str, Any]:
    """Return a set of keys."""
    return {"keys": [key.jwk() for key in keys]}


def read_jwks(data: bytes) -> dict[str, Key]:
    """Return the set's Ed25519 keys that name their issuer, by `kid`; others are passed over, as RFC 7517 section 5 says.

    Raises:
        TokenRefused: It is no set of keys, or holds a false one.
    """
    try:
        said = read(data, max_bytes=MAX_JWKS_BYTES, max_depth=_MAX_DEPTH)
    except LedgerError as error:
        raise TokenRefused("keys", f"the set of keys cannot be read: {error.detail}") from None
    listed = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        raise TokenRefused("keys", "it is no set of keys")
    keys: dict[str, Key] = {}
    for each in listed:
        if not isinstance(each, dict) or (each.get("kty"), each.get("crv")) != ("OKP", "Ed25519"):
            continue
        if not is_text(each.get("iss")) or not is_text(each.get("x")):
            continue
        key = Key(each["iss"], _decode(each["x"]) or b"")
        try:
            check_ed25519(key.public)
        except LedgerError as error:
            raise TokenRefused("keys", f"a key is none: {error.detail}") from None
        if key.kid != each.get("kid") or keys.setdefault(key.kid, key) != key:
            raise TokenRefused("keys", "a key has another's id")
    return keys


def open_token(token: str, *, kind: str, keys: Mapping[str, Key], audience: str) -> dict[str, Any]:
    """Return the claims of a token of this kind that one of the keys signed for this audience; of times nothing is checked.

    Raises:
        TokenRefused: It is refused, and why.
    """
    parts = token.split(".") if len(token) <= MAX_TOKEN else []
    if len(parts) != 3 or None in [_decode(part) for part in parts]:
        raise TokenRefused("malformed", "it is no token")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise TokenRefused("malformed", "its header cannot be read") from None
    if header.keys() != {"alg", "typ", "kid"} or header["alg"] != ALGORITHM:
        raise TokenRefused("algorithm", f"it is not signed by {ALGORITHM}, or its header says more than it may")
    if header["typ"] != kind:
        raise TokenRefused("type", f"it is no {kind}")
    key = keys.get(header["kid"]) if isinstance(header["kid"], str) else None
    if key is None:
        raise TokenRefused("key", "none of the keys has its id")
    try:
        claims = jwt.decode(
            token,
            Ed25519PublicKey.from_public_bytes(key.public),
            algorithms=[ALGORITHM],
            options=_SIGNATURE_ALONE,
        )
    except jwt.PyJWTError:
        raise TokenRefused("signature", "its signature is not this key's") from None
    if claims.get("iss") != key.issuer:
        raise TokenRefused("issuer", "its key signs for somebody else")
    if claims.get("aud") != audience:
        raise TokenRefused("audience", "it was made for somebody else to check")
    return dict(claims)


_SIGNATURE_ALONE: Final[Options] = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""The rest the library would check by its own clock, or more loosely."""


def seconds(at: datetime) -> int:
    """Return a time as a token writes it: whole seconds since 1970, cut."""
    return int(at.timestamp())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    """Return the bytes of base64url without padding, or None where it is not in its one form."""
    if not _PART.fullmatch(text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if _encode(data) == text else None
