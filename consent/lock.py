"""The lock under which a grant is decided on, so that no use slips past a withdrawal.

Term grants take a shared advisory lock on use and the exclusive one on withdrawal: uses do not wait for each other, and PostgreSQL
queues the withdrawal ahead of later uses. Counted grants take the row, for each use changes it. Locks end with the transaction.

Whoever takes several takes them in the order of the grants' ids, one after the other whatever their kind: so no two wait for each other
in a circle. What was read before a lock may be old; what is read after it stands.
"""

import uuid
from collections.abc import Collection, Iterable
from itertools import groupby
from operator import itemgetter

from django.db import connection
from django.db.models import QuerySet

from accounts.models import App
from consent import standing
from consent.errors import GrantUnknown
from consent.models import Grant, Session


def for_use(grant_id: uuid.UUID, *, app: App | None = None) -> Grant:
    """Return the grant as it stands, locked against withdrawal; with `app`, one of that app.

    Raises:
        GrantUnknown: There is none.
    """
    found = standing.count(grant=grant_id)
    if found is None or (app is not None and found[0] != app.id):
        raise GrantUnknown
    all_for_use([(grant_id, found[1])])
    [grant] = standing.grants([grant_id])
    return grant


def all_for_use(grants: Iterable[tuple[uuid.UUID, int | None]]) -> None:
    """Lock these grants against withdrawal; each comes with its count of uses, of which it only matters whether there is one."""
    for counted, run in groupby(sorted(grants, key=itemgetter(0)), lambda grant: grant[1] is not None):
        ids = [grant_id for grant_id, _ in run]
        if counted:
            list(Grant.objects.filter(id__in=ids).order_by("id").select_for_update(of=("self",)).values_list("id"))
        else:
            _advise("pg_advisory_xact_lock_shared", ids)


def sessions_for_use(*, app: App, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Session]:
    """Return those of the app's sessions, as they stand, with their grants, which are locked against withdrawal."""
    own = standing.counts(sessions=ids, app=app.id)
    all_for_use(set(own.values()))
    return {session.id: session for session in standing.sessions(own)}


def for_ending(grant_id: uuid.UUID) -> Grant:
    """Return the grant, locked against every use.

    Raises:
        GrantUnknown: There is none.
    """
    _advise("pg_advisory_xact_lock", [grant_id])
    grant = _with_all().select_for_update(of=("self",)).filter(id=grant_id).first()
    if grant is None:
        raise GrantUnknown
    return grant


def _with_all() -> QuerySet[Grant]:
    """What the decision reads, and the entry: in one query."""
    return Grant.objects.select_related(
        "app", "subject__tenant", "binding", "notice", "declaration", "delegation", "purpose"
    )


def _advise(function: str, grant_ids: Collection[uuid.UUID]) -> None:
    # The last 64 bits of a UUIDv7 are random. Two grants that collide only wait for each other.
    keys = [int.from_bytes(grant_id.bytes[8:], "big", signed=True) for grant_id in grant_ids]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count({function}(key)) FROM unnest(%s::bigint[]) AS key", [keys])  # noqa: S608 - a constant
