"""Follow what has ended: set the deadlines of what was made under a consent, a tie or a session that is over.

The database leaves a row for each such end, in the transaction that ends it (`retention.models.Change`). Whoever follows takes rows with
SKIP LOCKED, sets the deadlines by what stands now, and deletes the rows: one transaction, which a crash undoes whole. Deadlines move
earlier; only one that counts from the last interaction moves later, up to the one that is fixed.
"""

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from consent.machine import ERASING
from retention import queries
from retention.models import Artifact, Change

BATCH = 1_000
MOST = 20_000
"""Artifacts in one transaction."""

_SETTLE = """
UPDATE retention_artifact AS made SET
    expires_at = found.at,
    state = CASE WHEN found.over AND made.state = 'active' AND NOT made.is_held THEN 'due' ELSE made.state END
FROM (
    SELECT a.id,
        (g.state = ANY(%(erasing)s) OR b.closed_at IS NOT NULL) AS over,
        LEAST(
            CASE WHEN a.after_interaction IS NULL THEN a.expires_at ELSE COALESCE(a.latest_at, a.expires_at) END,
            a.latest_at,
            CASE WHEN g.state = ANY(%(erasing)s) THEN COALESCE(g.ended_at, %(now)s) END,
            b.closed_at,
            CASE WHEN a.custody = 'none' THEN s.closed_at END,
            LEAST(a.processed_at, s.closed_at, s.expires_at) + a.after_processing,
            LEAST(s.closed_at, s.expires_at) + a.after_session,
            COALESCE(b.last_interaction_at, b.bound_at) + a.after_interaction,
            LEAST(a.purpose_met_at, g.ended_at) + a.after_purpose
        ) AS at
    FROM retention_artifact a
    JOIN consent_session s ON s.id = a.session_id
    JOIN consent_grant g ON g.id = a.grant_id
    JOIN consent_binding b ON b.id = g.binding_id
    WHERE a.id = ANY(%(ids)s) AND a.state = ANY(%(living)s)
) AS found
WHERE found.id = made.id AND (found.at <> made.expires_at OR (found.over AND made.state = 'active'))
"""


def follow(*, now: datetime) -> bool:
    """Follow a batch of ends; say whether there was any."""
    with transaction.atomic():
        changes = list(Change.objects.select_for_update(skip_locked=True).order_by("id")[:BATCH])
        if not changes:
            return False
        refs: dict[str, set[str]] = {"grant": set(), "binding": set(), "session": set()}
        for change in changes:
            refs[change.what].add(change.ref)
        settle(_touched(refs), now=now)
        Change.objects.filter(id__in=[change.id for change in changes]).delete()
    return True


def look_for_overlooked(*, now: datetime) -> int:
    """Set the deadlines that no row told of, should there be any; return how many. It reads everything that lives."""
    ids = list(queries.overlooked(now=now).values_list("id", flat=True)[:MOST])
    with transaction.atomic():
        settle(ids, now=now)
    return len(ids)


def settle(ids: Iterable[uuid.UUID], *, now: datetime) -> None:
    """Set the deadlines of these by what stands now. In the caller's transaction."""
    locked = Artifact.objects.filter(id__in=list(ids), state__in=Artifact.LIVING)
    mine = list(locked.select_for_update(of=("self",)).order_by("id").values_list("id", flat=True))
    if mine:
        values: dict[str, Any] = {
            "erasing": [state.value for state in ERASING],
            "living": [state.value for state in Artifact.LIVING],
            "ids": mine,
            "now": now,
        }
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, values)


def _touched(refs: dict[str, set[str]]) -> Collection[uuid.UUID]:
    living = Artifact.objects.filter(state__in=Artifact.LIVING)
    counts_from = ~Q(after_processing=None) | ~Q(after_session=None) | Q(custody="none")
    found: set[uuid.UUID] = set()
    wanted: list[QuerySet[Artifact]] = []
    if refs["grant"]:
        wanted.append(living.filter(grant__in=_ids(refs["grant"])))
    if refs["binding"]:
        # A tie that stands moves only what counts from the last interaction.
        moves = Q(grant__binding__closed_at__isnull=False) | ~Q(after_interaction=None)
        wanted.append(living.filter(moves, grant__binding__in=[int(ref) for ref in refs["binding"]]))
    if refs["session"]:
        wanted.append(living.filter(counts_from, session__in=_ids(refs["session"])))
    for each in wanted:
        found |= set(each.values_list("id", flat=True))
    return found


def _ids(refs: Iterable[str]) -> list[uuid.UUID]:
    return [uuid.UUID(ref) for ref in refs]
