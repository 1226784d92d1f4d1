"""Policies and artifacts. Rows change only through the verbs of this app; a destroyed artifact's row says when, and holds nothing of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import App
from consent.models import Grant, Session, Subject
from retention.policy import Rule


class Kind(models.TextChoices):
    """What an artifact is."""

    UPLOAD = "upload", _("recording")


class Policy(models.Model):
    """How long a kind of artifact may live, and what an upload may be; for one app or for all."""

    kind = models.CharField(max_length=12, choices=Kind)
    app = models.ForeignKey(App, on_delete=models.PROTECT, null=True, blank=True)
    ttl = models.DurationField()
    """Counted from the moment of recording."""
    longest_seconds = models.FloatField(default=10.0)
    lowest_rate = models.PositiveIntegerField(default=16_000)

    class Meta:
        verbose_name = _("retention policy")
        verbose_name_plural = _("retention policies")
        constraints = [
            models.UniqueConstraint(fields=["kind", "app"], nulls_distinct=False, name="retention_policy_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ttl}"

    def rule(self) -> Rule:
        """Return the row as a value."""
        return Rule(self.ttl, self.longest_seconds, self.lowest_rate, self.app_id is not None)


class Artifact(models.Model):
    """A thing that exists, or existed."""

    class State(models.TextChoices):
        """Where it stands on its way out."""

        ACTIVE = "active", _("stored")
        ERASING = "erasing", _("being destroyed")
        SHREDDED = "shredded", _("key destroyed")
        ERASED = "erased", _("destroyed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    custody = models.CharField(max_length=5, choices=[(c, c) for c in ("vault", "app", "none")])
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="artifacts")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="artifacts")
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="artifacts")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="artifacts")
    recorded_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    key_destroyed_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField()
    sample_rate = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("artifact")
        verbose_name_plural = _("artifacts")
        indexes = [
            models.Index(fields=["expires_at"], condition=models.Q(state="active"), name="retention_artifact_due"),
            models.Index(
                fields=["state"],
                condition=models.Q(state__in=["erasing", "shredded"]),
                name="retention_artifact_unfinished",
            ),
            models.Index(fields=["grant"], condition=models.Q(state="active"), name="retention_artifact_of_grant"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    def record(self) -> dict[str, str]:
        """Return the ids that every entry about this artifact carries in its payload."""
        return {
            "artifact": str(self.id),
            "artifact_kind": self.kind,
            "app": str(self.app_id),
            "grant": str(self.grant_id),
            "session": str(self.session_id),
        }
