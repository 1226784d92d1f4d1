"""Two roles of PostgreSQL: the owner, who changes the schema, and the service, who can neither do that nor forget an entry.

- The service may read, insert, update and delete rows of ordinary tables. Of a table that is guarded as append-only (it has the trigger
  `ledger_append_only`) it may read and insert rows; of a partition, nothing but through its parent; of `django_migrations`, read. It
  may create, alter, truncate and drop nothing, and is no member of the owner.
- One role for both keeps working: then the triggers alone guard the ledger, and `check --deploy` says so.
- A migration holds nobody up for more than four seconds: it waits for a lock, and so stands before others, for three at most; and where
  there is a service to be held up, its whole transaction lasts four (from PostgreSQL 17 on). What is cut off, PostgreSQL rolls back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info
from django.core.checks import Warning as Caution
from django.db import DatabaseError, connection, transaction

WAIT, LIMIT = "3s", "4s"

# Statements, to be run one by one: the catalogue itself says what there is, so a new table or guard is not forgotten here.
_GRANTS = """
WITH tables AS (
    SELECT format('%%I.%%I', nspname, relname) AS name, CASE
        WHEN relispartition THEN NULL
        WHEN relname = 'django_migrations' THEN 'SELECT'
        WHEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'ledger_append_only') THEN 'SELECT, INSERT'
        ELSE 'SELECT, INSERT, UPDATE, DELETE' END AS rights
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = current_schema() AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')
)
SELECT format('GRANT USAGE ON SCHEMA %%I TO %%I', current_schema(), %(role)s)
UNION ALL SELECT format('REVOKE TEMPORARY, CREATE ON DATABASE %%I FROM PUBLIC, %%I', datname, %(role)s)
    FROM pg_database WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')
UNION ALL SELECT format('REVOKE ALL ON TABLE %%s FROM %%I', name, %(role)s) FROM tables
UNION ALL SELECT format('GRANT %%s ON TABLE %%s TO %%I', rights, name, %(role)s) FROM tables WHERE rights IS NOT NULL
UNION ALL SELECT format('GRANT EXECUTE ON FUNCTION %%s TO %%I', p.oid::regprocedure, %(role)s)
    FROM pg_proc p WHERE prosecdef AND pg_has_role(proowner, 'USAGE')
UNION ALL SELECT format(
    'ALTER DEFAULT PRIVILEGES IN SCHEMA %%I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %%I', current_schema(), %(role)s
)
"""

_EXCESS = """
WITH ledger AS (SELECT oid, relowner FROM pg_class WHERE oid IN (to_regclass('ledger_entry'), to_regclass('ledger_checkpoint')))
SELECT word FROM (VALUES
    ('is a superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)),
    ('may create tables', has_schema_privilege(current_schema(), 'CREATE')),
    ('is the owner of the ledger''s tables', (SELECT bool_or(pg_has_role(relowner, 'MEMBER')) FROM ledger)),
    ('may change the ledger''s tables', (SELECT bool_or(has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')) FROM ledger))
) AS excess (word, holds) WHERE holds
"""


def _role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


@contextmanager
def as_owner() -> Iterator[str]:
    """Let the block's statements run as the owner, where the settings name one; yields the service's role ("" where both are one)."""
    own: dict[str, Any] = settings.OWNER_DATABASE
    if not own:
        yield ""
        return
    service = _role()
    place = connection.settings_dict
    before = {name: place[name] for name in own}
    connection.close()
    place.update(own)
    try:
        yield "" if _role() == service else service
    finally:
        connection.close()
        place.update(before)


@contextmanager
def limited(*, waited_for: bool) -> Iterator[None]:
    """Let no statement of the block wait longer than WAIT for a lock; where a service waits for us, no transaction last longer than LIMIT."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [WAIT])
        if waited_for and connection.get_database_version() >= (17,):
            cursor.execute("SELECT set_config('transaction_timeout', %s, false)", [LIMIT])
    try:
        yield
    finally:
        connection.close()  # and with it what was set


def grant(service: str) -> None:
    """Give the service's role what it needs of all that this connection's role owns and will make, and nothing more.

    All of it or, after a crash, nothing; it can be repeated while the service runs.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_GRANTS, {"role": service})
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)


def excess() -> list[str]:
    """Say what this connection's role may do that the service need not."""
    with connection.cursor() as cursor:
        cursor.execute(_EXCESS)
        return [word for (word,) in cursor.fetchall()]


def check(**_: Any) -> Sequence[CheckMessage]:
    """Say whether the database keeps the service from changing the ledger (`check --deploy`)."""
    try:
        found = excess()
    except DatabaseError:
        return [Info("The database does not answer, so its roles were not looked at.", id="consonant.I001")]
    if not found:
        return []
    return [
        Caution(
            f"The service's database role {', '.join(found)}: only triggers keep it from changing the ledger.",
            hint="Let another role own the database, as docs/database.md says.",
            id="consonant.W001",
        )
    ]
