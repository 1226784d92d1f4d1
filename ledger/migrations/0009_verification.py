import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0008_partitions'),
    ]

    operations = [
        migrations.CreateModel(
            name='Verification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('size', models.BigIntegerField(null=True)),
                ('errors', models.IntegerField(default=0)),
                ('findings', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('log', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='ledger.log')),
            ],
            options={
                'verbose_name': 'verification',
                'verbose_name_plural': 'verifications',
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('log',), name='ledger_verification_one_at_a_time')],
            },
        ),
    ]
