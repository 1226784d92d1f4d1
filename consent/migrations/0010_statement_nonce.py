from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('consent', '0009_acting_for_others'),
    ]

    operations = [
        migrations.AddField(
            model_name='statement',
            name='nonce',
            field=models.CharField(blank=True, max_length=60),
        ),
    ]
