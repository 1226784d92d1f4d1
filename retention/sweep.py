"""Find what must go and what a crash left behind. The database is the truth: whoever wakes this, or nobody, it finds the same work.

`sweep` claims what is due in batches with SKIP LOCKED, so that workers share a long queue, then finishes what a crash or a fault left.
What one act made of several voices goes together. What an app holds it is asked to destroy; what was never stored is over.
`sweep_orphans` destroys keys and bytes that no row names: what an upload leaves that died before its commit, and what of evidence a crash
left when its row had let go of it.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

import vault.blobs
from keyring.keys import store
from ledger.barrier import refuse_if_any_is_behind
from retention import queries
from retention.ask_holder import ask_holder
from retention.erase import bring_along, carry_out, lapse
from retention.models import Artifact, Custody
from vault.blobs import Kind

log = structlog.get_logger(__name__)
BATCH = 500


def sweep(*, clock: Callable[[], datetime]) -> int:
    """Destroy everything that is due and ask the apps for what they hold; return how many artifacts of the vault were claimed."""
    # A random part of what was left, so that rows which cannot be finished do not fill the batch for ever; what is due goes first.
    unfinished = list(queries.unfinished().values_list("id", flat=True)[:BATCH])
    claimed = 0
    while ids := _claim(now=clock()):
        carry_out(ids=ids, clock=clock)
        claimed += len(ids)
    elsewhere = queries.due(now=clock()).exclude(custody=Custody.VAULT)
    for artifact_id, custody in elsewhere.values_list("id", "custody")[:BATCH]:
        try:
            if custody == Custody.APP:
                ask_holder(artifact_id=artifact_id, now=clock())
            else:
                lapse(artifact_id=artifact_id, now=clock())
        except Exception as error:
            log.exception("not_taken_out", artifact=str(artifact_id), error=type(error).__name__)
    if unfinished:
        carry_out(ids=unfinished, clock=clock)
    return claimed


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
        vault.blobs.delete(blobs=orphans)  # before the key, by which alone an orphan is found again
        vault.blobs.shred(blobs=orphans, kind=kind)
        found += len(orphans)
    return found


def _claim(*, now: datetime) -> list[uuid.UUID]:
    with transaction.atomic():
        due = queries.due(now=now).filter(custody=Custody.VAULT).select_for_update(of=("self",), skip_locked=True)
        claimed = dict(due.values_list("id", "act")[:BATCH])
        bring_along(acts=claimed.values(), now=now)
        Artifact.objects.filter(id__in=claimed).update(state=Artifact.State.ERASING)
    return list(claimed)
