"""The purposes a voice may be used for, weakest first: a grant never covers a stronger one."""

from django.db import migrations

PURPOSES = [
    ("speaker-verification", "identification", 10),
    ("text-to-speech", "non-identification", 20),
    ("voice-cloning", "non-identification", 30),
]


def fill(apps, _schema_editor):
    purpose = apps.get_model("consent", "Purpose")
    for slug, use_class, strength in PURPOSES:
        purpose.objects.create(slug=slug, use_class=use_class, strength=strength)


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
