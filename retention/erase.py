"""Destroy artifacts: the key first, then the bytes, and say each only when it has happened.

(1) transaction: `erasing`; (2) the keys destroyed, synced; (3) transaction: `shredded`, entry `artifact.key_destroyed`; (4) the bytes
deleted; (5) transaction: `erased`, entry `artifact.erased`. Each step can be repeated, and a crash anywhere is resumed by the next sweep
through the same steps. Two workers at the same artifact do the same harmless work; the state, read under its lock, lets one of them enter it.
"""

import uuid
from collections.abc import Callable, Collection
from datetime import datetime

import structlog
from django.db import transaction

import vault.blobs
from consent.enter import enter_for_grant
from hooks.notify import notify
from retention.models import Artifact, Custody

log = structlog.get_logger(__name__)


def carry_out(*, ids: Collection[uuid.UUID], clock: Callable[[], datetime]) -> None:
    """Destroy the vault's artifacts, which are `erasing` or further; what cannot be deleted stays `shredded`.

    Shredding comes for all before the first deletion: keys are what counts. What the storage does not delete keeps no other from going.
    Each time is read after what it dates has happened.
    """
    ours = Artifact.objects.filter(id__in=ids, custody=Custody.VAULT)
    shredding = list(ours.filter(state=Artifact.State.ERASING).values_list("id", flat=True))
    vault.blobs.shred(blobs=shredding)
    shredded_at = clock()
    for artifact_id in shredding:
        _advance(
            artifact_id,
            before=Artifact.State.ERASING,
            after=Artifact.State.SHREDDED,
            kind="artifact.key_destroyed",
            now=shredded_at,
        )
    for artifact_id in ours.filter(state=Artifact.State.SHREDDED).values_list("id", flat=True):
        try:
            vault.blobs.delete(blobs=[artifact_id])
        except Exception as error:  # noqa: BLE001 - whatever a storage raises; the next sweep tries again
            log.error("delete_failed", artifact=str(artifact_id), error=type(error).__name__)  # noqa: TRY400 - a path would be in it
            continue
        _advance(
            artifact_id,
            before=Artifact.State.SHREDDED,
            after=Artifact.State.ERASED,
            kind="artifact.erased",
            now=clock(),
        )


def bring_along(*, acts: Collection[uuid.UUID], now: datetime) -> None:
    """Make due what was made together with something that goes now, in the transaction that takes it out: no crash parts them."""
    together = Artifact.objects.filter(act__in=acts, state=Artifact.State.ACTIVE, expires_at__gt=now)
    # Whoever holds one of them locked is taking it out already; to wait for each other would be a deadlock.
    free = together.exclude(custody=Custody.NONE).select_for_update(skip_locked=True).values_list("id", flat=True)
    Artifact.objects.filter(id__in=list(free)).update(expires_at=now)


def lapse(*, artifact_id: uuid.UUID, now: datetime) -> None:
    """Say that what was never stored is over with its session. There is nothing to destroy, and the entry claims no destruction."""
    _advance(artifact_id, before=Artifact.State.ACTIVE, after=Artifact.State.ERASED, kind="artifact.lapsed", now=now)


def _advance(
    artifact_id: uuid.UUID, *, before: Artifact.State, after: Artifact.State, kind: str, now: datetime
) -> None:
    with transaction.atomic():
        artifact = (
            Artifact.objects.select_related("grant__binding", "grant__subject__tenant", "grant__app")
            .select_for_update(of=("self",))
            .filter(id=artifact_id, state=before)
            .first()
        )
        if artifact is None:
            return
        artifact.state = after
        if after == Artifact.State.SHREDDED:
            artifact.key_destroyed_at = now
        else:
            artifact.erased_at = now
        artifact.save(update_fields=["state", "key_destroyed_at", "erased_at"])
        if kind == "artifact.erased":
            notify(app=artifact.grant.app, event=kind, data=artifact.record(), now=now)
        enter_for_grant(grant=artifact.grant, kind=kind, actor="service", payload=artifact.record(), now=now)
