"""What others read of the ledger."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Max

from ledger.models import Checkpoint, Entry, Log, Pending


@dataclass(frozen=True)
class Place:
    """Where an entry lies."""

    origin: str
    index: int
    sealed: bool
    """A signed checkpoint covers it."""


def places_of(*, refs: Collection[uuid.UUID]) -> dict[uuid.UUID, Place]:
    """Return where the entries lie; those that wait for their index are left out."""
    entries = list(Entry.objects.filter(ref__in=refs).values_list("ref", "log_id", "index"))
    signed = dict(
        Checkpoint.objects.filter(log__in={origin for _, origin, _ in entries}).values_list("log").annotate(Max("size"))
    )
    return {ref: Place(origin, index, index < signed.get(origin, 0)) for ref, origin, index in entries}


def entry_by_ref(*, ref: uuid.UUID) -> Entry | None:
    """Return the entry, if it has its place."""
    return Entry.objects.filter(ref=ref).first()


def is_pending(*, ref: uuid.UUID) -> bool:
    """Say whether the entry is durable and waits for its index."""
    return Pending.objects.filter(ref=ref).exists()


def logs() -> list[Log]:
    """Return all logs."""
    return list(Log.objects.order_by("origin"))


def last_checkpoint(*, origin: str) -> Checkpoint | None:
    """Return the newest signed head of a log."""
    return Checkpoint.objects.filter(log=origin).order_by("-size").first()


def leaves(origin: str, first: int, last: int) -> list[bytes]:
    """Return the leaves of the entries [first, last) of a log, in order."""
    rows = Entry.objects.filter(log=origin, index__gte=first, index__lt=last).order_by("index")
    return [bytes(leaf) for leaf in rows.values_list("leaf", flat=True)]
