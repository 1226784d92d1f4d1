"""Voiceprints and synthetic speech, who holds them, what they were made from; and erasures."""

import django.db.models.deletion
import retention.erasure_machine
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('consent', '0004_grant_has_its_tie'),
        ('retention', '0002_policies'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        migrations.swappable_dependency(settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Derivation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('asked_by', models.CharField(max_length=60)),
                ('state', models.CharField(choices=[('approved', 'approved'), ('dispatching', 'dispatching'), ('awaiting_acks', 'awaiting_acks'), ('escalated', 'escalated'), ('verifying', 'verifying'), ('failed', 'failed'), ('completed', 'completed'), ('certified', 'certified')], default=retention.erasure_machine.State['APPROVED'], max_length=20)),
                ('requested_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('acks_due_at', models.DateTimeField()),
                ('escalated_at', models.DateTimeField(null=True)),
                ('completed_at', models.DateTimeField(null=True)),
                ('keys_destroyed_at', models.DateTimeField(null=True)),
                ('certified_at', models.DateTimeField(null=True)),
                ('certificate_until', models.DateTimeField(null=True)),
                ('sealed', models.BinaryField(null=True)),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
            },
        ),
        migrations.RemoveConstraint(
            model_name='policy',
            name='retention_policy_once',
        ),
        migrations.AddField(
            model_name='artifact',
            name='act',
            field=models.UUIDField(null=True),  # filled next: a default would make all that is there one act
        ),
        migrations.AddField(
            model_name='artifact',
            name='audible_label',
            field=models.CharField(blank=True, max_length=12),
        ),
        migrations.AddField(
            model_name='artifact',
            name='dimensions',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='artifact',
            name='erase_event',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='artifact',
            name='erase_requested_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='artifact',
            name='marking',
            field=models.CharField(blank=True, max_length=12),
        ),
        migrations.AddField(
            model_name='artifact',
            name='standing',
            field=models.CharField(choices=[('permitted', 'permitted'), ('late', 'recorded after its session'), ('unpermitted', 'without permission')], default='permitted', max_length=12),
        ),
        migrations.AddField(
            model_name='policy',
            name='custody',
            field=models.CharField(choices=[('vault', 'this service'), ('app', 'the app'), ('none', 'nobody: never stored')], default='vault', max_length=5),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='policy',
            name='purpose',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='consent.purpose'),
        ),
        migrations.AlterField(
            model_name='artifact',
            name='custody',
            field=models.CharField(choices=[('vault', 'this service'), ('app', 'the app'), ('none', 'nobody: never stored')], max_length=5),
        ),
        migrations.AlterField(
            model_name='artifact',
            name='duration_ms',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='artifact',
            name='kind',
            field=models.CharField(choices=[('upload', 'recording'), ('embedding', 'voiceprint'), ('synthesis', 'synthetic speech')], max_length=12),
        ),
        migrations.AlterField(
            model_name='artifact',
            name='sample_rate',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='policy',
            name='kind',
            field=models.CharField(choices=[('upload', 'recording'), ('embedding', 'voiceprint'), ('synthesis', 'synthetic speech')], max_length=12),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.UniqueConstraint(fields=('kind', 'custody', 'purpose', 'app'), name='retention_policy_once', nulls_distinct=False),
        ),
        migrations.AddField(
            model_name='derivation',
            name='child',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='retention.artifact'),
        ),
        migrations.AddField(
            model_name='derivation',
            name='parent',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='retention.artifact'),
        ),
        migrations.AddField(
            model_name='artifact',
            name='parents',
            field=models.ManyToManyField(related_name='children', through='retention.Derivation', through_fields=('child', 'parent'), to='retention.artifact'),
        ),
        migrations.AddIndex(
            model_name='artifact',
            index=models.Index(fields=['act'], name='retention_artifact_act'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='app',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
        ),
        migrations.AddField(
            model_name='erasure',
            name='bindings',
            field=models.ManyToManyField(related_name='erasures', to='consent.binding'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='subject',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to='consent.subject'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='derivation',
            constraint=models.UniqueConstraint(fields=('parent', 'child'), name='retention_derivation_once'),
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(condition=models.Q(('state', 'certified'), _negated=True), fields=['requested_at'], name='retention_erasure_open'),
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(condition=models.Q(('sealed__isnull', False)), fields=['certificate_until'], name='retention_erasure_kept'),
        ),
    ]
