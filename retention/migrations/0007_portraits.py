"""Portraits beside voices: what each artifact shows, and how long a portrait lives. What there is shows a voice.

A policy about recordings, or about stored voiceprints, says nothing of faces.
"""

from datetime import timedelta

import consent.models
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

MEDIA = [("portrait", "portrait"), ("voice", "voice")]


def fill(apps, _schema_editor):
    policies = apps.get_model("retention", "Policy").objects
    policies.filter(kind="upload").update(medium="voice")
    policies.filter(kind="embedding").exclude(custody="none").update(medium="voice")
    policies.create(kind="upload", medium="portrait", custody="vault", ttl=timedelta(seconds=300))


def empty(apps, _schema_editor):
    apps.get_model("retention", "Policy").objects.filter(medium="portrait").delete()


class Migration(migrations.Migration):
    dependencies = [("retention", "0006_asked_again"), ("consent", "0007_declarations")]
    operations = [
        migrations.AddField(
            "artifact",
            "media",
            ArrayField(models.CharField(choices=MEDIA, max_length=10), default=consent.models.voices, size=None),
        ),
        migrations.AddField("policy", "medium", models.CharField(blank=True, choices=MEDIA, max_length=10, default=""), preserve_default=False),
        migrations.RemoveConstraint("policy", "retention_policy_once"),
        migrations.AddConstraint(
            "policy",
            models.UniqueConstraint(
                fields=("kind", "medium", "custody", "purpose", "app"), name="retention_policy_once", nulls_distinct=False
            ),
        ),
        migrations.RunPython(fill, empty),
    ]
