"""And the other."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("retention", "0014_without_due")]
    operations = [
        RemoveIndexConcurrently("artifact", "retention_artifact_unfinished"),
    ]
