"""What there is was each an act of its own; and the default policies of voiceprints and synthetic speech.

In memory for its session, at most an hour; a voiceprint is stored only for the purpose of recognising a speaker; synthetic speech for a day
in the vault, thirty days with an app. No life outlasts its consent.
"""

from datetime import timedelta

from django.db import migrations, models

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SPEECH = {"longest_seconds": 600.0, "lowest_rate": 8_000}


def fill(apps, _schema_editor):
    apps.get_model("retention", "Artifact").objects.update(act=models.F("id"))
    policies = apps.get_model("retention", "Policy").objects
    policies.create(kind="embedding", custody="none", ttl=HOUR)
    for custody in ("vault", "app"):
        policies.create(kind="embedding", custody=custody, purpose_id="speaker-verification", ttl=366 * DAY)
    policies.create(kind="synthesis", custody="none", ttl=HOUR)
    policies.create(kind="synthesis", custody="vault", ttl=DAY, **SPEECH)
    policies.create(kind="synthesis", custody="app", ttl=30 * DAY)


class Migration(migrations.Migration):
    dependencies = [("retention", "0003_made_and_erased")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
