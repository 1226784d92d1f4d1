"""Every grant has its tie: in a step of its own, for PostgreSQL alters no table whose rows have just changed in the same transaction."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0003_ties")]
    operations = [
        migrations.AlterField(
            "grant",
            "binding",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="grants", to="consent.binding"
            ),
        ),
    ]
