"""Register a tenant, an app, and the purposes it declares, with the notices people will read.

The log and its key come first, then one transaction for the rows and the entry. A crash between leaves an empty log, which the next
call uses.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from oauth2_provider.generators import generate_client_id, generate_client_secret

from accounts.models import App, Tenant
from consent.enter import enter_for_tenant
from consent.models import Declaration, Notice, Purpose
from consent.notice_texts import texts
from keyring.keys import store
from ledger.signing import open_log


@dataclass(frozen=True)
class Registered:
    """An app and its secret, which is stored hashed and shown once."""

    app: App
    client_secret: str


def register_tenant(*, slug: str, name: str, now: datetime) -> Tenant:
    """Return the tenant `slug`, making it, its log and its keys when there is none."""
    tenant, _ = Tenant.objects.get_or_create(slug=slug, defaults={"name": name, "created_at": now})
    store().put({tenant.key_name: os.urandom(32)}, now=now)
    open_log(origin=tenant.origin, now=now)
    return tenant


def register_app(  # noqa: PLR0913
    *, tenant: Tenant, name: str, website: str, purposes: Collection[str], now: datetime, approved: bool = True
) -> Registered:
    """Register an app of the tenant that declares these purposes of the catalogue. Until it is approved, it may ask nobody.

    Raises:
        consent.models.Purpose.DoesNotExist: A purpose is not in the catalogue.
    """
    secret = generate_client_secret()
    with transaction.atomic():
        app = App.objects.create(
            tenant=tenant,
            name=name,
            website=website,
            client_id=generate_client_id(),
            client_secret=secret,
            client_type=App.CLIENT_CONFIDENTIAL,
            authorization_grant_type=App.GRANT_CLIENT_CREDENTIALS,
            approved_at=now if approved else None,
        )
        for slug in purposes:
            purpose = Purpose.objects.get(slug=slug)
            Declaration.objects.create(
                app=app,
                purpose=purpose,
                operations=purpose.operations,
                attested_by="operator",
                declared_at=now,
            )
            for text in texts(purpose=slug, app=name, operator=tenant.name):
                Notice.objects.create(
                    app=app,
                    purpose=purpose,
                    locale=text.locale,
                    version=1,
                    operations=list(text.operations),
                    body=text.body,
                    published_at=now,
                )
        enter_for_tenant(
            tenant=tenant,
            kind="app.registered",
            actor="operator",
            payload={"app": str(app.id), "purposes": sorted(purposes)},
            now=now,
        )
    return Registered(app, secret)
