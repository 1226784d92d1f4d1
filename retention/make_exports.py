"""Make the exports that were asked for, piece by piece into the vault, and let go of those whose time is over.

One is claimed with SKIP LOCKED under a lease that is renewed as long as its worker lives. Each try writes bytes of its own: what a dead one
left is named by no row, and swept. Ready it is when the row says so, after the bytes are durable; a person who asks for an erasure
meanwhile lets it go.

It goes a week after it was ready, when the person lets it go, and with the first erasure that is decided: the key first, then the bytes, then the row.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from uuid_utils.compat import uuid7

import vault.blobs
from accounts.models import User
from hooks.wake import wake
from retention.errors import ExportGone
from retention.export import pieces, things
from retention.lockers import lock_of
from retention.models import Erasure, Export
from vault.blobs import Kind

log = structlog.get_logger(__name__)
KEPT: Final = timedelta(days=7)
LEASE: Final = timedelta(seconds=60)
MOST_TRIES: Final = 5
_FORGOTTEN_AFTER: Final = timedelta(days=30)
_TOLD_EVERY: Final = 0.5
_NOT_BEGUN: Final = ("received", "identity_pending", "cancelled", "refused")
"""Erasures that destroy nothing: what is asked for, but not decided, and what came to nothing."""


def make_exports(*, clock: Callable[[], datetime]) -> int:
    """Let go of what is over, make what waits; return how many were made."""
    drop_over(now=clock())
    made = 0
    while (claimed := _claim(now=clock())) is not None:
        made += _make(claimed, clock)
    return made


def drop_over(*, now: datetime) -> int:
    """Destroy the exports that must go; return how many went. What has gone is forgotten a month later."""
    Export.objects.filter(state=Export.State.GONE, requested_at__lte=now - _FORGOTTEN_AFTER).delete()
    return sum(_drop(each) for each in _over(now))


def drop(*, user: User, export_id: uuid.UUID, now: datetime) -> None:
    """Destroy one of the person's exports at their word.

    Raises:
        ExportGone: There is none by this id.
    """
    # The row first: from here on nobody hands it out or goes on making it, and what a crash leaves, or a storage that is away, goes later.
    mine = Export.objects.filter(id=export_id, user=user).exclude(state=Export.State.GONE)
    if not mine.update(until=now):
        raise ExportGone
    for found in mine:
        _drop(found)


def try_again(*, export_id: uuid.UUID, now: datetime) -> None:
    """Have one made after all that could not be made; an officer does it when they have seen to the cause.

    Raises:
        ExportGone: It did not fail, or has gone.
    """
    failed = Export.objects.filter(id=export_id, state=Export.State.FAILED, until=None)
    if not failed.update(state=Export.State.WAITING, tries=0, retry_at=now):
        raise ExportGone
    wake("retention.make_exports")


def _claim(*, now: datetime) -> Export | None:
    with transaction.atomic():
        open_still = Export.objects.filter(state__in=[Export.State.WAITING, Export.State.MAKING], until=None)
        waiting = open_still.filter(retry_at__lte=now)
        found = waiting.select_for_update(of=("self",), skip_locked=True).order_by("requested_at").first()
        if found is None:
            return None
        found.tries, found.blob, found.done = found.tries + 1, uuid7(), 0
        found.state = Export.State.MAKING if found.tries <= MOST_TRIES else Export.State.FAILED
        found.retry_at = now + LEASE
        found.save(update_fields=["tries", "blob", "done", "state", "retry_at"])
    if found.state == Export.State.FAILED:
        log.error("export_failed", export=str(found.id), tries=found.tries)
        return _claim(now=now)
    return found


def _make(export: Export, clock: Callable[[], datetime]) -> bool:
    mine = Export.objects.filter(id=export.id, state=Export.State.MAKING, blob=export.blob, until=None)
    mine.update(total=things(export.user))
    progress = _Progress(mine, clock)
    left_out: dict[str, int] = {}
    if export.blob is None:
        return False
    try:
        vault.blobs.put(
            blob=export.blob,
            data=progress.counted(pieces(export, at=clock(), tick=progress.tick, left_out=left_out)),
            kind=Kind.EXPORT,
            now=clock(),
            locked_by=lock_of(export.user_id),
        )
    except _Lost:
        log.warning("export_given_up", export=str(export.id))
        vault.blobs.shred(blobs=[export.blob], kind=Kind.EXPORT)
        return False
    except Exception as error:  # noqa: BLE001 - whatever a storage or a record raises; it is tried again
        log.error("export_not_made", export=str(export.id), tries=export.tries, error=type(error).__name__)  # noqa: TRY400
        mine.update(retry_at=clock() + timedelta(seconds=30 * export.tries))
        vault.blobs.shred(blobs=[export.blob], kind=Kind.EXPORT)
        return False
    now = clock()
    ready = {"size": progress.size, "left_out": left_out, "ready_at": now, "until": now + KEPT, "retry_at": now + KEPT}
    if mine.exclude(_erased()).update(state=Export.State.READY, done=F("total"), **ready):
        Export.objects.filter(user=export.user_id, state=Export.State.FAILED).update(state=Export.State.GONE)
        return True
    vault.blobs.shred(blobs=[export.blob], kind=Kind.EXPORT)
    vault.blobs.delete(blobs=[export.blob], kind=Kind.EXPORT)
    return False


class _Lost(Exception):
    """Another worker has it, or it was let go."""


class _Progress:
    """How far a try is: told twice a second, which renews its lease; a try that lost it ends."""

    def __init__(self, mine: QuerySet[Export], clock: Callable[[], datetime]) -> None:
        self._mine, self._clock = mine, clock
        self._done, self._told = 0, time.monotonic()
        self.size = 0

    def tick(self) -> None:
        """Count a thing."""
        self._done += 1
        self._tell()

    def counted(self, made: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the pieces on, and count their bytes."""
        for piece in made:
            self.size += len(piece)
            self._tell()
            yield piece

    def _tell(self) -> None:
        if time.monotonic() - self._told < _TOLD_EVERY:
            return
        self._told = time.monotonic()
        if not self._mine.update(done=self._done, retry_at=self._clock() + LEASE):
            raise _Lost


def _over(now: datetime) -> list[Export]:
    there = Export.objects.exclude(state=Export.State.GONE)
    return list(there.filter(Q(until__lte=now) | _erased()))


def _erased() -> Exists:
    """An erasure was decided, or came to its end, since it was asked for: it may hold what went.

    It is not asked when the erasure was requested: one that waits until it is known who asks destroys nothing, and what is made while it
    waits holds all of it. Nor only when it was decided: the records go at its end.
    """
    since = Q(decided_at__gte=OuterRef("requested_at")) | Q(completed_at__gte=OuterRef("requested_at"))
    return Exists(Erasure.objects.filter(since, user=OuterRef("user")).exclude(state__in=_NOT_BEGUN))


def standing(*, user: User, now: datetime) -> QuerySet[Export]:
    """Return the person's exports that have not gone, and are not about to, newest first."""
    there = Export.objects.filter(user=user).exclude(state=Export.State.GONE)
    return there.exclude(_erased()).exclude(until__lte=now).order_by("-requested_at")


def _drop(export: Export) -> bool:
    if export.blob is not None:
        vault.blobs.shred(blobs=[export.blob], kind=Kind.EXPORT)
        if failed := vault.blobs.delete_each(blobs=[export.blob], kind=Kind.EXPORT):
            log.error("delete_failed", export=str(export.id), error=failed[export.blob])
            return False
    return bool(Export.objects.filter(id=export.id, blob=export.blob).update(state=Export.State.GONE, left_out={}))
