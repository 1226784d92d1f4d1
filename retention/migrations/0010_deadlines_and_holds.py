"""Deadlines that count from other moments than the recording, legal holds, and the rows by which the sweep learns what has ended.

The triggers write in the transaction that ends a consent, a tie or a session, and wake who waits for the next deadline. So what follows
from it needs no search through everything that lives.
"""

from datetime import timedelta

import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

CUSTODIES = [("vault", "this service"), ("app", "the app"), ("none", "nobody: never stored")]
KINDS = [
    ("upload", "recording"),
    ("embedding", "voiceprint"),
    ("synthesis", "synthetic speech"),
    ("model", "voice model"),
    ("features", "acoustic features"),
    ("transcript", "transcript"),
]
STATES = [
    ("active", "stored"),
    ("restricted", "stored, and may not be used"),
    ("due", "about to be destroyed"),
    ("erasing", "being destroyed"),
    ("shredded", "key destroyed"),
    ("erased", "destroyed"),
    ("erase_failed", "could not be destroyed yet"),
]
RESTRICTIONS = [
    ("objection", "the person objects"),
    ("accuracy", "the person says it is wrong"),
    ("claim", "the person needs it for a claim"),
    ("held", "a legal hold keeps it past its time"),
]
GROUNDS = [
    ("warrant", "a warrant"),
    ("subpoena", "a subpoena"),
    ("litigation", "a legal claim (GDPR 17(3)(e))"),
    ("regulator", "the demand of an authority"),
]
SINCE = [(name, name) for name in ("recorded", "processed", "session", "interaction", "purpose")]

TRIGGERS = """
CREATE FUNCTION retention_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO retention_change (what, ref) VALUES (TG_ARGV[0], NEW.id::text);
    IF TG_ARGV[0] <> 'session' THEN
        PERFORM pg_notify('retention', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER retention_change AFTER UPDATE OF state ON consent_grant FOR EACH ROW
    WHEN (NEW.ended_at IS NOT NULL AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION retention_note_change('grant');
CREATE TRIGGER retention_change AFTER UPDATE OF closed_at, last_interaction_at ON consent_binding FOR EACH ROW
    WHEN (OLD.closed_at IS DISTINCT FROM NEW.closed_at OR OLD.last_interaction_at IS DISTINCT FROM NEW.last_interaction_at)
    EXECUTE FUNCTION retention_note_change('binding');
CREATE TRIGGER retention_change AFTER UPDATE OF closed_at ON consent_session FOR EACH ROW
    WHEN (OLD.closed_at IS DISTINCT FROM NEW.closed_at)
    EXECUTE FUNCTION retention_note_change('session');
"""
NO_TRIGGERS = """
DROP TRIGGER retention_change ON consent_grant;
DROP TRIGGER retention_change ON consent_binding;
DROP TRIGGER retention_change ON consent_session;
DROP FUNCTION retention_note_change();
"""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BIPA, CUBI, COLORADO = "740 ILCS 14/15(a)", "Tex. Bus. & Com. Code 503.001(c)(3)", "Colo. HB24-1130"
TRACES = ("upload", "embedding", "features", "model")
"""What a person can be recognised by, or that was recorded to be."""


def fill(apps, _schema_editor):
    policies = apps.get_model("retention", "Policy").objects
    policies.filter(kind="upload").update(since="processed")
    for kind, custody, since, ttl in (
        ("model", "none", "recorded", HOUR),
        ("model", "vault", "recorded", 30 * DAY),
        ("model", "app", "recorded", 30 * DAY),
        ("features", "none", "recorded", HOUR),
        ("features", "app", "processed", timedelta(minutes=5)),
        ("transcript", "none", "recorded", HOUR),
        ("transcript", "app", "recorded", 30 * DAY),
    ):
        policies.create(kind=kind, custody=custody, since=since, ttl=ttl)
    for kind in ("embedding", "features", "model"):
        policies.create(kind=kind, since="purpose", ttl=timedelta(0), source="GDPR 5(1)(e), PIPL 47")
    for kind in TRACES:
        policies.create(kind=kind, residence="US-IL", since="purpose", ttl=timedelta(0), source=BIPA)
        policies.create(kind=kind, residence="US-IL", since="interaction", ttl=1095 * DAY, source=BIPA)
        policies.create(kind=kind, residence="US-TX", since="purpose", ttl=365 * DAY, source=CUBI)
        policies.create(kind=kind, residence="US-CO", since="purpose", ttl=timedelta(0), source=COLORADO)
        policies.create(kind=kind, residence="US-CO", since="interaction", ttl=730 * DAY, source=COLORADO)


def empty(apps, _schema_editor):
    policies = apps.get_model("retention", "Policy").objects
    policies.filter(custody="").delete()
    policies.filter(kind__in=["model", "features", "transcript"]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("retention", "0009_fill_erasures"),
        ("consent", "0012_last_interaction"),
        migrations.swappable_dependency(settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
    ]
    operations = [
        # Words that only Python knows; the columns stay as they are.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField("artifact", "kind", models.CharField(choices=KINDS, max_length=12)),
                migrations.AlterField(
                    "artifact", "state", models.CharField(choices=STATES, default="active", max_length=12)
                ),
            ]
        ),
        *(
            migrations.AddField("artifact", name, models.DateTimeField(null=True))
            for name in ("latest_at", "processed_at", "purpose_met_at", "retry_at")
        ),
        *(
            migrations.AddField("artifact", name, models.DurationField(null=True))
            for name in ("after_processing", "after_session", "after_interaction", "after_purpose")
        ),
        migrations.AddField("artifact", "is_held", models.BooleanField(default=False)),
        migrations.AddField(
            "artifact", "restriction", models.CharField(blank=True, choices=RESTRICTIONS, default="", max_length=12),
            preserve_default=False,
        ),
        migrations.AddField("artifact", "level", models.CharField(default="C2", max_length=2)),
        migrations.AddField("artifact", "tries", models.PositiveSmallIntegerField(default=0)),
        migrations.RemoveConstraint("policy", "retention_policy_once"),
        migrations.AlterField("policy", "kind", models.CharField(choices=KINDS, max_length=12, verbose_name="kind")),
        migrations.AlterField(
            "policy",
            "medium",
            models.CharField(
                blank=True, choices=[("portrait", "portrait"), ("voice", "voice")], max_length=10, verbose_name="shows"
            ),
        ),
        migrations.AlterField(
            "policy",
            "custody",
            models.CharField(blank=True, choices=CUSTODIES, max_length=5, verbose_name="held by"),
        ),
        migrations.AlterField(
            "policy",
            "purpose",
            models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="consent.purpose",
                verbose_name="purpose",
            ),
        ),
        migrations.AlterField(
            "policy",
            "app",
            models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT,
                to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL, verbose_name="app",
            ),
        ),
        migrations.AlterField("policy", "ttl", models.DurationField(verbose_name="lives at most")),
        migrations.AlterField(
            "policy", "longest_seconds", models.FloatField(default=10.0, verbose_name="longest audio in seconds")
        ),
        migrations.AlterField(
            "policy", "lowest_rate", models.PositiveIntegerField(default=16000, verbose_name="lowest sample rate")
        ),
        migrations.AddField(
            "policy", "residence", models.CharField(blank=True, default="", max_length=6, verbose_name="lives in"),
            preserve_default=False,
        ),
        migrations.AddField(
            "policy",
            "since",
            models.CharField(choices=SINCE, default="recorded", max_length=11, verbose_name="counted from"),
        ),
        migrations.AddField(
            "policy", "source", models.CharField(blank=True, default="", max_length=80, verbose_name="source"),
            preserve_default=False,
        ),
        migrations.AddField("policy", "applied_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddConstraint(
            "policy",
            models.UniqueConstraint(
                fields=("kind", "medium", "custody", "purpose", "app", "residence", "since"),
                nulls_distinct=False,
                name="retention_policy_once",
            ),
        ),
        migrations.CreateModel(
            "Change",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("what", models.CharField(max_length=8)),
                ("ref", models.CharField(max_length=36)),
            ],
        ),
        migrations.CreateModel(
            "Hold",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("ground", models.CharField(choices=GROUNDS, max_length=10, verbose_name="ground")),
                ("reference", models.CharField(max_length=120, verbose_name="reference")),
                ("placed_at", models.DateTimeField()),
                ("placed_by", models.CharField(max_length=60)),
                ("released_at", models.DateTimeField(null=True)),
                ("released_by", models.CharField(blank=True, max_length=60)),
                ("release_reason", models.CharField(blank=True, max_length=200)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+",
                        to="consent.subject",
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+",
                        to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
                    ),
                ),
                (
                    "artifact",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+",
                        to="retention.artifact",
                    ),
                ),
            ],
            options={"verbose_name": "legal hold", "verbose_name_plural": "legal holds"},
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
        migrations.RunPython(fill, empty),
    ]
