"""What was interrupted is found by when somebody may take it up."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("retention", "0012_due_there")]
    operations = [
        AddIndexConcurrently(
            "artifact",
            models.Index(
                fields=["retry_at"],
                condition=models.Q(state__in=["erasing", "shredded", "erase_failed"], custody="vault"),
                name="retention_artifact_resumed",
            ),
        ),
    ]
