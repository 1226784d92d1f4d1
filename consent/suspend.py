"""Suspend an app, and let it work again: one flag, which every decision reads.

One transaction for the flag and its entry: from its commit on nothing is permitted. Then each of the app's living sessions is ended in a
transaction of its own. What a crash leaves, or was being opened at that commit, permits nothing, and is ended by the next call: also by
`reinstate`, before it lifts the flag.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import App
from consent import lock
from consent.enter import enter_for_tenant
from consent.models import Session
from consent.move import close, exhaust
from hooks.notify import notify


def suspend(*, app_id: uuid.UUID, reason: str, now: datetime, officer: str = "", actor: str = "") -> App:
    """Stop the app. Suspending a suspended app ends what sessions it has left, and changes nothing else.

    Who does it is an officer, or an `actor` of the service's own.
    """
    by = actor or f"officer:{officer}"
    app = _set(app_id=app_id, at=now, kind="app.suspended", told={"reason": reason}, actor=by, now=now)
    _end_sessions(app_id, actor=by, now=now)
    return app


def reinstate(*, app_id: uuid.UUID, officer: str, now: datetime) -> App:
    """Let a suspended app work again; its sessions stay ended."""
    if App.objects.filter(id=app_id, suspended_at__isnull=False).exists():
        _end_sessions(app_id, actor=f"officer:{officer}", now=now)
    return _set(app_id=app_id, at=None, kind="app.reinstated", told={}, actor=f"officer:{officer}", now=now)


def _end_sessions(app_id: uuid.UUID, *, actor: str, now: datetime) -> None:
    for session_id, grant_id in Session.objects.filter(app=app_id, closed_at=None).values_list("id", "grant_id"):
        with transaction.atomic():
            grant = lock.for_ending(grant_id)
            close(grant=grant, session_id=session_id, actor=actor, reason="app_suspended", now=now)
            exhaust(grant=grant, now=now)


def _set(  # noqa: PLR0913
    *, app_id: uuid.UUID, at: datetime | None, kind: str, told: dict[str, str], actor: str, now: datetime
) -> App:
    with transaction.atomic():
        app: App = App.objects.select_for_update(of=("self",)).select_related("tenant").get(id=app_id)
        if (app.suspended_at is None) != (at is None):
            app.suspended_at = at
            app.save(update_fields=["suspended_at"])
            notify(app=app, event="app.suspended" if at else "app.resumed", data={"app": str(app.id)}, now=now)
            enter_for_tenant(tenant=app.tenant, kind=kind, actor=actor, payload={"app": str(app.id), **told}, now=now)
    return app
