"""Second of three steps: look at every row, under a lock that lets readers and writers pass.

The scan takes as long as the table is large, so the limit on a migration's time is lifted for it (see docs/database.md).
"""

from django.db import migrations


def validate(_apps, schema_editor):
    if schema_editor.connection.pg_version >= 170_000:
        schema_editor.execute("SET LOCAL transaction_timeout = 0")
    schema_editor.execute("ALTER TABLE ledger_entry VALIDATE CONSTRAINT ledger_entry_bounds")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_entry_bounds")]
    operations = [migrations.RunPython(validate, migrations.RunPython.noop)]
