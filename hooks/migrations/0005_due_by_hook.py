"""What is due is found for each hook by an index of its own."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("hooks", "0004_secrets_overlap")]
    operations = [
        AddIndexConcurrently(
            "delivery",
            models.Index(
                fields=["subscription", "next_try_at", "id"],
                condition=models.Q(state="pending"),
                name="hooks_delivery_waiting",
            ),
        ),
    ]
