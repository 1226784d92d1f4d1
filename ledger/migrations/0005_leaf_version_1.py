"""Version 1 of the leaf is frozen; a log of the trial version 0 is not read any more."""

from django.db import migrations

TRIAL = (
    "This database holds a log of the trial version 0, which is not read any more: "
    "move the folder of state (var/) away and begin with an empty one."
)


def refuse_trial(apps, _schema_editor):
    entry = apps.get_model("ledger", "Entry").objects.first()
    if entry is not None and bytes(entry.leaf).endswith(b'"v":0}'):
        raise RuntimeError(TRIAL)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_witnesses_anchors")]
    operations = [migrations.RunPython(refuse_trial, migrations.RunPython.noop)]
