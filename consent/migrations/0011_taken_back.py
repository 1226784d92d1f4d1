"""What was taken back is found by when: it opens an erasure."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("consent", "0010_statement_nonce")]
    operations = [
        AddIndexConcurrently(
            "grant",
            models.Index(
                fields=["ended_at"],
                condition=models.Q(state__in=["withdrawn", "revoked", "invalidated"]),
                name="consent_grant_taken_back",
            ),
        ),
    ]
