"""Give a host's agent a new token; the present one stays good for a while, so that the agent can change over.

One transaction: the digests and the entry `host.token_rotated`, which says until when the old one is good, never a token.
"""

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from consent.enter import enter_for_tenant
from guard.errors import HostUnknown
from guard.models import Host
from guard.token import digest_of, new_token

OVERLAP: Final = timedelta(days=1)


def rotate_token(*, host_id: uuid.UUID, actor: str, now: datetime, overlap: timedelta = OVERLAP) -> str:
    """Return the new token, which is shown this once; with no overlap the present one ends at once.

    Raises:
        HostUnknown: There is no such host, or it was removed.
    """
    token = new_token()
    with transaction.atomic():
        host = Host.objects.select_for_update(of=("self",)).select_related("tenant")
        found = host.filter(id=host_id, removed_at=None).first()
        if found is None:
            raise HostUnknown
        until = now + overlap
        found.previous_token_digest, found.previous_until = found.token_digest, until
        found.token_digest = digest_of(token)
        found.save(update_fields=["token_digest", "previous_token_digest", "previous_until"])
        enter_for_tenant(
            tenant=found.tenant,
            kind="host.token_rotated",
            actor=actor,
            payload={"host": str(host_id), "previous_until": until.isoformat()},
            now=now,
        )
    return token
