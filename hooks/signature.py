"""Signatures of deliveries, as Standard Webhooks 1.0 has them. Pure.

What is signed is `<id>.<seconds since 1970>.<body>`. A header holds one or several, apart by spaces, each with its scheme:

- `v1`: HMAC-SHA256 under a secret that both sides have (`whsec_` and base64), by the library `standardwebhooks`. While a secret is being
  replaced there is one under the new and one under the old.
- `v1a`: Ed25519 by the sender's own key (`whsk_`, `whpk_` and base64), so that a receiver can show others who sent it.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks.webhooks import Webhook

TOLERANCE: Final = timedelta(minutes=5)
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets begin with
PUBLIC_PREFIX: Final = "whpk_"


def secret_text(key: bytes) -> str:
    """Return a secret as it is handed over."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public half of a key as it is handed over."""
    return PUBLIC_PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def sign(
    secrets: Iterable[str], *, message_id: str, at: datetime, body: str, key: Ed25519PrivateKey | None = None
) -> str:
    """Return the header: a signature under each secret, and one by the key.

    Raises:
        ValueError: A secret is empty, or no base64.
    """
    # `sign` of the library reads the clock's numbers without their zone, so it is given UTC.
    at = at.astimezone(UTC)
    made = [_webhook(secret).sign(message_id, at, body) for secret in secrets]
    if key is not None:
        made.append("v1a," + base64.b64encode(key.sign(_signed(message_id, at, body))).decode())
    return " ".join(made)


def holds(  # noqa: PLR0913
    header: str,
    *,
    secrets: Iterable[str] = (),
    public: str = "",
    message_id: str,
    at: datetime,
    body: str,
    now: datetime,
) -> bool:
    """Say whether one of the header's signatures was made under one of the secrets, or by the public key, not over five minutes from now.

    Raises:
        ValueError: A secret or the key is empty, or no base64.
    """
    at = at.astimezone(UTC)
    wanted = [_webhook(secret).sign(message_id, at, body) for secret in secrets]
    verifier = Ed25519PublicKey.from_public_bytes(_decoded(public.removeprefix(PUBLIC_PREFIX))) if public else None
    if abs(now - at) > TOLERANCE:
        return False
    for each in header.split(" "):
        if any(hmac.compare_digest(each.encode(), one.encode()) for one in wanted):
            return True
        scheme, _, signature = each.partition(",")
        if verifier is not None and scheme == "v1a" and _is_by(verifier, signature, _signed(message_id, at, body)):
            return True
    return False


def _webhook(secret: str) -> Webhook:
    if not _decoded(secret.removeprefix(SECRET_PREFIX)):
        raise ValueError("the secret is empty")
    return Webhook(secret)


def _is_by(verifier: Ed25519PublicKey, signature: str, signed: bytes) -> bool:
    try:
        verifier.verify(_decoded(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(message_id: str, at: datetime, body: str) -> bytes:
    return f"{message_id}.{int(at.timestamp())}.{body}".encode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("this is no base64") from None
