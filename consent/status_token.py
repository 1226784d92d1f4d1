"""Status tokens: that a consent stood at an instant, for somebody else to verify offline. OCSP for voices. Pure.

    {"typ": "consonant-status+jwt", "alg": "EdDSA", "kid": "..."}
    {"iss": "consonant.local/acme", "aud": "https://tts.example", "iat": 1700000000, "exp": 1700000300, "jti": "...",
     "standing": true, "purpose": "voice-cloning", "operations": ["synthesize"]}

An app staples it to what it asks of another host; the host demands one that is five minutes old at most. Where the consent's term ends
before, it is good until then. It names no person, no grant
and no app's user, and each has an id of its own, so two of them cannot be joined. It authorises no recording: whoever records asks for a
session.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from consent.errors import TokenRefused
from consent.jose import Key, Signer, open_token, seconds

KIND: Final = "consonant-status+jwt"
LIFE: Final = timedelta(minutes=5)
AHEAD: Final = timedelta(seconds=30)
"""How far the issuer's clock may be ahead of the verifier's."""

_CLAIMS: Final = {"iss", "aud", "iat", "exp", "jti", "standing", "purpose", "operations"}
_MOST_OPERATIONS: Final = 10


@dataclass(frozen=True)
class Standing:
    """What a token shows: at `at` a consent stood for this purpose and these operations; it may be relied on until `until`."""

    issuer: str
    purpose: str
    operations: tuple[str, ...]
    at: datetime
    until: datetime


def issue(  # noqa: PLR0913
    *,
    signer: Signer,
    audience: str,
    purpose: str,
    operations: Collection[str],
    now: datetime,
    ends: datetime,
    jti: uuid.UUID,
) -> tuple[str, datetime]:
    """Return a token that says "standing at `now`", and until when it is good: `ends`, the end of the consent's term, at the latest.

    Whole seconds: one that is made in the last second of the term is good for that second. `jti` is random, of this token alone.
    """
    at = seconds(now)
    until = min(at + int(LIFE.total_seconds()), max(at + 1, seconds(ends)))
    claims = {
        "aud": audience,
        "iat": at,
        "exp": until,
        "jti": str(jti),
        "standing": True,
        "purpose": purpose,
        "operations": sorted(operations),
    }
    return signer.sign(claims, kind=KIND), datetime.fromtimestamp(until, timezone.utc)


def verify(token: str, *, keys: Mapping[str, Key], audience: str, now: datetime) -> Standing:
    """Return what the token shows now.

    Raises:
        TokenRefused: It shows nothing, and why.
    """
    claims = open_token(token, kind=KIND, keys=keys, audience=audience)
    _check(claims)
    at, until = (datetime.fromtimestamp(claims[name], timezone.utc) for name in ("iat", "exp"))
    if now + AHEAD < at:
        raise TokenRefused("early", "it was made in the future: one of the two clocks is wrong")
    if now >= until:
        raise TokenRefused("expired", f"it was good until {until.isoformat()}")
    return Standing(claims["iss"], claims["purpose"], tuple(claims["operations"]), at, until)


def _check(claims: dict[str, Any]) -> None:
    operations = claims.get("operations")
    if (
        claims.keys() != _CLAIMS
        or claims["standing"] is not True
        or type(claims["iat"]) is not int
        or type(claims["exp"]) is not int
        or not 0 <= claims["iat"] < claims["exp"] <= claims["iat"] + LIFE.total_seconds() < 2**40
        or not all(isinstance(claims[name], str) for name in ("jti", "purpose"))
        or not isinstance(operations, list)
        or not 0 < len(operations) <= _MOST_OPERATIONS
        or not all(isinstance(each, str) for each in operations)
    ):
        raise TokenRefused("claims", "it does not say what a status token says")
