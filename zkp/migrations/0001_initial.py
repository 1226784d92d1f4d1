"""Questions, verdicts, and pseudonyms that were spent."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Enrolment',
            fields=[
                ('nonce', models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ('origin', models.CharField(max_length=200)),
                ('account', models.CharField(max_length=60)),
                ('ref', models.UUIDField()),
                ('use', models.CharField(choices=[('claim', 'Claim'), ('replace', 'Replace'), ('receipt', 'Receipt'), ('active', 'Active')], max_length=10)),
                ('day', models.DateField()),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='Verdict',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('holds', models.BooleanField()),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('says', models.JSONField(default=dict)),
                ('entry', models.UUIDField(null=True)),
                ('checked_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='Challenge',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('origin', models.CharField(max_length=200)),
                ('nonce', models.BinaryField(max_length=32, unique=True)),
                ('verifier', models.CharField(max_length=300)),
                ('statement', models.CharField(max_length=10)),
                ('purpose', models.CharField(max_length=300)),
                ('size', models.BigIntegerField()),
                ('root', models.BinaryField(max_length=32)),
                ('epoch', models.BigIntegerField()),
                ('attributes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
                ('wanted_app', models.CharField(blank=True, max_length=60)),
                ('wanted_operation', models.CharField(blank=True, max_length=20)),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('app', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Spent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.BinaryField(max_length=32)),
                ('pseudonym', models.BinaryField(max_length=48)),
                ('epoch', models.BigIntegerField(db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('scope', 'pseudonym'), name='zkp_spent_once')],
            },
        ),
    ]
