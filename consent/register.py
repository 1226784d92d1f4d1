"""Register a tenant, an app, and the purposes it declares, with the notices people will read.

The log and its key come first, then one transaction for the rows and the entry. A crash between leaves an empty log, which the next
call uses. A first notice that says everything is published at once; one in which something is not given yet stays a draft.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from oauth2_provider.generators import generate_client_id, generate_client_secret

from accounts.models import App, Tenant
from consent.editions import first_words, gaps
from consent.enter import enter_for_tenant
from consent.models import Declaration, Notice, Purpose
from consent.notice_texts import Recipient, app_texts
from keyring.keys import store
from ledger.signing import open_log

_SPEAKING = frozenset({"synthesize", "combine"})


@dataclass(frozen=True)
class Registered:
    """An app and its secret, which is stored hashed and shown once."""

    app: App
    client_secret: str


def register_tenant(  # noqa: PLR0913
    *, slug: str, name: str, now: datetime, address: str = "", contact: str = "", country: str = ""
) -> Tenant:
    """Return the tenant `slug`, making it, its log and its keys when there is none.

    Where it is reached stands in its notices: `contact` is an e-mail address or the like, `country` an ISO 3166 code. What an earlier
    call said of it stays; what none has said is filled in.
    """
    said = {"address": address, "contact": contact, "country": country}
    tenant, is_new = Tenant.objects.get_or_create(slug=slug, defaults={"name": name, "created_at": now, **said})
    if not is_new and (new := {key: value for key, value in said.items() if value and not getattr(tenant, key)}):
        Tenant.objects.filter(id=tenant.id).update(**new)
        tenant.refresh_from_db()
    store().put({tenant.key_name: os.urandom(32)}, now=now)
    open_log(origin=tenant.origin, now=now)
    return tenant


def register_app(  # noqa: PLR0913
    *,
    tenant: Tenant,
    name: str,
    website: str,
    purposes: Collection[str],
    now: datetime,
    approved: bool = True,
    attested: bool = True,
    fallback_url: str = "",
    recipient: Recipient | None = None,
) -> Registered:
    """Register an app of the tenant that declares these purposes of the catalogue. Until it is approved, it may ask nobody.

    `attested`: the app has said that whoever is imitated is told of it and asked separately. `fallback_url` is where it is had without
    consent. `recipient` is who is handed voices, for purposes that do so.

    Raises:
        consent.models.Purpose.DoesNotExist: A purpose is not in the catalogue.
    """
    secret = generate_client_secret()
    with transaction.atomic():
        declared = [Purpose.objects.get(slug=slug) for slug in purposes]
        said = app_texts(
            app=name,
            identifies=any(purpose.use_class == "identification" for purpose in declared),
            speaks=any(_SPEAKING & set(purpose.operations) for purpose in declared),
        )
        app = App.objects.create(
            tenant=tenant,
            name=name,
            website=website,
            client_id=generate_client_id(),
            client_secret=secret,
            client_type=App.CLIENT_CONFIDENTIAL,
            authorization_grant_type=App.GRANT_CLIENT_CREDENTIALS,
            approved_at=now if approved else None,
            interaction_notice=said.interaction_notice,
            categorisation_notice=said.categorisation_notice,
            disclosure=said.disclosure,
        )
        for purpose in declared:
            declaration = Declaration.objects.create(
                app=app,
                purpose=purpose,
                operations=purpose.operations,
                attested_by="operator" if attested else "",
                fallback_url=fallback_url,
                declared_at=now,
            )
            bodies = first_words(declaration, recipient=recipient)
            is_complete = not gaps(bodies, operations=purpose.operations, provides=purpose.provides)
            for locale, body in bodies.items():
                Notice.objects.create(
                    app=app,
                    purpose=purpose,
                    locale=locale,
                    version=1,
                    operations=purpose.operations,
                    body=body,
                    published_at=now if is_complete else None,
                )
        enter_for_tenant(
            tenant=tenant,
            kind="app.registered",
            actor="operator",
            payload={"app": str(app.id), "purposes": sorted(purposes), "approved": approved},
            now=now,
        )
    return Registered(app, secret)
