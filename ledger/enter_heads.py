"""Enter the tenants' published heads in the platform's log, so that one witness or one anchor of that log covers them all.

An entry `log.head` commits to `{"log":"<origin>","root":"<hex>","size":N}`. A published head is no secret, so the salt of that commitment
is 32 zero bytes: whoever holds a checkpoint can find its entry. The row that remembers what was entered commits with the entry; a crash
before leaves neither, and the next round enters it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from keyring.keys import store
from ledger.append import append
from ledger.checkpoint import Checkpoint
from ledger.errors import InvalidCheckpoint, InvalidNote
from ledger.heads import published_checkpoint
from ledger.models import Log
from ledger.queries import logs
from ledger.signing import open_log

KIND = "log.head"
HOLDER = "heads:platform"
"""The key that seals the openings of the platform's log."""


def open_platform_log(*, now: datetime) -> None:
    """Make the platform's log and its keys when there are none."""
    store().make(HOLDER, now=now)
    open_log(origin=settings.PLATFORM_ORIGIN, now=now)


def enter_heads(*, now: datetime) -> int:
    """Enter each tenant's head that has grown, at most once in PLATFORM_SECONDS; return how many were entered."""
    due = now - timedelta(seconds=settings.PLATFORM_SECONDS)
    entered = 0
    for log in logs():
        grown = log.origin != settings.PLATFORM_ORIGIN and log.size > log.entered_size
        if grown and (log.entered_at is None or log.entered_at <= due):
            try:
                entered += _enter(log, now=now)
            except (InvalidNote, InvalidCheckpoint, OSError):
                continue  # its publisher meets the same file and raises the alarm; the others have their turn
    return entered


def payload_of(head: Checkpoint) -> Mapping[str, Any]:
    """Return what the entry of a head commits to."""
    return {"log": head.origin, "root": head.root.hex(), "size": head.size}


@transaction.atomic
def _enter(log: Log, *, now: datetime) -> int:
    head = published_checkpoint(log)
    if head is None:
        return 0
    # The row first: a second publisher waits here, and then finds it entered.
    moved = Log.objects.filter(origin=log.origin, entered_size__lt=head.size).update(
        entered_size=head.size, entered_at=now
    )
    if moved:
        append(
            origin=settings.PLATFORM_ORIGIN,
            kind=KIND,
            actor=settings.PLATFORM_ORIGIN,
            payload=payload_of(head),
            holder=HOLDER,
            now=now,
            open_to_all=True,
        )
    return moved
