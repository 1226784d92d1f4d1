"""The running service is not the owner of its database, and a second terminal's `migrate` is."""

from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET leaf = ''",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "UPDATE ledger_checkpoint SET size = 9",
        "DELETE FROM ledger_checkpoint",
        "DELETE FROM ledger_entry_from_0",
        "ALTER TABLE ledger_entry DISABLE TRIGGER USER",
        "DROP TABLE ledger_entry_from_0",
        "CREATE TABLE mine (at int)",
        "CREATE TEMPORARY TABLE mine (at int)",
        "SET session_replication_role = replica",
        "SET ROLE consonant_owner",
    ],
)
def test_the_service_may_not(stack, statement):
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("consonant",)
        with pytest.raises(InsufficientPrivilege):
            connection.execute(statement)


def test_no_program_of_the_service_knows_the_owner(stack):
    for name in ("web", "sequencer", "worker", "courier", "beat"):
        environment = Path(f"/proc/{stack.pid(name)}/environ").read_bytes()
        assert b"DATABASE_URL=postgresql://consonant@" in environment
        assert b"consonant_owner" not in environment


def test_a_second_terminal_migrates(stack):
    assert "No migrations to apply." in stack.manage("migrate")
    assert "consonant has its rights." in stack.manage("grant_service")
    with psycopg.connect(stack.owner_url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("consonant_owner",)
