"""How every log stands: its head, what is published, what waits, who has seen it, what is wrong. For the officer's pages and the metrics.

The published size is read from the published checkpoint itself, not from what the database believes about it. The number of queries
does not depend on the number of logs; one small file is read for each.

What is wrong is of two kinds. A process that meets trouble raises an alarm, which is a row. But a process that is dead raises nothing: so
that a head stalls is computed here, from the age of the oldest entry that no published checkpoint covers.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import TypeVar

from django.db.models import Count, Min, OuterRef, Q, Subquery

from ledger import checkpoint, leaf, note
from ledger.errors import InvalidLeaf, LedgerError
from ledger.files import read
from ledger.merkle import frontier_root
from ledger.models import Alarm, Anchor, Checkpoint, Entry, Log, Pending, Verification, Witnessing

STALLED_AFTER = timedelta(seconds=10)
"""An entry is published within a second; when one has waited this long, somebody must look."""
_READERS = 8
_Row = TypeVar("_Row", Witnessing, Alarm)


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong with a log now."""

    origin: str
    what: str
    """The kind of an alarm, or `head.stalled` or `checkpoint.unreadable`, which are computed."""
    detail: str
    since: datetime | None
    alarm: int | None
    """The alarm's row, if it is one."""


@dataclass(frozen=True)
class Standing:
    """How one log stands."""

    origin: str
    vkey: str
    size: int
    root: bytes
    signed_size: int
    signed_at: datetime | None
    published_size: int | None
    """None before the first publication, and when what is published cannot be read as this log's checkpoint."""
    published_at: datetime | None
    """When the published head was signed."""
    pending: int
    waits_since: datetime | None
    """When the oldest entry was made that no published checkpoint covers; None when none waits."""
    witnesses: tuple[Witnessing, ...]
    anchor: Anchor | None
    """The newest."""
    verification: Verification | None
    """The newest that was asked for."""
    troubles: tuple[Trouble, ...]

    @property
    def unsigned(self) -> int:
        """How many entries have their place, and no signed head covers them."""
        return max(0, self.size - self.signed_size)

    @property
    def unpublished(self) -> int:
        """How many entries have their place, and no published checkpoint covers them."""
        return max(0, self.size - (self.published_size or 0))


def standings(*, now: datetime, origins: Collection[str] | None = None) -> list[Standing]:
    """Return how the logs stand, all of them or those named."""
    newest_head = Checkpoint.objects.filter(log=OuterRef("pk")).order_by("-size")
    chosen = Log.objects.all() if origins is None else Log.objects.filter(origin__in=origins)
    logs = list(
        chosen.order_by("origin").annotate(
            signed_size=Subquery(newest_head.values("size")[:1]),
            signed_at=Subquery(newest_head.values("signed_at")[:1]),
            anchor_id=Subquery(Anchor.objects.filter(log=OuterRef("pk")).order_by("-size").values("id")[:1]),
            verification_id=Subquery(Verification.objects.filter(log=OuterRef("pk")).order_by("-id").values("id")[:1]),
        )
    )
    names = [log.origin for log in logs]
    published = _published(logs)
    sizes = {origin: head.size if isinstance(head, checkpoint.Checkpoint) else 0 for origin, head in published.items()}
    published_at = _signed_at({origin: size for origin, size in sizes.items() if size})
    waiting = _pending(names)
    uncovered = _made_at({log.origin: sizes[log.origin] for log in logs if sizes[log.origin] < log.size})
    witnesses = _by_log(Witnessing.objects.filter(log__in=names).order_by("witness"))
    alarms = _by_log(Alarm.objects.filter(log__in=names, ended_at=None).order_by("raised_at", "id"))
    anchors = Anchor.objects.in_bulk([log.anchor_id for log in logs if log.anchor_id])
    verifications = Verification.objects.in_bulk([log.verification_id for log in logs if log.verification_id])
    found = []
    for log in logs:
        origin, head = log.origin, published[log.origin]
        pending, oldest = waiting.get(origin, (0, None))
        since = uncovered.get(origin, oldest)
        troubles = [Trouble(origin, row.what, row.detail, row.raised_at, row.id) for row in alarms[origin]]
        if isinstance(head, str):
            troubles.append(Trouble(origin, "checkpoint.unreadable", head, None, None))
        if since and now - since > STALLED_AFTER:
            troubles.append(Trouble(origin, "head.stalled", "", since, None))
        found.append(
            Standing(
                origin=origin,
                vkey=log.vkey,
                size=log.size,
                root=frontier_root([bytes(node) for node in log.frontier]),
                signed_size=log.signed_size or 0,
                signed_at=log.signed_at,
                published_size=head.size if isinstance(head, checkpoint.Checkpoint) else None,
                published_at=published_at.get(origin),
                pending=pending,
                waits_since=since,
                witnesses=tuple(witnesses[origin]),
                anchor=anchors.get(log.anchor_id),
                verification=verifications.get(log.verification_id),
                troubles=tuple(troubles),
            )
        )
    return found


def _published(logs: Sequence[Log]) -> dict[str, checkpoint.Checkpoint | str | None]:
    """Return each log's published checkpoint, None before the first, or a sentence on why it is none."""

    def look(log: Log) -> checkpoint.Checkpoint | str | None:
        try:
            return checkpoint.open(read(log.origin, "checkpoint"), [note.Verifier.from_vkey(log.vkey)])
        except FileNotFoundError:
            return None
        except (LedgerError, OSError) as error:
            return str(error) if isinstance(error, LedgerError) else type(error).__name__

    # In threads, for in a bucket each is a request of its own; they read no database.
    with ThreadPoolExecutor(_READERS) as pool:
        return {log.origin: head for log, head in zip(logs, pool.map(look, logs), strict=True)}


def _signed_at(sizes: dict[str, int]) -> dict[str, datetime]:
    """Return when each log's head of that size was signed."""
    if not sizes:
        return {}
    places = reduce(or_, (Q(log=origin, size=size) for origin, size in sizes.items()))
    return dict(Checkpoint.objects.filter(places).values_list("log", "signed_at"))


def _made_at(indexes: dict[str, int]) -> dict[str, datetime]:
    """Return when each log's entry of that index was made."""
    if not indexes:
        return {}
    places = reduce(or_, (Q(log=origin, index=index) for origin, index in indexes.items()))
    found = {}
    for origin, data in Entry.objects.filter(places).values_list("log", "leaf"):
        with suppress(InvalidLeaf):  # to say so is a verification's part
            found[origin] = leaf.decode(bytes(data)).at
    return found


def _pending(origins: Collection[str]) -> dict[str, tuple[int, datetime]]:
    """Return how many entries of each log wait for their place, and when the oldest was made."""
    rows = Pending.objects.filter(log__in=origins).values("log").annotate(count=Count("id"), oldest=Min("at"))
    return {row["log"]: (row["count"], row["oldest"]) for row in rows}


def _by_log(rows: Iterable[_Row]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.log_id].append(row)
    return found
