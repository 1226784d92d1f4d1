"""When a person last had to do with an app: from it counts how long a voiceprint may live in Illinois."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0011_taken_back")]
    operations = [
        migrations.AddField("binding", "last_interaction_at", models.DateTimeField(null=True)),
    ]
