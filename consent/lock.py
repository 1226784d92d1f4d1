"""The lock under which a grant is decided on, so that no use slips past a withdrawal.

Each use takes the grant's advisory lock shared, and what ends the grant takes it alone: uses do not wait for each other, and PostgreSQL
queues the end ahead of later uses. A use of a counted grant then takes the row too, for it changes it. Locks end with the transaction.

Whoever takes several takes the advisory ones in the order of the grants' ids, and then the rows in that order: so no two wait for each
other in a circle. What was read before a lock may be old; what is read after it stands.
"""

import uuid
from collections.abc import Collection
from typing import Final

from accounts.models import App
from consent import standing
from consent.errors import GrantUnknown
from consent.models import Grant, Session
from ledger.prepared import among, run

# The last 64 bits of a UUIDv7 are random. Two grants that collide only wait for each other.
_KEY: Final = "('x' || right(replace(id::text, '-', ''), 16))::bit(64)::bigint"
_THESE: Final = "id {these} AND (%(app)s::uuid IS NULL OR app_id = %(app)s)"
_OF_SESSIONS: Final = "id IN (SELECT grant_id FROM consent_session WHERE id {these} AND app_id = %(app)s)"


def for_use(grant_id: uuid.UUID, *, app: App | None = None) -> Grant:
    """Return the grant as it stands, locked against withdrawal; with `app`, one of that app.

    Raises:
        GrantUnknown: There is none.
    """
    if not _share(_THESE, [grant_id], app):
        raise GrantUnknown
    [grant] = standing.grants([grant_id])
    return grant


def all_for_use(ids: Collection[uuid.UUID], *, app: App) -> None:
    """Lock those of these grants that are the app's against withdrawal."""
    _share(_THESE, ids, app)


def sessions_for_use(*, app: App, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Session]:
    """Return those of the app's sessions, as they stand, with their grants, which are locked against withdrawal."""
    held = _share(_OF_SESSIONS, ids, app)
    return {each.id: each for each in standing.sessions(ids) if each.app_id == app.id and each.grant_id in held}


def for_ending(grant_id: uuid.UUID) -> Grant:
    """Return the grant, locked against every use.

    Raises:
        GrantUnknown: There is none.
    """
    run(f"SELECT pg_advisory_xact_lock({_KEY}) FROM (VALUES (%s::uuid)) AS wanted (id)", [grant_id])  # noqa: S608
    if not run("SELECT 1 FROM consent_grant WHERE id = %s FOR UPDATE", [grant_id]).fetchall():
        raise GrantUnknown
    [grant] = standing.grants([grant_id])
    return grant


def _share(which: str, ids: Collection[uuid.UUID], app: App | None) -> set[uuid.UUID]:
    """Lock such grants against withdrawal; return the ids of those that there are."""
    these, value = among(ids)
    which, values = which.format(these=these), {"ids": value, "app": app and app.id}
    ordered = f"(SELECT id, uses_left FROM consent_grant WHERE {which} ORDER BY id) AS wanted"  # noqa: S608 - constants
    held = run(f"SELECT id, uses_left, pg_advisory_xact_lock_shared({_KEY}) FROM {ordered}", values).fetchall()  # noqa: S608
    if counted := [grant for grant, count, _ in held if count is not None]:
        run("SELECT FROM consent_grant WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [counted])
    return {grant for grant, *_ in held}
