"""How an organisation is reached: its postal address, its contact for privacy, its country, as first notices and receipts name them.

One transaction under the tenant's row: what is said, and the entry, which says what changed and not what to: an address can be a person's.
Published notices stay as they are; the next version of each says the new words.
"""

import re
import uuid
from datetime import datetime
from typing import Final

from django.db import transaction

from accounts.models import Tenant
from consent.enter import enter_for_tenant

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_LONGEST: Final = {"address": 300, "contact": 200, "country": 2}


def describe_tenant(  # noqa: PLR0913
    *, tenant_id: uuid.UUID, address: str, contact: str, country: str, actor: str, now: datetime
) -> Tenant:
    """Write anew how the organisation is reached; `country` is an ISO 3166-1 code. Nothing is entered where nothing changes.

    Raises:
        ValueError: One of them is empty or too long, or that is no code of a country.
    """
    said = {"address": address.strip(), "contact": contact.strip(), "country": country}
    if not all(0 < len(text) <= _LONGEST[name] for name, text in said.items()) or not _COUNTRY.fullmatch(country):
        raise ValueError("how an organisation is reached, and an ISO 3166-1 code")
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(id=tenant_id)
        changed = sorted(name for name, text in said.items() if getattr(tenant, name) != text)
        if changed:
            for name in changed:
                setattr(tenant, name, said[name])
            tenant.save(update_fields=changed)
            payload = {"tenant": str(tenant.id), "fields": changed}
            enter_for_tenant(tenant=tenant, kind="tenant.described", actor=actor, payload=payload, now=now)
    return tenant
