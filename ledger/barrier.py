"""The barrier: nothing goes on with a database that is older than what was signed (a restored backup).

The signed heads and the published files lie outside PostgreSQL. A database that does not hold them would give places that are taken,
sign another history, and take up keys that are dead. `manage.py recover` brings it to where it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from weakref import WeakKeyDictionary, WeakSet

from django.db import connection

from ledger.errors import Behind, LogIncomplete
from ledger.files import read
from ledger.heads import origins, recovery_is_unfinished, signed_checkpoint
from ledger.models import Entry, Log
from ledger.queries import logs
from ledger.tiles import TileReader

_looked_at: WeakKeyDictionary[object, set[str]] = WeakKeyDictionary()
_WHICH_DATABASE = """
SELECT pg_postmaster_start_time(), (SELECT oid FROM pg_database WHERE datname = current_database()),
    'ledger_log'::regclass::oid, pg_relation_filenode('ledger_log')
"""
"""Another answer where another copy of the files was started, another database has the name, or the table was made or filled anew."""
_met: set[object] = set()
_of_the_met: WeakSet[object] = WeakSet()
_lifted = False


@contextmanager
def lifted() -> Iterator[None]:
    """Let this process write while a recovery is unfinished: for the recovery itself."""
    global _lifted  # noqa: PLW0603 - of the one process that recovers
    _lifted = True
    try:
        yield
    finally:
        _lifted = False


def refuse_if_behind(log: Log) -> None:
    """Refuse to go on with a database that does not hold what was signed, even one that has grown since.

    The last signed leaf is enough: its `prev` names the one before, and so on to the first.

    Raises:
        Behind: The database's log does not extend the signed one, or a recovery is unfinished.
        LogIncomplete: The file that would tell is missing.
    """
    _refuse_unfinished()
    signed = signed_checkpoint(log)
    if signed is None or signed.size == 0:
        return
    last = signed.size - 1
    try:
        [leaf_hash] = TileReader(lambda path: read(log.origin, path), signed.size).read_nodes([(0, last)])
    except FileNotFoundError:
        raise LogIncomplete(log.origin) from None
    entry = Entry.objects.filter(log=log, index=last).first()
    if entry is None or bytes(entry.leaf_hash) != leaf_hash:
        raise Behind(log.origin)


def refuse_if_any_is_behind() -> None:
    """Refuse to go on when any log is behind, or one is missing: it was made after the backup.

    Raises:
        Behind: See `refuse_if_behind`.
    """
    _refuse_unfinished()
    known = logs()
    if missing := origins() - {log.origin for log in known}:
        raise Behind(min(missing))
    for log in known:
        refuse_if_behind(log)


def refuse_if_restored(origin: str) -> None:
    """Refuse to write to a log that is behind; looks once for each connection to the database, for a restore ends them all.

    Raises:
        Behind: See `refuse_if_behind`.
    """
    _refuse_unfinished()
    connection.ensure_connection()
    seen = _looked_at.setdefault(connection.connection, set())
    if origin not in seen:
        refuse_if_behind(Log.objects.get(origin=origin))
        seen.add(origin)


def refuse_if_database_is_restored() -> None:
    """Refuse whatever reads or destroys, while any log is behind; looks once for each database that this process has met.

    A log whose published files are incomplete is not behind by that alone, and keeps nobody from the others: its own writes are refused.

    Raises:
        Behind: See `refuse_if_any_is_behind`.
    """
    _refuse_unfinished()
    connection.ensure_connection()
    if connection.connection in _of_the_met:
        return
    with connection.cursor() as cursor:
        cursor.execute(_WHICH_DATABASE)
        met = cursor.fetchone()
    if met not in _met:
        known = logs()
        if missing := origins() - {log.origin for log in known}:
            raise Behind(min(missing))
        for log in known:
            with suppress(LogIncomplete):
                refuse_if_behind(log)
        _met.add(met)
    _of_the_met.add(connection.connection)


def _refuse_unfinished() -> None:
    if not _lifted and recovery_is_unfinished():
        raise Behind("a recovery is unfinished")
