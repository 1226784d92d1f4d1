"""The whole of an erasure: who asks, what is kept and why, who else has something, and whether it is gone there."""

import django.db.models.deletion
import retention.erasure_clock
import retention.erasure_machine
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_people_and_apps'),
        ('consent', '0011_taken_back'),
        ('retention', '0007_portraits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        migrations.swappable_dependency(settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Disclosure',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('basis', models.CharField(choices=[('consent', 'consent'), ('transaction', 'transaction'), ('law', 'law'), ('warrant', 'warrant')], max_length=11)),
                ('reference', models.CharField(blank=True, max_length=200)),
                ('disclosed_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('queued', 'not asked'), ('sent', 'asked'), ('received_ack', 'it has taken the request'), ('in_progress', 'it is being erased'), ('done_signed', 'erased, and attested'), ('not_found_signed', 'attested that it has nothing'), ('refused_signed', 'refused'), ('failed', 'could not be asked'), ('timed_out', 'it did not answer in time')], default='queued', max_length=16)),
                ('event', models.UUIDField(null=True)),
                ('asked_at', models.DateTimeField(null=True)),
                ('next_try_at', models.DateTimeField(null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('answered_at', models.DateTimeField(null=True)),
                ('deleted_at', models.DateTimeField(null=True)),
                ('overdue_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'disclosure',
                'verbose_name_plural': 'disclosures',
            },
        ),
        migrations.CreateModel(
            name='Kept',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(default='artifact', max_length=40)),
                ('ground', models.CharField(choices=[('17_3_a', 'GDPR 17(3)(a)'), ('17_3_b', 'GDPR 17(3)(b)'), ('17_3_c', 'GDPR 17(3)(c)'), ('17_3_d', 'GDPR 17(3)(d)'), ('17_3_e', 'GDPR 17(3)(e)')], max_length=6)),
                ('until', models.DateTimeField(null=True)),
                ('decided_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'kept thing',
                'verbose_name_plural': 'kept things',
            },
        ),
        migrations.CreateModel(
            name='Probe',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('answer', models.CharField(choices=[('gone', 'gone'), ('silent', 'no answer')], max_length=6)),
                ('tries', models.PositiveSmallIntegerField(default=1)),
                ('next_try_at', models.DateTimeField()),
                ('probed_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'look',
                'verbose_name_plural': 'looks',
            },
        ),
        migrations.CreateModel(
            name='ProbeAddress',
            fields=[
                ('app', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='probe_address', serialize=False, to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL)),
                ('url', models.CharField(max_length=2000)),
            ],
            options={
                'verbose_name': 'address to look at',
                'verbose_name_plural': 'addresses to look at',
            },
        ),
        migrations.CreateModel(
            name='Processor',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('service', models.CharField(max_length=200, verbose_name='what it does')),
                ('country', models.CharField(max_length=2, verbose_name='country')),
                ('contact', models.CharField(max_length=200, verbose_name='contact for privacy')),
                ('agreement', models.CharField(max_length=200, verbose_name='agreement')),
                ('keeps_for', models.DurationField(verbose_name='keeps what it gets for')),
                ('endpoint', models.URLField(blank=True, max_length=2000, verbose_name='address for erasure requests')),
                ('probe_url', models.CharField(blank=True, max_length=2000, verbose_name='address to look whether something is gone')),
                ('registered_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'processor',
                'verbose_name_plural': 'processors',
            },
        ),
        migrations.RemoveIndex(
            model_name='erasure',
            name='retention_erasure_open',
        ),
        migrations.AddField(
            model_name='derivation',
            name='policy',
            field=models.CharField(choices=[('cascade', 'goes with it'), ('detach', 'stays, under a consent of its own')], db_default='cascade', default='cascade', max_length=7),
        ),
        migrations.AddField(
            model_name='erasure',
            name='closed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='erasure',
            name='decided_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='erasure',
            name='extended_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='erasure',
            name='extension_reason',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='erasure',
            name='grants',
            field=models.ManyToManyField(related_name='erasures', to='consent.grant'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='identified_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='erasure',
            name='identified_by',
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name='erasure',
            name='identity_asked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='erasure',
            name='law',
            field=models.CharField(choices=[('gdpr', 'gdpr'), ('pipl', 'pipl'), ('ccpa', 'ccpa')], default=retention.erasure_clock.Law['GDPR'], max_length=4),
        ),
        migrations.AddField(
            model_name='erasure',
            name='refusal',
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name='erasure',
            name='reminded_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='erasure',
            name='reminders',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='erasure',
            name='scope',
            field=models.CharField(choices=[('everything', 'everything in one log'), ('app', 'what one app has'), ('consent', 'what was made under a consent that was taken back')], default='everything', max_length=10),
        ),
        migrations.AlterField(
            model_name='erasure',
            name='state',
            field=models.CharField(choices=[('received', 'received'), ('identity_pending', 'identity_pending'), ('verified', 'verified'), ('assessing', 'assessing'), ('refused', 'refused'), ('partially_approved', 'partially_approved'), ('approved', 'approved'), ('dispatching', 'dispatching'), ('awaiting_acks', 'awaiting_acks'), ('escalated', 'escalated'), ('verifying', 'verifying'), ('failed', 'failed'), ('completed', 'completed'), ('certified', 'certified'), ('cancelled', 'cancelled')], default=retention.erasure_machine.State['RECEIVED'], max_length=20),
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(condition=models.Q(('state__in', ['certified', 'refused', 'cancelled']), _negated=True), fields=['requested_at'], name='retention_erasure_living'),
        ),
        migrations.AddField(
            model_name='disclosure',
            name='artifact',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disclosures', to='retention.artifact'),
        ),
        migrations.AddField(
            model_name='kept',
            name='artifact',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='retention.artifact'),
        ),
        migrations.AddField(
            model_name='kept',
            name='erasure',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='kept', to='retention.erasure'),
        ),
        migrations.AddField(
            model_name='probe',
            name='artifact',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='retention.artifact'),
        ),
        migrations.AddField(
            model_name='probe',
            name='disclosure',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='retention.disclosure'),
        ),
        migrations.AddField(
            model_name='processor',
            name='app',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='processors', to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
        ),
        migrations.AddField(
            model_name='disclosure',
            name='processor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disclosures', to='retention.processor'),
        ),
        migrations.AddConstraint(
            model_name='kept',
            constraint=models.UniqueConstraint(fields=('erasure', 'artifact', 'what'), name='retention_kept_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='probe',
            constraint=models.UniqueConstraint(fields=('artifact', 'disclosure'), name='retention_probe_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='processor',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('app', 'name'), name='retention_processor_once'),
        ),
        migrations.AddIndex(
            model_name='disclosure',
            index=models.Index(condition=models.Q(('state__in', ['done_signed', 'not_found_signed', 'refused_signed']), _negated=True), fields=['next_try_at'], name='retention_disclosure_open'),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.UniqueConstraint(fields=('artifact', 'processor'), name='retention_disclosure_once'),
        ),
    ]
