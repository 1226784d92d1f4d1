"""The rest of the catalogue, and who is told when a notice has changed.

Training, an experiment, a digital human and passing on are purposes of their own. A grant never covers a stronger one: to train is
stronger than to copy, that than to speak, that than to recognise.
"""

import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

PURPOSES = [
    # slug, use class, strength, operations, provides, English, Chinese
    (
        "voice-experiment",
        "experiment",
        30,
        ["embed", "synthesize", "upload"],
        False,
        "Try out a voice technique",
        "声音技术实验",
    ),
    (
        "digital-human",
        "non-identification",
        35,
        ["combine", "embed", "synthesize", "upload"],
        False,
        "Make a speaking picture of you",
        "制作您的数字人",
    ),
    ("voice-training", "non-identification", 40, ["embed", "upload"], False, "Train a model with your voice", "用您的声音训练模型"),
    ("voice-sharing", "non-identification", 50, ["provide"], True, "Pass your voice on to somebody else", "将您的声音提供给他人"),
]


def fill(apps, _schema_editor):
    purpose = apps.get_model("consent", "Purpose")
    for slug, use_class, strength, operations, provides, english, chinese in PURPOSES:
        purpose.objects.create(
            slug=slug,
            use_class=use_class,
            strength=strength,
            operations=operations,
            provides=provides,
            names={"en": english, "zh-hans": chinese},
        )


def empty(apps, _schema_editor):
    apps.get_model("consent", "Purpose").objects.filter(slug__in=[row[0] for row in PURPOSES]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0007_declarations"),
        migrations.swappable_dependency(settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Announcement",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("is_material", models.BooleanField()),
                ("made_at", models.DateTimeField()),
                ("reached", models.UUIDField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
                    ),
                ),
                (
                    "purpose",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.purpose"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("app", "purpose", "version"), name="consent_announcement_once")
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("done_at", None)), fields=["made_at"], name="consent_announcement_open"
                    )
                ],
            },
        ),
        migrations.RunPython(fill, empty),
    ]
