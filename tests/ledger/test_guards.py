"""Nobody changes what was entered: PostgreSQL refuses the service for want of rights, and the owner by triggers."""

import os
import threading
import uuid

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from psycopg.errors import CheckViolation, InsufficientPrivilege, RestrictViolation

from config import roles
from ledger import partitions
from ledger.models import Checkpoint, Entry, Log
from ledger.publish import publish
from ledger.sequence import sequence
from tests.ledger.conftest import add, new_log

PIECE = 4_194_304
NEXT = f"ledger_entry_from_{PIECE}"
COLUMNS = "ledger_entry (log_id, index, ref, leaf, leaf_hash)"
PARTS = ("ledger_entry", "ledger_entry_from_0", NEXT)
CHANGES = [
    statement
    for table in (*PARTS, "ledger_checkpoint")
    for column in ("size = 9" if table == "ledger_checkpoint" else "leaf = ''",)
    for statement in (
        f"UPDATE {table} SET {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"TRUNCATE {table} CASCADE",
    )
]
POWERS = [
    statement
    for table in (*PARTS, "ledger_checkpoint")
    for statement in (
        f"DROP TABLE {table}",
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"ALTER TABLE {table} RENAME TO other",
        f"DROP TRIGGER ledger_append_only ON {table}",
        f"CREATE TRIGGER mine BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
        f"SELECT FROM {table} FOR UPDATE",
        f"DO 'BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; END'",
    )
] + [
    "SELECT FROM ledger_entry_from_0",
    "INSERT INTO ledger_entry_from_0 SELECT * FROM ledger_entry",
    "ALTER TABLE ledger_entry DETACH PARTITION ledger_entry_from_0",
    "TRUNCATE ledger_pending",
    "TRUNCATE ledger_opening",
    "DELETE FROM django_migrations",
    "CREATE TABLE mine (at int)",
    "CREATE TEMPORARY TABLE mine (at int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "ALTER FUNCTION ledger_make_room(bigint) OWNER TO consonant",
    "CREATE SCHEMA mine",
    "CREATE DATABASE mine",
    "CREATE ROLE mine",
    "SET session_replication_role = replica",
    "SET ROLE consonant_owner",
    "GRANT consonant_owner TO consonant",
    "ALTER ROLE consonant SUPERUSER",
]


@pytest.fixture
def room():
    """Forget what this process knows of rooms."""
    partitions._room.clear()
    yield
    partitions._room.clear()


@pytest.fixture
def split(committed, room):
    """This test's database, owned by one role and used by the other, with a second partition; the service's rights are given."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, to_regrole('consonant') IS NOT NULL")
        user, there = cursor.fetchone()
        if (user, there) != ("consonant_owner", True):
            pytest.skip("the tests' database is not the embedded one with its two roles")
        cursor.execute("SELECT ledger_make_room(%s)", [PIECE + 1])
    roles.grant("consonant")
    return committed


@pytest.fixture
def as_service(split):
    """Everything that the project does in this test, it does as the service."""
    connection.close()
    connection.settings_dict["USER"] = "consonant"
    yield split
    connection.close()
    connection.settings_dict["USER"] = "consonant_owner"


def connect(database, role):
    return psycopg.connect(os.environ["DATABASE_URL"], dbname=database, user=role, autocommit=True)


def passed(by, statements, refusal):
    """Those of the statements that are not refused so."""
    found = []
    for statement in statements:
        try:
            by.execute(statement)
        except refusal as error:
            if refusal is RestrictViolation and "append-only" not in str(error):
                found.append(statement)
        else:
            found.append(statement)
    return found


def test_the_service_does_its_work(as_service):
    origin = new_log()
    add(origin, 3)
    assert sequence(origin=origin) == 3
    assert publish(origin=origin, now=timezone.now()) == 3
    assert (Entry.objects.count(), Checkpoint.objects.count()) == (3, 1)
    assert roles.excess() == []
    assert roles.check() == []


def test_the_service_may_not(split):
    with connect(split, "consonant") as service:
        assert passed(service, CHANGES + POWERS, InsufficientPrivilege) == []


def test_the_triggers_refuse_the_owner(origin, split):
    add(origin, 3)
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {COLUMNS} SELECT log_id, %s, ref, leaf, leaf_hash FROM ledger_entry LIMIT 1", [PIECE]
        )
    with connect(split, "consonant_owner") as owner:
        statements = [
            *CHANGES,
            "TRUNCATE ledger_pending",
            "TRUNCATE ledger_log CASCADE",
            "DELETE FROM ledger_entry WHERE index = 2",
            "INSERT INTO ledger_entry SELECT * FROM ledger_entry ON CONFLICT (log_id, index) DO UPDATE SET leaf = ''",
            "MERGE INTO ledger_entry e USING ledger_log ON log_id = origin WHEN MATCHED THEN DELETE",
        ]
        assert passed(owner, statements, RestrictViolation) == []
        with pytest.raises(InsufficientPrivilege):
            owner.execute("SET session_replication_role = replica")
    assert (Entry.objects.count(), Checkpoint.objects.count()) == (4, 1)


def test_every_guard_is_on_every_partition_and_always(split):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A' AND tgfoid = 'ledger_refuse'::regproc"
        )
        found = set(cursor.fetchall())
    guards = {
        (table, guard)
        for table in (*PARTS, "ledger_checkpoint")
        for guard in ("ledger_append_only", "ledger_append_only_whole")
    }
    assert found == guards | {("ledger_pending", "ledger_pending_whole")}


def test_one_role_for_both_keeps_working_and_the_check_says_so(committed):
    (said,) = roles.check()
    assert said.id == "consonant.W001"
    assert "is the owner of the ledger's tables" in said.msg


def test_grants_are_the_same_however_often_given_and_hold_for_later_tables(split):
    def rights():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname, relacl::text FROM pg_class WHERE relacl IS NOT NULL AND relkind IN ('r', 'p')"
            )
            return set(cursor.fetchall())

    first = rights()
    roles.grant("consonant")
    assert rights() == first
    with connect(split, "consonant_owner") as owner, connect(split, "consonant") as service:
        owner.execute("CREATE TABLE later (at int)")
        service.execute("INSERT INTO later VALUES (1)")
        with pytest.raises(InsufficientPrivilege):
            service.execute("TRUNCATE later")


def ends():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), ledger_room() FROM pg_inherits WHERE inhparent = 'ledger_entry'::regclass")
        return cursor.fetchone()


def put(service, origin, index):
    service.execute(f"INSERT INTO {COLUMNS} VALUES (%s, %s, %s, '', '')", [origin, index, uuid.uuid4()])


def test_room_is_made_ahead_of_need_by_a_service_that_may_create_nothing(as_service):
    origin = new_log()
    with connect(as_service, "consonant") as service:
        with pytest.raises(CheckViolation, match="no partition"):
            put(service, origin, 2 * PIECE)
        partitions.ensure(2 * PIECE - partitions.AHEAD)
        assert ends() == (2, 2 * PIECE)
        partitions.ensure(2 * PIECE - partitions.AHEAD + 1)
        assert ends() == (3, 3 * PIECE)
        put(service, origin, 2 * PIECE)
        with pytest.raises(InsufficientPrivilege):
            service.execute(f"DELETE FROM ledger_entry_from_{2 * PIECE}")
        with pytest.raises(InsufficientPrivilege):
            service.execute(f"SELECT FROM ledger_entry_from_{2 * PIECE}")
    partitions.ensure(4 * PIECE)
    assert ends() == (5, 5 * PIECE)


def test_ensure_asks_nobody_while_there_is_room(committed, room, django_assert_num_queries):
    partitions.ensure(0)
    with django_assert_num_queries(0):
        partitions.ensure(1)
        partitions.ensure(PIECE - partitions.AHEAD)


def test_two_make_one_piece(split):
    def run():
        with connect(split, "consonant") as service:
            service.execute("SELECT ledger_make_room(%s)", [3 * PIECE])

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends() == (3, 3 * PIECE)


def test_who_reads_and_appends_holds_up_no_new_piece_and_is_not_held_up(as_service):
    origin = new_log()
    add(origin, 2)
    sequence(origin=origin)
    with (
        connect(as_service, "consonant") as reader,
        connect(as_service, "consonant") as writer,
        reader.transaction(),
        writer.transaction(),
    ):
        assert reader.execute("SELECT count(*) FROM ledger_entry").fetchone() == (2,)
        put(writer, origin, 7)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT ledger_make_room(%s)", [2 * PIECE + 1])
            assert cursor.fetchone() == (3 * PIECE,)
            assert reader.execute("SELECT count(*) FROM ledger_entry").fetchone() == (2,)
            put(writer, origin, 8)
    assert Entry.objects.count() == 4


def test_who_moves_a_head_for_long_delays_no_new_piece(as_service, room):
    origin = new_log()
    partitions.ensure(PIECE)
    with connect(as_service, "consonant") as busy, busy.transaction():
        busy.execute("UPDATE ledger_log SET size = size WHERE origin = %s", [origin])
        partitions.ensure(2 * PIECE)
        assert ends() == (3, 3 * PIECE)


# --- the way there --------------------------------------------------------------------------------------------------


@pytest.fixture
def earlier(committed):
    """A database as the version before partitions left it, with a log of three entries."""
    name = f"test_{uuid.uuid4().hex}"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    connection.close()
    connection.settings_dict["NAME"] = name
    call_command("migrate", "ledger", "0005", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_log (origin, size, head, frontier, vkey, entered_size) VALUES ('old', 3, '', '{}', '', 0)"
        )
        cursor.execute(
            f"INSERT INTO {COLUMNS} SELECT 'old', n, gen_random_uuid(), n::text::bytea, sha256(n::text::bytea) FROM generate_series(0, 2) n"
        )
    yield name
    connection.close()
    connection.settings_dict["NAME"] = committed
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT log_id, index, ref, leaf, leaf_hash, xmin::text FROM ledger_entry ORDER BY index")
        return cursor.fetchall()


def test_what_was_entered_before_is_carried_over_untouched(earlier):
    before = rows()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_filenode('ledger_entry')")
        file = cursor.fetchone()
    call_command("migrate", "ledger", "0008", verbosity=0)
    assert rows() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_filenode('ledger_entry_from_0')")
        assert cursor.fetchone() == file
        cursor.execute(
            "SELECT conname, contype, convalidated FROM pg_constraint WHERE contype <> 'n' AND conrelid = 'ledger_entry'::regclass ORDER BY contype"
        )
        kinds = [(kind, valid) for _, kind, valid in cursor.fetchall()]
        assert kinds == [("f", True), ("p", True)]
        cursor.execute("SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid = 'ledger_entry'::regclass")
        assert cursor.fetchone() == (2,)
    assert ends() == (1, PIECE)


def test_a_log_that_is_long_already_gets_room_enough(earlier):
    Log.objects.filter(origin="old").update(size=3 * PIECE - 1)
    call_command("migrate", "ledger", "0008", verbosity=0)
    assert ends() == (1, 4 * PIECE)
