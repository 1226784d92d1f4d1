"""The keys that sign tokens: Ed25519, one for each tenant, its seed in the key store under `tokens:<tenant>`.

Made on first use and never replaced, so what a process has once read of a public half it keeps. They sign tokens and nothing else.
"""

from datetime import datetime
from functools import cache

from accounts.models import Tenant
from consent import session_token
from consent.jose import Key, Signer
from consent.models import Session
from keyring.errors import KeyGone
from keyring.keys import store


def signer_of(tenant: Tenant, *, now: datetime) -> Signer:
    """Return what signs tokens about what is in the tenant's log, making its key on first use."""
    name = _name(tenant)
    try:
        seed = store().get(name)
    except KeyGone:
        seed = store().make(name, now=now)
    return Signer(tenant.origin, seed)


def key_of(tenant: Tenant) -> Key | None:
    """Return the public half, or None while there is none."""
    try:
        return _public(_name(tenant), tenant.origin)
    except KeyGone:
        return None


def token_of(session: Session) -> str:
    """Return the token that names an open session."""
    return session_token.issue(
        signer=signer_of(session.app.tenant, now=session.opened_at),
        client_id=session.app.client_id,
        session=session.id,
        grant=session.grant_id,
        operations=session.operations,
        opened_at=session.opened_at,
        expires_at=session.expires_at,
    )


def published_keys() -> list[Key]:
    """Return the public half of every tenant's key."""
    return [key for tenant in Tenant.objects.order_by("slug") if (key := key_of(tenant)) is not None]


@cache
def _public(name: str, issuer: str) -> Key:
    return Signer(issuer, store().get(name)).key


def _name(tenant: Tenant) -> str:
    return f"tokens:{tenant.id}"
