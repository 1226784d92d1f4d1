"""Place a legal hold, and release it: it keeps what is in its scope from being destroyed, and permits no use.

One transaction, behind an exclusive lock that whoever claims work shares: what is claimed before it goes, what comes after stays, and the
answer says how many of each. Entries `hold.placed` and `hold.released`. While a hold stands, what is past its time is `restricted`; on
release it is due at once.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from accounts.models import App, Tenant
from consent.enter import enter, enter_for_tenant
from consent.models import Subject
from hooks.wake import wake
from retention import queries
from retention.erase import enter_what_can
from retention.errors import HoldNeedsWarrant, HoldUnknown, HoldWithoutReference, HoldWithoutScope
from retention.models import Artifact, Hold

_LOCK = int.from_bytes(b"holds", "big")


@dataclass(frozen=True)
class Placed:
    """A hold, how many living things it keeps, how many in its scope it may not keep, and how many are being destroyed already."""

    hold: Hold
    kept: int
    not_kept: int
    too_late: int


def lock_shared() -> None:
    """Let no hold be placed before this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])


def set_aside(ids: Collection[uuid.UUID], *, now: datetime) -> set[uuid.UUID]:
    """Restrict what a legal hold keeps beyond its time, and enter it; return which. The rows are locked, and `lock_shared` came before.

    What was restricted before, as the person said, stays so after the hold too.
    """
    held = set(queries.holds_on(list(ids)))
    if held:
        rows = list(Artifact.objects.filter(id__in=held).order_by("id"))
        Artifact.objects.filter(id__in=held, restriction="").update(restriction=Artifact.Restriction.HELD)
        Artifact.objects.filter(id__in=held).update(is_held=True, state=Artifact.State.RESTRICTED)
        enter_what_can(rows, kind="artifact.held", now=now)
    return held


def place(  # noqa: PLR0913
    *,
    tenant: Tenant,
    subject: Subject | None,
    app: App | None,
    artifact: Artifact | None,
    ground: Hold.Ground,
    reference: str,
    actor: str,
    now: datetime,
) -> Placed:
    """Place a hold on all that the tenant has of a person, of an app, of a person with an app, or on one artifact.

    Raises:
        HoldWithoutReference: Nothing says on what it rests.
        HoldWithoutScope: It names no scope of this tenant.
        HoldNeedsWarrant: It names somebody of Illinois, whose voice only a warrant or a subpoena keeps (740 ILCS 14/15(a)).
    """
    if not reference.strip():
        raise HoldWithoutReference
    mine = (subject is None or subject.tenant_id == tenant.id, app is None or app.tenant_id == tenant.id)
    if not all(mine) or (artifact is not None and artifact.app.tenant_id != tenant.id):
        raise HoldWithoutScope
    if subject is None and app is None and artifact is None:
        raise HoldWithoutScope
    hold = Hold(
        tenant=tenant,
        subject=subject,
        app=app,
        artifact=artifact,
        ground=ground,
        reference=reference.strip(),
        placed_at=now,
        placed_by=actor,
    )
    named = subject or (artifact.subject if artifact else None)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if named is not None and ground not in Hold.COURTS and _lives_in_illinois(named):
            raise HoldNeedsWarrant
        hold.save()
        kept, living = queries.kept_by(hold).count(), queries.in_scope(hold).count()
        too_late = queries.in_scope(hold, Artifact.ON_ITS_WAY).count()
        _enter(hold, kind="hold.placed", actor=actor, payload={**said(hold), "kept": kept}, now=now)
    return Placed(hold, kept, living - kept, too_late)


def release(*, hold_id: uuid.UUID, reason: str, actor: str, now: datetime) -> Hold:
    """End a hold; what it alone kept beyond its time is due.

    Raises:
        HoldUnknown: There is none that stands.
        HoldWithoutReference: Nothing says why.
    """
    if not reason.strip():
        raise HoldWithoutReference
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        hold = Hold.objects.select_for_update().filter(id=hold_id, released_at=None).first()
        if hold is None:
            raise HoldUnknown
        hold.released_at, hold.released_by, hold.release_reason = now, actor, reason.strip()
        hold.save(update_fields=["released_at", "released_by", "release_reason"])
        kept = list(queries.in_scope(hold).filter(is_held=True).values_list("id", flat=True))
        free = set(kept) - set(queries.holds_on(kept))
        rows = Artifact.objects.filter(id__in=free).select_for_update(of=("self",)).order_by("id")
        ids = [row.id for row in rows]
        those, held = Artifact.objects.filter(id__in=ids), Artifact.Restriction.HELD
        those.filter(expires_at__lte=now).update(is_held=False, state=Artifact.State.DUE, restriction="")
        # Its deadline has moved later meanwhile, so it is as it was.
        those.filter(is_held=True, restriction=held).update(state=Artifact.State.ACTIVE, restriction="")
        those.update(is_held=False)
        wake("retention.sweep")
        payload = {**said(hold), "reason": hold.release_reason, "due": len(free)}
        _enter(hold, kind="hold.released", actor=actor, payload=payload, now=now)
    return hold


def said(hold: Hold) -> dict[str, str]:
    """Return what an entry says of a hold."""
    scope = {"subject": hold.subject_id, "app": hold.app_id, "artifact": hold.artifact_id}
    named = {name: str(value) for name, value in scope.items() if value is not None}
    return {"hold": str(hold.id), "ground": hold.ground, "reference": hold.reference, **named}


def _enter(hold: Hold, *, kind: str, actor: str, payload: dict[str, object], now: datetime) -> None:
    """Enter it about the person, where it is about one who is known; the person reads it."""
    subject = hold.subject or (hold.artifact.subject if hold.artifact else None)
    if subject is not None and subject.user_id is not None:
        enter(subject=subject, kind=kind, actor=actor, payload=payload, now=now)
    else:
        enter_for_tenant(tenant=hold.tenant, kind=kind, actor=actor, payload=payload, now=now)


def _lives_in_illinois(subject: Subject) -> bool:
    places = set(subject.grants.values_list("jurisdiction", flat=True))
    if subject.user is not None:
        places.add(subject.user.residence)
    return bool(places & queries.ILLINOIS)
