"""An erasure that an app asked for is found by asking again."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retention', '0005_every_artifact_has_its_act'),
    ]

    operations = [
        migrations.AddField(
            model_name='erasure',
            name='reference',
            field=models.BinaryField(max_length=32, null=True),
        ),
    ]
