"""In a step of its own, for PostgreSQL alters no table whose rows have just changed in the same transaction."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("retention", "0008_whole_erasure")]
    operations = [
        migrations.RunSQL(
            """
            UPDATE retention_erasure SET
                scope = CASE WHEN app_id IS NULL THEN 'everything' ELSE 'app' END,
                decided_at = requested_at, identified_at = requested_at, identified_by = 'before'
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            """
            UPDATE retention_derivation AS made SET policy = 'detach'
            FROM retention_artifact AS parent, retention_artifact AS child
            WHERE parent.id = made.parent_id AND child.id = made.child_id AND parent.grant_id <> child.grant_id
            """,
            migrations.RunSQL.noop,
        ),
    ]
