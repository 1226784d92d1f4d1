import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('consent', '0008_whole_catalogue'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='delegation',
            name='consent_delegation_once',
        ),
        migrations.AddConstraint(
            model_name='delegation',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'approved')), fields=('principal', 'delegate', 'relationship'), name='consent_delegation_once'),
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('principal', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('relationship', models.CharField(choices=[('guardian', 'guardian'), ('attorney', 'attorney'), ('estate', 'estate')], max_length=8)),
                ('expires_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='binding',
            name='evidence_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='delegation',
            name='agreed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='delegation',
            name='born_on',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='delegation',
            name='died_on',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='delegation',
            name='evidence_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='delegation',
            name='used_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='statement',
            name='recording',
            field=models.UUIDField(null=True, unique=True),
        ),
    ]
