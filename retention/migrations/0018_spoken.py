"""What an app spoke since the last look is found by its time."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("retention", "0017_places")]
    operations = [
        AddIndexConcurrently(
            "artifact",
            models.Index(
                fields=["app", "recorded_at"], condition=models.Q(kind="synthesis"), name="retention_artifact_spoken"
            ),
        ),
    ]
