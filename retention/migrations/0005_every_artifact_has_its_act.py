"""In a step of its own, for PostgreSQL alters no table whose rows have just changed in the same transaction."""

import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("retention", "0004_acts_and_policies")]
    operations = [
        migrations.AlterField("artifact", "act", models.UUIDField(default=uuid_utils.compat.uuid7)),
    ]
