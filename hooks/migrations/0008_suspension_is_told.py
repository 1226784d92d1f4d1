"""An app is told that it is suspended, and that it is not any more."""

from django.db import migrations, models

EVENTS = (
    "consent.given",
    "consent.refused",
    "consent.withdrawn",
    "consent.expired",
    "consent.stale",
    "consent.paused",
    "consent.resumed",
    "consent.renewed",
    "consent.revoked",
    "consent.invalidated",
    "session.ended",
    "artifact.erase_requested",
    "artifact.erased",
    "app.suspended",
    "app.resumed",
)


class Migration(migrations.Migration):
    dependencies = [("hooks", "0007_due_no_more")]
    operations = [
        migrations.AlterField(
            "subscription", "event", models.CharField(choices=[(event, event) for event in EVENTS], max_length=40)
        )
    ]
