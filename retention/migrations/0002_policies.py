"""The default policy for recordings: 5 minutes, at most 10 seconds of audio, at least 16 kHz."""

from datetime import timedelta

from django.db import migrations


def fill(apps, _schema_editor):
    apps.get_model("retention", "Policy").objects.create(
        kind="upload", app=None, ttl=timedelta(minutes=5), longest_seconds=10.0, lowest_rate=16_000
    )


class Migration(migrations.Migration):
    dependencies = [("retention", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
