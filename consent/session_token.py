"""Session tokens: an open session as an app may carry it between its own machines. Pure.

    {"typ": "consonant-session+jwt", "alg": "EdDSA", "kid": "..."}
    {"iss": "consonant.local/acme", "aud": "<the app's client id>", "iat": 1700000000, "exp": 1700003600, "jti": "<the session's id>",
     "grant": "...", "operations": ["upload"]}

It names a session, and decides nothing: whether work may go on is asked of the database at every call. So a token that has expired still
names its session, for a record is a fact and is never dropped.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from consent.errors import TokenRefused
from consent.jose import Key, Signer, open_token, seconds

KIND: Final = "consonant-session+jwt"
LONGEST: Final = timedelta(hours=1)

_CLAIMS: Final = {"iss", "aud", "iat", "exp", "jti", "grant", "operations"}


@dataclass(frozen=True)
class Named:
    """The session that a token names."""

    session: uuid.UUID
    grant: uuid.UUID
    operations: tuple[str, ...]
    opened_at: datetime
    expires_at: datetime


def issue(  # noqa: PLR0913
    *,
    signer: Signer,
    client_id: str,
    session: uuid.UUID,
    grant: uuid.UUID,
    operations: Collection[str],
    opened_at: datetime,
    expires_at: datetime,
) -> str:
    """Return the token of an open session.

    Raises:
        ValueError: It would live longer than an hour.
    """
    if expires_at - opened_at > LONGEST:
        raise ValueError("a session lives at most an hour")
    claims = {
        "aud": client_id,
        "iat": seconds(opened_at),
        "exp": seconds(expires_at),
        "jti": str(session),
        "grant": str(grant),
        "operations": sorted(operations),
    }
    return signer.sign(claims, kind=KIND)


def verify(token: str, *, keys: Mapping[str, Key], client_id: str) -> Named:
    """Return the session that a token of this app names, whether it lives or not.

    Raises:
        TokenRefused: It names none, and why.
    """
    claims = open_token(token, kind=KIND, keys=keys, audience=client_id)
    try:
        if claims.keys() != _CLAIMS or not isinstance(claims["operations"], list):
            raise ValueError  # noqa: TRY301 - one refusal for all that is no such token
        return Named(
            session=uuid.UUID(claims["jti"]),
            grant=uuid.UUID(claims["grant"]),
            operations=tuple(map(str, claims["operations"])),
            opened_at=datetime.fromtimestamp(claims["iat"], UTC),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        raise TokenRefused("claims", "it does not say what a session token says") from None
