"""Ties have a key and can be closed; a grant knows its tie; a person can be forgotten."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Value
from django.db.models.functions import Cast, Concat


def fill(apps, _schema_editor):
    """What was entered before lies under the subject's own key, and so does what these ties enter from now on."""
    binding, grant = apps.get_model("consent", "Binding"), apps.get_model("consent", "Grant")
    binding.objects.update(key_name=Concat(Value("subject:"), Cast(F("subject_id"), models.CharField())))
    for row in grant.objects.select_related("request").iterator():
        row.binding = binding.objects.get(app=row.app_id, reference=bytes(row.request.reference))
        row.save(update_fields=["binding"])


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0002_catalogue"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RemoveConstraint("binding", "consent_binding_once"),
        migrations.RemoveConstraint("subject", "consent_subject_once"),
        migrations.AddField("binding", "key_name", models.CharField(default="", max_length=60), preserve_default=False),
        migrations.AddField("binding", "closed_at", models.DateTimeField(null=True)),
        migrations.AlterField("binding", "reference", models.BinaryField(max_length=32, null=True)),
        migrations.AlterField("consentrequest", "reference", models.BinaryField(max_length=32, null=True)),
        migrations.AddField("subject", "retired_at", models.DateTimeField(null=True)),
        migrations.AddField("subject", "evidence_until", models.DateTimeField(null=True)),
        migrations.AlterField(
            "subject",
            "user",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="subjects",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            "subject",
            models.UniqueConstraint(
                fields=["tenant", "user"], condition=models.Q(retired_at=None), name="consent_subject_once"
            ),
        ),
        migrations.AddConstraint(
            "binding",
            models.UniqueConstraint(
                fields=["app", "reference"], condition=models.Q(closed_at=None), name="consent_binding_once"
            ),
        ),
        migrations.AddField(
            "grant",
            "binding",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="grants", to="consent.binding"
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
