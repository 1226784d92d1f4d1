"""The lock under which a grant is decided on, so that no use slips past a withdrawal.

Term grants take a shared advisory lock on use and the exclusive one on withdrawal: uses do not wait for each other, and PostgreSQL
queues the withdrawal ahead of later uses. Counted grants take the row, for each use changes it. Locks end with the transaction.
"""

import uuid

from django.db import connection
from django.db.models import QuerySet

from consent.errors import GrantUnknown
from consent.models import Grant


def for_use(grant_id: uuid.UUID) -> Grant:
    """Return the grant as it stands, locked against withdrawal.

    Raises:
        GrantUnknown: There is none.
    """
    counted = Grant.objects.filter(id=grant_id).values_list("uses_left", flat=True).first() is not None
    grants = _with_all().filter(id=grant_id)
    if counted:
        grants = grants.select_for_update(of=("self",))
    else:
        _advise("pg_advisory_xact_lock_shared", grant_id)
    grant = grants.first()
    if grant is None:
        raise GrantUnknown
    return grant


def for_ending(grant_id: uuid.UUID) -> Grant:
    """Return the grant, locked against every use.

    Raises:
        GrantUnknown: There is none.
    """
    _advise("pg_advisory_xact_lock", grant_id)
    grant = _with_all().select_for_update(of=("self",)).filter(id=grant_id).first()
    if grant is None:
        raise GrantUnknown
    return grant


def _with_all() -> QuerySet[Grant]:
    """What the decision reads, and the entry: in one query."""
    return Grant.objects.select_related("app", "subject__tenant", "binding", "notice", "declaration", "delegation")


def _advise(function: str, grant_id: uuid.UUID) -> None:
    # The last 64 bits of a UUIDv7 are random. Two grants that collide only wait for each other.
    key = int.from_bytes(grant_id.bytes[8:], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [key])
