"""First of three steps to a partitioned `ledger_entry`: say up to which index the present table goes.

NOT VALID: the rows that are there are not looked at, so the lock is held for a moment. At least half a piece of room stays for what is
appended until the third step.
"""

from django.db import migrations

PIECE = 4_194_304


def bound(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(size), 0) FROM ledger_log")
        (size,) = cursor.fetchone()
        end = (size + PIECE // 2) // PIECE * PIECE + PIECE
        cursor.execute(
            f"ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_bounds CHECK (index >= 0 AND index < {end}) NOT VALID"
        )


def unbound(_apps, schema_editor):
    schema_editor.execute("ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_bounds")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_leaf_version_1")]
    operations = [migrations.RunPython(bound, unbound)]
