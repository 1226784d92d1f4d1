"""`migrate` acts as the owner, holds nobody up for more than four seconds, and leaves nothing half done; and so are our migrations made."""

import io
import os
import re
import time
from importlib import import_module
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, RemoveIndexConcurrently
from django.core.management import CommandError, call_command
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from config import roles

PROJECT = Path(__file__).parents[2]
MIGRATION = "ledger.9999_held"


@pytest.fixture
def held(committed, monkeypatch):
    """A migration that needs an exclusive lock; yields a function that says what is left of it."""

    class Held(migrations.Migration):
        operations = [
            migrations.RunSQL("CREATE TABLE half (at int)"),
            migrations.RunSQL("ALTER TABLE ledger_entry ADD COLUMN half int"),
            migrations.RunSQL("SELECT pg_sleep(0.6)"),
        ]

    real = MigrationLoader.load_disk

    def load(self):
        real(self)
        last = max(name for app, name in self.disk_migrations if app == "ledger")
        Held.dependencies = [("ledger", last)]
        self.disk_migrations["ledger", "9999_held"] = Held("9999_held", "ledger")

    monkeypatch.setattr(MigrationLoader, "load_disk", load)

    def left():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT to_regclass('half') IS NOT NULL, EXISTS "
                "(SELECT FROM pg_attribute WHERE attrelid = 'ledger_entry'::regclass AND attname = 'half')"
            )
            return (*cursor.fetchone(), ("ledger", "9999_held") in MigrationRecorder(connection).applied_migrations())

    return left


def test_a_long_transaction_makes_it_give_up_within_four_seconds(committed, held):
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=committed) as reader:
        reader.execute("SELECT count(*) FROM ledger_entry")
        began = time.monotonic()
        with pytest.raises(
            CommandError, match=rf"^Migration {MIGRATION} met a lock .* run `manage.py migrate` again\.$"
        ):
            call_command("migrate", verbosity=0)
        assert 2.9 < time.monotonic() - began < 8
        reader.execute("SELECT count(*) FROM ledger_entry")
    assert held() == (False, False, False)
    call_command("migrate", verbosity=0)
    assert held() == (True, True, True)


def test_one_that_would_hold_others_up_for_longer_is_cut_off(committed, held, monkeypatch):
    if connection.pg_version < 170_000:
        pytest.skip("before PostgreSQL 17 only the wait is limited")
    monkeypatch.setattr(roles, "LIMIT", "300ms")
    with pytest.raises(
        CommandError, match=rf"^Migration {MIGRATION} would hold others up .* `manage.py migrate --stopped`\.$"
    ):
        call_command("migrate", verbosity=0)
    assert held() == (False, False, False)
    call_command("migrate", "--stopped", verbosity=0)
    assert held() == (True, True, True)


def test_it_acts_as_the_owner_and_gives_the_service_its_rights(committed, settings):
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regrole('consonant') IS NOT NULL AND current_user = 'consonant_owner'")
        if cursor.fetchone() != (True,):
            pytest.skip("the tests' database is not the embedded one with its two roles")
    connection.close()
    connection.settings_dict["USER"] = "consonant"
    try:
        assert roles.excess() == []
        settings.OWNER_DATABASE = {}
        with pytest.raises(CommandError, match="names no other"):
            call_command("grant_service")
        settings.OWNER_DATABASE = {"USER": "consonant_owner"}
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, has_table_privilege('ledger_log', 'UPDATE')")
            assert cursor.fetchone() == ("consonant", True)
        call_command("grant_service", stdout=io.StringIO())
    finally:
        connection.close()
        connection.settings_dict["USER"] = "consonant_owner"


# --- how migrations are made ----------------------------------------------------------------------------------------

LARGE = {"entry", "opening", "pending", "checkpoint", "artifact", "delivery"}
"""Models whose tables grow with use."""
SINCE = {"consent": "0004", "hooks": "0001", "ledger": "0005", "retention": "0006", "accounts": "0001"}
"""The last migration of each app before the rule: no large table was anywhere then."""
CONCURRENT = (AddIndexConcurrently, RemoveIndexConcurrently)
SLOW = (migrations.AddIndex, migrations.AddConstraint, migrations.AlterField, migrations.RemoveIndex)


def ours():
    for config in apps.get_app_configs():
        if Path(config.path).parent != PROJECT:
            continue
        for path in sorted(Path(config.path).glob("migrations/[0-9]*.py")):
            if path.stem[:4] > SINCE.get(config.label, ""):
                yield pytest.param(config.label, path, id=f"{config.label}.{path.stem}")


def flat(operations):
    for each in operations:
        yield each
        if isinstance(each, migrations.SeparateDatabaseAndState):
            yield from flat(each.database_operations)


@pytest.mark.parametrize(("app", "path"), list(ours()))
def test_a_migration_holds_nobody_up(app, path):
    migration = import_module(f"{app}.migrations.{path.stem}").Migration
    operations = list(flat(migration.operations))
    for each in operations:
        model = getattr(each, "model_name", "").lower()
        assert not (
            isinstance(each, SLOW) and not isinstance(each, (*CONCURRENT, AddConstraintNotValid)) and model in LARGE
        ), each
    text = path.read_text(encoding="utf-8")
    if any(isinstance(each, CONCURRENT) for each in operations):
        assert len(operations) == 1
    else:
        assert migration.atomic or "DROP INDEX CONCURRENTLY" in text
    for table in re.findall(r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)\S+ ON (?:ONLY )?\w+?_(\w+)", text):
        # 0008_partitions: an index of the parent, for which the partition's own is taken as it is.
        assert table not in LARGE or path.stem == "0008_partitions"
    if re.search(r"transaction_timeout = 0", text):
        assert "VALIDATE CONSTRAINT" in text
        assert len(operations) == 1
