"""What is on its way is counted by an index of its own."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("hooks", "0005_due_by_hook")]
    operations = [
        AddIndexConcurrently(
            "delivery",
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state="pending", leased_until__isnull=False),
                name="hooks_delivery_leased",
            ),
        ),
    ]
