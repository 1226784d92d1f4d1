"""So is what others hold."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("retention", "0011_due_here")]
    operations = [
        AddIndexConcurrently(
            "artifact",
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["active", "restricted", "due"], is_held=False)
                & ~models.Q(custody="vault"),
                name="retention_artifact_due_there",
            ),
        ),
    ]
