"""Find what must go and what a crash left behind. The database is the truth: whoever wakes this, or nobody, it finds the same work.

`sweep` follows what has ended, then claims what is due in batches with SKIP LOCKED, the shortest deadline first, so that workers share a long
queue. Keys go before bytes: while anything is due, nobody deletes files. Then it takes up what a crash or a fault left. What one act made of
several voices goes together. What an app holds it is asked to destroy; what was never stored is over. What a legal hold keeps is restricted
instead, and stays.
`sweep_orphans` destroys keys and bytes that no row names: what an upload leaves that died before its commit, and what of evidence a crash
left when its row had let go of it.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

import vault.blobs
from keyring.keys import store
from ledger.barrier import refuse_if_any_is_behind
from retention import queries
from retention.ask_holder import ask_holder
from retention.erase import BATCH, LEASE, bring_along, clear, lapse, put_off, shred, shredded, taken_up
from retention.follow import follow
from retention.hold import lock_shared, set_aside
from retention.lost_holds import refuse_if_holds_may_be_missing
from retention.models import Artifact, Custody
from vault.blobs import Kind

log = structlog.get_logger(__name__)
PIECE = 10 * BATCH
"""Files between two looks whether anything is due: each folder is synced once for all of them, which is what takes time."""
MOST_RESUMED = 10 * BATCH
BATCHES_IN_A_ROUND = 8
"""Then what has ended meanwhile is followed, and apps are asked: a long queue keeps neither waiting."""
AT_A_TIME_SECONDS = 0.2
"""So long apps are asked before keys have their turn again."""


def sweep(*, clock: Callable[[], datetime]) -> int:
    """Destroy everything that is due and ask the apps for what they hold; return how many artifacts of the vault were claimed."""
    refuse_if_holds_may_be_missing()
    begun: list[uuid.UUID] = []
    claimed, trouble = 0, None

    def note(ids: Sequence[uuid.UUID], at: datetime) -> None:
        shredded(ids=ids, now=at)
        begun.extend(ids)

    while True:
        trouble = _followed(clock=clock) or trouble
        found, more = _keys(note, clock=clock)
        claimed += found
        if more:
            continue
        _elsewhere(clock=clock)
        if not begun:
            break
        clear(ids=begun[:PIECE], clock=clock)
        del begun[:PIECE]
    resume(clock=clock)
    if trouble:
        raise trouble
    return claimed


def sweep_keys(then: Callable[[Sequence[uuid.UUID], datetime], None], *, clock: Callable[[], datetime]) -> int:
    """Do what must not wait, a round of it; return how many were claimed. `then` is told whose keys were destroyed, and when.

    It, or another thread for it, has to enter that (`retention.erase.shredded`) and to delete the bytes. Where it does not, `resume` will.

    Raises:
        ledger.errors.Behind, HoldsLost: The database was restored: it may not know what a legal hold keeps.
    """
    refuse_if_holds_may_be_missing()
    trouble = _followed(clock=clock)
    claimed, _ = _keys(then, clock=clock)
    _elsewhere(clock=clock)
    if trouble:
        raise trouble
    return claimed


def resume(*, clock: Callable[[], datetime]) -> None:
    """Take up what a crash or a fault left, up to `MOST_RESUMED`; errors as for `sweep_keys`."""
    refuse_if_holds_may_be_missing()
    for _ in range(MOST_RESUMED // BATCH):
        ids = _taken_up(clock=clock)
        if not shred(ids=ids, clock=clock):
            return
        clear(ids=ids, clock=clock)
        if len(ids) < BATCH:
            return


def sweep_orphans(*, now: datetime) -> int:
    """Destroy keys and bytes without a row that are older than the grace an upload has; return how many.

    Raises:
        ledger.errors.Behind: The database is older than what was published: its missing rows prove nothing.
    """
    refuse_if_any_is_behind()
    before = now - timedelta(seconds=settings.ORPHAN_GRACE_SECONDS)
    found = sum(_orphans(kind, before=before) for kind in Kind)
    if found:
        log.warning("orphans_destroyed", count=found)
    return found


def _orphans(kind: Kind, *, before: datetime) -> int:
    found = 0
    for names in store().older_than(before, prefix=kind.prefix):
        ids = {uuid.UUID(name.removeprefix(kind.prefix)) for name in names}
        orphans = ids - queries.known(ids=ids, kind=kind)
        vault.blobs.delete(blobs=orphans, kind=kind)  # before the key, by which alone an orphan is found again
        vault.blobs.shred(blobs=orphans, kind=kind)
        found += len(orphans)
    return found


def _keys(then: Callable[[Sequence[uuid.UUID], datetime], None], *, clock: Callable[[], datetime]) -> tuple[int, bool]:
    """Destroy the keys of what is due, a round; return how many were claimed, and whether there may be more."""
    claimed = 0
    for _ in range(BATCHES_IN_A_ROUND):
        ids = _claim(now=clock())
        claimed += len(ids)
        if not ids or not shred(ids=ids, clock=clock, then=then):
            return claimed, False  # where the key store is in trouble, the rest is as safe where it is
    return claimed, True


def _followed(*, clock: Callable[[], datetime]) -> Exception | None:
    """Follow all that has ended. What cannot be followed keeps nothing from going whose time has come: it is returned, to be raised last."""
    try:
        while follow(now=clock()):
            pass
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    return None


def _claim(*, now: datetime) -> list[uuid.UUID]:
    """Take what is due next, up to a batch; what is held of it is set aside. Empty when nothing is left."""
    while True:
        with transaction.atomic():
            lock_shared()
            due = queries.due(now=now).filter(custody=Custody.VAULT).select_for_update(of=("self",), skip_locked=True)
            found = dict(due.values_list("id", "act")[:BATCH])
            held = set_aside(found, now=now)
            going = [artifact_id for artifact_id in found if artifact_id not in held]
            bring_along(acts=[found[artifact_id] for artifact_id in going], now=now)
            Artifact.objects.filter(id__in=going).update(state=Artifact.State.ERASING, retry_at=now + LEASE)
        if going or not found:
            return going


def _elsewhere(*, clock: Callable[[], datetime]) -> None:
    """Let go of a batch of what the vault does not hold. Keys do not wait for it: of many that apps hold, each time as many as fit in."""
    now = clock()
    due = list(queries.due(now=now).exclude(custody=Custody.VAULT).values_list("id", "custody")[:BATCH])
    lapse(ids=[artifact_id for artifact_id, custody in due if custody == Custody.NONE], now=now)
    until = time.monotonic() + AT_A_TIME_SECONDS
    for artifact_id in (artifact_id for artifact_id, custody in due if custody == Custody.APP):
        try:
            ask_holder(artifact_id=artifact_id, now=clock())
        except DatabaseError:
            raise
        except Exception as error:
            log.exception("not_taken_out", artifact=str(artifact_id), error=type(error).__name__)
            put_off([artifact_id], now=clock())
        if time.monotonic() > until:
            return


def _taken_up(*, clock: Callable[[], datetime]) -> list[uuid.UUID]:
    """Return what nobody is at work on any more, with a new lease."""
    now = clock()
    with transaction.atomic():
        free = queries.unfinished(now=now).select_for_update(of=("self",), skip_locked=True)
        ids = list(free.values_list("id", flat=True)[:BATCH])
        Artifact.objects.filter(id__in=ids).update(retry_at=now + LEASE)
        taken_up(ids)
    return ids
