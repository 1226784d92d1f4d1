"""Destroy artifacts: the key first, then the bytes, and say each only when it has happened.

(1) transaction: `erasing`, with a lease; (2) the keys destroyed, synced; (3) transaction: `shredded`, entries `artifact.key_destroyed`;
(4) the bytes deleted; (5) transaction: `erased`, entries `artifact.erased`. Each step is one for a whole batch, and can be repeated. A crash
anywhere is resumed by the next sweep through the same steps, once the lease is over. Two workers at the same artifact do the same harmless
work; the state, read under its lock, lets one of them enter it. What cannot be destroyed is `erase_failed`, and is tried again.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Case, F, Value, When

import vault.blobs
from accounts.models import App
from consent import standing
from consent.enter import Fact, enter_for_grants
from hooks.notify import notify_all
from keyring.errors import KeyGone
from ledger.prepared import run
from retention.models import Artifact, Custody

log = structlog.get_logger(__name__)
BATCH = 500
LEASE = timedelta(seconds=5)
"""How long whoever began has it alone."""
PAUSES = (5, 15, 60, 300, 900)
"""Seconds before the next try; the last again and again. It is seen in the admin meanwhile."""


def taken_up(ids: Collection[uuid.UUID]) -> None:
    """Put what failed back to where it stood."""
    failed = Artifact.objects.filter(id__in=ids, state=Artifact.State.ERASE_FAILED)
    stood = Case(
        When(key_destroyed_at=None, then=Value(Artifact.State.ERASING)), default=Value(Artifact.State.SHREDDED)
    )
    failed.update(state=stood)


def shred(
    *,
    ids: Collection[uuid.UUID],
    clock: Callable[[], datetime],
    then: Callable[[Sequence[uuid.UUID], datetime], None] | None = None,
) -> bool:
    """Destroy the keys of those of the vault's artifacts that are `erasing`, and enter it; say whether it could be done.

    The time is read after what it dates has happened. `then` enters it in place of this.
    """
    ours = Artifact.objects.filter(id__in=ids, custody=Custody.VAULT, state=Artifact.State.ERASING)
    going = list(ours.values_list("id", flat=True))
    if not going:
        return True
    try:
        vault.blobs.shred(blobs=going)
    except Exception as error:
        log.exception("keys_not_destroyed", count=len(going), error=type(error).__name__)
        _failed(going, now=clock())
        return False
    if then:
        then(going, clock())
    else:
        shredded(ids=going, now=clock())
    return True


def shredded(*, ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Enter that the keys of these were destroyed, which was so at `now`."""
    _advance(_SHREDDED, ids, kind="artifact.key_destroyed", now=now)


def clear(*, ids: Collection[uuid.UUID], clock: Callable[[], datetime]) -> None:
    """Delete the bytes of those that are `shredded`, and enter it. What the storage does not delete keeps no other from going."""
    ours = Artifact.objects.filter(id__in=ids, custody=Custody.VAULT, state=Artifact.State.SHREDDED)
    shredded = list(ours.values_list("id", flat=True))
    failed = vault.blobs.delete_each(blobs=shredded)
    for artifact_id, error in failed.items():
        log.error("delete_failed", artifact=str(artifact_id), error=error)
    now = clock()
    _failed(failed, now=now)
    gone = [artifact_id for artifact_id in shredded if artifact_id not in failed]
    _advance(_ERASED, gone, kind="artifact.erased", now=now)


def lapse(*, ids: Collection[uuid.UUID], now: datetime) -> None:
    """Say that what was never stored is over with its session. There is nothing to destroy, and the entries claim no destruction."""
    _advance(_LAPSED, list(ids), kind="artifact.lapsed", now=now)


def put_off(ids: Iterable[uuid.UUID], *, now: datetime) -> None:
    """Let a pause pass before these are tried again, a longer one each time. They keep their state."""
    by_tries: dict[int, list[uuid.UUID]] = defaultdict(list)
    for artifact_id, tries in Artifact.objects.filter(id__in=list(ids)).values_list("id", "tries"):
        by_tries[tries].append(artifact_id)
    for tries, those in by_tries.items():
        pause = timedelta(seconds=PAUSES[min(tries, len(PAUSES) - 1)])
        Artifact.objects.filter(id__in=those).update(tries=tries + 1, retry_at=now + pause)


def bring_along(*, acts: Collection[uuid.UUID], now: datetime) -> None:
    """Make due what was made together with something that goes now, in the transaction that takes it out: no crash parts them."""
    together = Artifact.objects.filter(act__in=acts, state__in=Artifact.LIVING, expires_at__gt=now)
    # Whoever holds one of them locked is taking it out already; to wait for each other would be a deadlock.
    free = together.exclude(custody=Custody.NONE).select_for_update(skip_locked=True).values_list("id", flat=True)
    make_due(list(free), now=now)


def make_due(ids: Collection[uuid.UUID], *, now: datetime) -> None:
    """Let go of artifacts that are locked: their deadline is now, and no later moment moves it. What is held stays restricted."""
    living = Artifact.objects.filter(id__in=ids, state__in=Artifact.LIVING, expires_at__gt=now)
    due = Case(When(is_held=True, then=F("state")), default=Value(Artifact.State.DUE))
    living.update(expires_at=now, latest_at=now, state=due)


@dataclass(frozen=True)
class Row:
    """What an entry says of an artifact, and of whom it is."""

    id: uuid.UUID
    kind: str
    session_id: uuid.UUID
    grant_id: uuid.UUID
    app_id: uuid.UUID

    def record(self) -> dict[str, str]:
        """Return what `Artifact.record` does."""
        return {"artifact": str(self.id), "artifact_kind": self.kind, "session": str(self.session_id)}


def enter(rows: Collection[Row | Artifact], *, kind: str, now: datetime) -> None:
    """Append an entry about each artifact, last in the caller's transaction."""
    grants = {grant.id: grant for grant in standing.grants({row.grant_id for row in rows})}
    by_tenant: dict[object, list[Fact]] = defaultdict(list)
    for row in rows:
        grant = grants[row.grant_id]
        by_tenant[grant.subject.tenant_id].append(Fact(grant, kind, row.record()))
    for facts in by_tenant.values():
        enter_for_grants(facts=facts, actor="service", now=now)


def enter_what_can(rows: Sequence[Row | Artifact], *, kind: str, now: datetime) -> None:
    """Append an entry about each artifact but those whose person's key was lost, which the log names."""
    try:
        with transaction.atomic():
            enter(rows, kind=kind, now=now)
    except KeyGone as error:
        if len(rows) == 1:
            log.exception("not_entered", artifact=str(rows[0].id), kind=kind, error=type(error).__name__)
            return
        half = len(rows) // 2
        for some in (rows[:half], rows[half:]):
            enter_what_can(some, kind=kind, now=now)


# Many rows, again and again: so each statement is planned once, takes its ids as one value, and makes no objects of Django's.
_STEP = """
WITH mine AS (SELECT id FROM retention_artifact WHERE id = ANY(%(ids)s) AND {before} ORDER BY id FOR UPDATE)
UPDATE retention_artifact AS made SET {after} FROM mine WHERE made.id = mine.id
RETURNING made.id, made.kind, made.session_id, made.grant_id, made.app_id
"""
_SHREDDED = _STEP.format(
    before="state = 'erasing'", after="state = 'shredded', key_destroyed_at = %(now)s, retry_at = %(free)s"
)
_ERASED = _STEP.format(before="state = 'shredded'", after="state = 'erased', erased_at = %(now)s, retry_at = NULL")
_LAPSED = _STEP.format(
    before="custody = 'none' AND state IN ('active', 'restricted', 'due')",
    after="state = 'erased', erased_at = %(now)s",
)


def _advance(step: str, ids: Sequence[uuid.UUID], *, kind: str, now: datetime) -> None:
    """Take these a step further, enter it and tell the apps, in one transaction.

    Where one of them cannot be entered, because a key that seals its entries was lost, it keeps no other waiting: it is tried again later.
    """
    if not ids:
        return
    try:
        with transaction.atomic():
            rows = _advanced(step, ids, now)
            if kind == "artifact.erased":
                _tell(rows, now=now)
            enter(rows, kind=kind, now=now)
    except KeyGone as error:
        if len(ids) == 1:
            log.exception("not_entered", artifact=str(ids[0]), kind=kind, error=type(error).__name__)
            _failed(ids, now=now)
            return
        half = len(ids) // 2
        for some in (ids[:half], ids[half:]):
            _advance(step, some, kind=kind, now=now)


def _advanced(step: str, ids: Collection[uuid.UUID], now: datetime) -> list[Row]:
    return [Row(*row) for row in run(step, {"ids": list(ids), "now": now, "free": now + LEASE}).fetchall()]


def _failed(ids: Iterable[uuid.UUID], *, now: datetime) -> None:
    these = list(ids)
    put_off(these, now=now)
    going = Artifact.objects.filter(id__in=these, custody=Custody.VAULT, state__in=Artifact.ON_ITS_WAY)
    going.update(state=Artifact.State.ERASE_FAILED)


def _tell(rows: Iterable[Row], *, now: datetime) -> None:
    """Tell the apps that listen."""
    by_app: dict[uuid.UUID, list[Row]] = defaultdict(list)
    for row in rows:
        by_app[row.app_id].append(row)
    for app in App.objects.in_bulk(list(by_app)).values():
        notify_all(app=app, event="artifact.erased", data=[row.record() for row in by_app[app.id]], now=now)
