"""The index by which all that was due was found together."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("hooks", "0006_on_their_way")]
    operations = [RemoveIndexConcurrently("delivery", "hooks_delivery_due")]
