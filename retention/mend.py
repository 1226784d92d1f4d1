"""Look for what belongs together and lies apart, say so, and mend it: rows without bytes, bytes without a row, keys without use, rows without an end.

What is found is logged by kind and number. (1) A living row of the vault whose key is dead: it is erased, on the ordinary path, as after a
restore. (2) One whose key lives and whose bytes are lost: nothing can be read, so it goes the same way, unless a legal hold is on it. Where many
have lost them it is rather the storage that is not there: then nothing goes, and an error says how many. (3) Bytes that no key opens, older than the
grace an upload has: noise, deleted (those with a key and without a row are `sweep_orphans`' work). (4) Keys of processors, certificates and
wallets that no row names (a claim that came to nothing, a wallet that was replaced): destroyed. (5) Rows that live and have passed their
deadline by more than a minute: the sweep is behind, and an error says so. (6) Consents taken back so long ago that `retention.pursue` looks for
them no more, and of which no erasure was opened: it is. Each can be repeated; a crash leaves the rest to the next round.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice

import structlog
from django.conf import settings
from django.db import models, transaction

import vault.blobs
from consent.models import Subject
from hooks.wake import wake
from keyring.keys import store
from ledger.barrier import refuse_if_any_is_behind
from retention.bury import refuse_a_strange_key_store
from retention.hold import lock_shared
from retention.models import Artifact, Custody, Erasure, Processor
from retention.open_erasures import LONG_AGO, open_withdrawn
from retention.queries import LATE, holds_on
from vault.blobs import Kind
from vault.errors import BlobGone

log = structlog.get_logger(__name__)
BATCH = 500
FEW = 20
"""So many may have lost their bytes, or one in a hundred, and the storage is still believed to be ours."""
_PLACES = (Kind.VOICE, Kind.FACE, Kind.DOCUMENT)
"""One kind of each storage: voices, faces, and all else."""
_KEYS: dict[str, type[models.Model]] = {"processor:": Processor, "certificate:": Erasure}


@dataclass(frozen=True)
class Found:
    """How many of each."""

    rows_without_key: int
    rows_without_bytes: int
    bytes_without_row: int
    keys_without_use: int
    overdue: int

    @property
    def any(self) -> bool:
        """Whether something was found at all."""
        return any(asdict(self).values())


def mend(*, clock: Callable[[], datetime]) -> Found:
    """Look for all of it, once.

    Raises:
        ledger.errors.Behind: The database is older than what was published: its missing rows prove nothing.
        keyring.errors.KeyStoreBroken: The key store is not the service's own: the keys that it lacks prove nothing.
    """
    refuse_if_any_is_behind()
    refuse_a_strange_key_store()
    while open_withdrawn(now=clock(), back=LONG_AGO):
        pass
    before = clock() - timedelta(seconds=settings.ORPHAN_GRACE_SECONDS)
    dead, lost = _rows(before=before, now=clock())
    found = Found(dead, lost, _bytes(before=before), _keys(before=before), _late(now=clock()))
    if found.any:
        log.warning("mended", **asdict(found))
        wake("retention.sweep")
    return found


def _rows(*, before: datetime, now: datetime) -> tuple[int, int]:
    """Take out living rows of the vault whose key or whose bytes are not there."""
    dead = looked = 0
    lost: set[uuid.UUID] = set()
    living = Artifact.objects.filter(custody=Custody.VAULT, state__in=Artifact.LIVING, recorded_at__lt=before)
    listed = {blob for kind in vault.blobs.ARTIFACTS for blob, _ in vault.blobs.stored(kind=kind)}
    for batch in _batches(living):
        keyless = batch - vault.blobs.alive(blobs=batch)
        empty = {
            blob for blob in batch - keyless - listed if _is_gone(blob)
        }  # it may have come since the list was made
        dead += _take_out(keyless, now=now)
        lost |= empty
        looked += len(batch)
    if len(lost) > max(FEW, looked // 100):
        log.error("storage_without_bytes", count=len(lost), of=looked)
        return dead, len(lost)
    with transaction.atomic():
        lock_shared()
        _take_out(lost - holds_on(lost).keys(), now=now)
    return dead, len(lost)


def _is_gone(blob: uuid.UUID) -> bool:
    try:
        vault.blobs.size(blob=blob)
    except BlobGone:
        return True
    return False


def _take_out(ids: set[uuid.UUID], *, now: datetime) -> int:
    rows = Artifact.objects.filter(id__in=ids, state__in=Artifact.LIVING)
    return rows.update(state=Artifact.State.ERASING, retry_at=now)


def _bytes(*, before: datetime) -> int:
    """Delete bytes that no key opens."""
    found = 0
    for place in _PLACES:
        old = (blob for blob, written_at in vault.blobs.stored(kind=place) if written_at < before)
        while batch := set(islice(old, BATCH)):
            noise = batch - {blob for kind in Kind for blob in vault.blobs.alive(blobs=batch, kind=kind)}
            vault.blobs.delete(blobs=noise, kind=place)
            found += len(noise)
    return found


def _keys(*, before: datetime) -> int:
    """Destroy keys that no row names."""
    found = 0
    for prefix, model in _KEYS.items():
        for names in store().older_than(before, prefix=prefix):
            ids = {uuid.UUID(name.removeprefix(prefix)) for name in names}
            rows = model._default_manager.filter(id__in=ids)  # noqa: SLF001 - of any model
            if model is Erasure:
                rows = rows.filter(sealed__isnull=False)
            stray = ids - set(rows.values_list("id", flat=True))
            store().destroy(f"{prefix}{each}" for each in stray)
            found += len(stray)
    for names in store().older_than(before, prefix="wallet:"):
        strays = set(names) - set(Subject.objects.filter(wallet_name__in=names).values_list("wallet_name", flat=True))
        store().destroy(strays)
        found += len(strays)
    return found


def _late(*, now: datetime) -> int:
    """Count what lives past its deadline: nothing here changes it, for the sweep will."""
    late = Artifact.objects.filter(state__in=Artifact.LIVING, is_held=False, expires_at__lt=now - LATE).count()
    if late:
        log.error("overdue", count=late)
    return late


def _batches(rows: "models.QuerySet[Artifact]") -> Iterator[set[uuid.UUID]]:
    last: uuid.UUID | None = None
    while True:
        page = rows.order_by("id") if last is None else rows.filter(id__gt=last).order_by("id")
        ids = list(page.values_list("id", flat=True)[:BATCH])
        if not ids:
            return
        yield set(ids)
        last = ids[-1]
