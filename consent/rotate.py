"""Rotate an app's secret, on the record: the entry says that it happened and until when the old one is good, never a secret."""

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import App
from accounts.rotate_secret import OVERLAP, rotate_secret
from consent.enter import enter_for_tenant


def rotate(*, app: App, actor: str, now: datetime, overlap: timedelta = OVERLAP) -> str:
    """Return the app's new secret, which is shown this once; the present one is good until `now` + `overlap`.

    Args:
        app: Whose secret.
        actor: Who does it: `operator`, or `officer:<id>`.
        now: When.
        overlap: How long both are good; with none the app's tokens end at once.

    Raises:
        accounts.errors.OverlapOutOfBounds: The overlap is negative, or longer than ninety days.
    """
    with transaction.atomic():
        secret = rotate_secret(app=app, now=now, overlap=overlap)
        enter_for_tenant(
            tenant=app.tenant,
            kind="app.secret_rotated",
            actor=actor,
            payload={"app": str(app.id), "previous_until": (now + overlap).isoformat()},
            now=now,
        )
    return secret
