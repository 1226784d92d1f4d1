"""What the sequencer pays for and nobody uses goes: indexes on the log alone, and the entries' foreign key to their log."""

import django.db.models.deletion
from django.db import migrations, models

INDEXES = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE indrelid IN ('ledger_pending'::regclass, 'ledger_opening'::regclass) AND NOT indisunique AND indnatts = 1
AND indkey[0] = (SELECT attnum FROM pg_attribute WHERE attrelid = indrelid AND attname = 'log_id')
"""
KEYS = "SELECT quote_ident(conname) FROM pg_constraint WHERE conrelid = 'ledger_entry'::regclass AND contype = 'f'"


def drop(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(INDEXES)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
        cursor.execute(KEYS)
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE ledger_entry DROP CONSTRAINT {name}")


def log(**words):
    return models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to="ledger.log", **words
    )


class Migration(migrations.Migration):
    atomic = False  # an index that is dropped concurrently is dropped outside a transaction; each step can be repeated
    dependencies = [("ledger", "0009_verification")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField("entry", "log", log(related_name="entries")),
                migrations.AlterField("opening", "log", log()),
                migrations.AlterField("pending", "log", log()),
            ]
        ),
        migrations.RunPython(drop, migrations.RunPython.noop),
    ]
