"""Vouch for a consent: a status token, if it stands at this moment; of one whose uses are spent, while the last is under way.

The grant is read from the database in the call itself; nothing is kept and nothing entered. A withdrawal that commits a moment later ends
what this token said within five minutes.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from accounts.models import App
from consent import status_token
from consent.errors import GrantUnknown
from consent.models import Grant
from consent.terms import EXHAUSTED, Refusal, stands
from consent.token_keys import signer_of


@dataclass(frozen=True)
class Vouched:
    """A status token, and until when it is good."""

    token: str
    expires_at: datetime


def vouch(*, app: App, grant_id: uuid.UUID, audience: str, now: datetime) -> Vouched | Refusal:
    """Return a token for `audience` to check, or why the consent does not stand.

    Raises:
        GrantUnknown: The app has no such grant.
    """
    grants = Grant.objects.select_related("app__tenant", "notice", "declaration", "delegation", "purpose")
    grant = grants.filter(id=grant_id, app=app).first()
    if grant is None:
        raise GrantUnknown
    facts = grant.facts()
    standing = stands(facts, now=now)
    if isinstance(standing, Refusal):
        return standing
    if grant.uses_left == 0 and not grant.sessions.filter(closed_at=None, expires_at__gt=now).exists():
        return EXHAUSTED
    token, expires_at = status_token.issue(
        signer=signer_of(grant.app.tenant, now=now),
        audience=audience,
        purpose=grant.purpose_id,
        operations=grant.operations,
        now=now,
        ends=min(standing.until, facts.guardian_until or standing.until),
        jti=uuid.uuid4(),
    )
    return Vouched(token, expires_at)
