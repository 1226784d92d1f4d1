"""An app declares that it works for a purpose, or declares it anew: what it does, and what it does for who says no.

One transaction under the app's row: declaration, entry. What is declared can be asked for once a notice that says so is published. An app
that is approved already can declare nothing that it could not have been approved with.
"""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.models import App
from consent.approve import of_app, of_purpose
from consent.enter import enter_for_tenant
from consent.errors import AppIncomplete, AttestationMissing, OperationUnknown, PurposeUnknown
from consent.models import Declaration, Purpose
from hooks.target import check_url


def declare(  # noqa: PLR0913
    *,
    app_id: uuid.UUID,
    purpose: str,
    operations: Collection[str],
    fallback_url: str,
    attested: bool,
    actor: str,
    now: datetime,
) -> Declaration:
    """Declare a purpose of the catalogue for an app.

    Args:
        app_id: Which app.
        purpose: Its slug.
        operations: What the app does for it; not more than the catalogue has.
        fallback_url: Where the service is had without this consent (PIPL 16).
        attested: The app has said that whoever is imitated is told of it and asked separately (deep synthesis provisions, art. 14).
        actor: `operator` or `officer:<id>`: who took that down.
        now: When.

    Raises:
        PurposeUnknown: The catalogue has no such purpose.
        OperationUnknown: It has not all of these operations, or there are none.
        AttestationMissing: It is sensitive, and nobody attested.
        hooks.errors.TargetRefused, ValueError: The address cannot be called.
        AppIncomplete: The app is approved, and could not have been with this.
    """
    row = Purpose.objects.filter(slug=purpose).first()
    if row is None:
        raise PurposeUnknown
    if not operations or not set(operations) <= set(row.operations):
        raise OperationUnknown
    if row.is_sensitive and not attested:
        raise AttestationMissing
    if fallback_url:
        check_url(fallback_url, private=settings.HOOK_TARGETS_PRIVATE)
    with transaction.atomic():
        app = App.objects.select_for_update(of=("self",)).select_related("tenant").get(id=app_id)
        declaration, _ = Declaration.objects.update_or_create(
            app=app,
            purpose=row,
            defaults={
                "operations": sorted(set(operations)),
                "fallback_url": fallback_url,
                "fallback_checked_at": None,
                "fallback_works": None,
                "attested_by": actor if attested else "",
                "declared_at": now,
            },
        )
        if app.approved_at and (
            lacks := [
                lack
                for lack in (*of_app(app), *of_purpose(declaration, today=now.date()))
                if lack.what != "notice"  # which is published after this, and not asked for before
            ]
        ):
            raise AppIncomplete(lacks)
        enter_for_tenant(
            tenant=app.tenant,
            kind="purpose.declared",
            actor=actor,
            payload={
                "app": str(app.id),
                "purpose": purpose,
                "operations": declaration.operations,
                "fallback_url": fallback_url,
                "attested": attested,
            },
            now=now,
        )
    return declaration
