"""What the vault has to destroy next is found by its deadline alone."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("retention", "0010_deadlines_and_holds")]
    operations = [
        AddIndexConcurrently(
            "artifact",
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["active", "restricted", "due"], custody="vault", is_held=False),
                name="retention_artifact_due_here",
            ),
        ),
    ]
