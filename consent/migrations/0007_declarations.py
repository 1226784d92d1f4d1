"""What apps declared so far stands in their notices; what was given so far was given under it. And published notices stay as they are."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F

PURPOSES = {
    "speaker-verification": (["embed", "upload"], "Recognise you by your voice", "通过声音识别您本人"),
    "text-to-speech": (["synthesize", "upload"], "Speak texts in your voice", "用您的声音朗读文字"),
    "voice-cloning": (["embed", "synthesize", "upload"], "Copy your voice", "复刻您的声音"),
}

IMMUTABLE = """
CREATE FUNCTION consent_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'what was published or shown stays as it is'; END $$;
CREATE TRIGGER consent_notice_published BEFORE UPDATE OR DELETE ON consent_notice FOR EACH ROW
    WHEN (OLD.published_at IS NOT NULL) EXECUTE FUNCTION consent_refuse_change();
CREATE TRIGGER consent_screen_kept BEFORE UPDATE OR DELETE ON consent_screen FOR EACH ROW EXECUTE FUNCTION consent_refuse_change();
CREATE TRIGGER consent_assessment_kept BEFORE DELETE ON consent_assessment FOR EACH ROW
    WHEN (OLD.keep_until >= CURRENT_DATE) EXECUTE FUNCTION consent_refuse_change();
ALTER TABLE consent_notice ENABLE ALWAYS TRIGGER consent_notice_published;
ALTER TABLE consent_screen ENABLE ALWAYS TRIGGER consent_screen_kept;
ALTER TABLE consent_assessment ENABLE ALWAYS TRIGGER consent_assessment_kept;
"""
MUTABLE = """
DROP TRIGGER consent_notice_published ON consent_notice;
DROP TRIGGER consent_screen_kept ON consent_screen;
DROP TRIGGER consent_assessment_kept ON consent_assessment;
DROP FUNCTION consent_refuse_change();
"""


def fill(apps, _schema_editor):
    app, purpose, notice, declaration, grant = (
        apps.get_model(*name)
        for name in (
            ("accounts", "App"),
            ("consent", "Purpose"),
            ("consent", "Notice"),
            ("consent", "Declaration"),
            ("consent", "Grant"),
        )
    )
    app.objects.filter(approved_at=None).update(approved_at=F("created"))
    for slug, (operations, english, chinese) in PURPOSES.items():
        purpose.objects.filter(slug=slug).update(operations=operations, names={"en": english, "zh-hans": chinese})
    for each in notice.objects.order_by("app", "purpose", "-version").distinct("app", "purpose"):
        made, _ = declaration.objects.get_or_create(
            app_id=each.app_id,
            purpose_id=each.purpose_id,
            defaults={
                "operations": each.operations,
                "attested_by": "operator",
                "declared_at": each.published_at,
            },
        )
        grant.objects.filter(app=each.app_id, purpose=each.purpose_id, declaration=None).update(declaration=made)


class Migration(migrations.Migration):
    dependencies = [("consent", "0006_whole_lifecycle"), ("accounts", "0002_people_and_apps")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField(
            "grant",
            "declaration",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.declaration"
            ),
        ),
        migrations.AddIndex(
            "grant",
            models.Index(
                fields=["notice"], condition=models.Q(state__in=["given", "renewed"]), name="consent_grant_notice"
            ),
        ),
        migrations.AddIndex(
            "grant",
            models.Index(
                fields=["delegation"],
                condition=models.Q(state__in=["given", "renewed"], actor="guardian"),
                name="consent_grant_guarded",
            ),
        ),
        migrations.RunSQL(IMMUTABLE, MUTABLE),
    ]
