"""The one index that it needed before."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("retention", "0013_resumed")]
    operations = [
        RemoveIndexConcurrently("artifact", "retention_artifact_due"),
    ]
