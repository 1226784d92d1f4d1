"""A person's wallet takes over from the keys that the service held for them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0012_last_interaction")]
    operations = [
        migrations.AddField("subject", "claimed_at", models.DateTimeField(null=True)),
        migrations.AddField("subject", "claimed_ref", models.UUIDField(null=True)),
        migrations.AddField("subject", "wallet_name", models.CharField(blank=True, default="", max_length=60), preserve_default=False),
        migrations.AddField("subject", "handed", models.BinaryField(null=True)),
        migrations.AddField("subject", "handed_public_key", models.BinaryField(max_length=48, null=True)),
        migrations.AddField("subject", "custody_ended_at", models.DateTimeField(null=True)),
        migrations.AddField("subject", "replaced_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "subject",
            models.Index(
                condition=models.Q(claimed_at__isnull=False, custody_ended_at=None),
                fields=["claimed_at"],
                name="consent_subject_custody",
            ),
        ),
        migrations.AddIndex(
            "subject",
            models.Index(fields=["wallet_name"], condition=~models.Q(wallet_name=""), name="consent_subject_wallet"),
        ),
        migrations.CreateModel(
            name="ReplacedKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("public_key", models.BinaryField(max_length=48)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "public_key"), name="consent_replaced_key_once")
                ],
            },
        ),
    ]
