"""Policies, artifacts and erasures. Rows change only through the verbs of this app; a destroyed artifact's row says when, and holds nothing of it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import App, User
from consent.models import Binding, Grant, Purpose, Session, Subject, voices
from retention import erasure_machine
from retention.policy import Rule


class Kind(models.TextChoices):
    """What an artifact is."""

    UPLOAD = "upload", _("recording")
    EMBEDDING = "embedding", _("voiceprint")
    SYNTHESIS = "synthesis", _("synthetic speech")


class Custody(models.TextChoices):
    """Who holds the bytes."""

    VAULT = "vault", _("this service")
    APP = "app", _("the app")
    NONE = "none", _("nobody: never stored")


class Medium(models.TextChoices):
    """What a thing shows of a person."""

    PORTRAIT = "portrait", _("portrait")
    VOICE = "voice", _("voice")


class Policy(models.Model):
    """How long a kind of artifact in somebody's custody may live, and what its audio may be; for one app or all, one purpose or all."""

    kind = models.CharField(max_length=12, choices=Kind)
    medium = models.CharField(max_length=10, choices=Medium, blank=True)
    """Of what shows this; empty: whatever it shows."""
    custody = models.CharField(max_length=5, choices=Custody)
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, null=True, blank=True)
    app = models.ForeignKey(App, on_delete=models.PROTECT, null=True, blank=True)
    ttl = models.DurationField()
    """Counted from the moment of recording."""
    longest_seconds = models.FloatField(default=10.0)
    lowest_rate = models.PositiveIntegerField(default=16_000)

    class Meta:
        verbose_name = _("retention policy")
        verbose_name_plural = _("retention policies")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "medium", "custody", "purpose", "app"],
                nulls_distinct=False,
                name="retention_policy_once",
            )
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.medium, self.custody, str(self.ttl))))

    def rule(self) -> Rule:
        """Return the row as a value."""
        return Rule(self.ttl, self.longest_seconds, self.lowest_rate, self.app_id is not None)


class Artifact(models.Model):
    """A thing that exists, or existed."""

    class State(models.TextChoices):
        """Where it stands on its way out. What an app holds is `erasing` when it was asked and `erased` when it acknowledged."""

        ACTIVE = "active", _("stored")
        ERASING = "erasing", _("being destroyed")
        SHREDDED = "shredded", _("key destroyed")
        ERASED = "erased", _("destroyed")

    class Standing(models.TextChoices):
        """Whether it was permitted when it was recorded. A record is a fact, and is never dropped."""

        PERMITTED = "permitted", _("permitted")
        LATE = "late", _("recorded after its session")
        UNPERMITTED = "unpermitted", _("without permission")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    media = ArrayField(models.CharField(max_length=10, choices=Medium), default=voices)
    """What it shows of the person: that of everything it was made of, to the first source."""
    custody = models.CharField(max_length=5, choices=Custody)
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    standing = models.CharField(max_length=12, choices=Standing, default=Standing.PERMITTED)
    act = models.UUIDField(default=uuid7)
    """What was made in one go of several voices is one act: an artifact for each person, and all go when one goes."""
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="artifacts")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="artifacts")
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="artifacts")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="artifacts")
    parents = models.ManyToManyField(
        "self", through="Derivation", through_fields=("child", "parent"), symmetrical=False, related_name="children"
    )
    recorded_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    erase_requested_at = models.DateTimeField(null=True)
    erase_event = models.UUIDField(null=True)
    """The event by which its holder was asked."""
    key_destroyed_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    sample_rate = models.PositiveIntegerField(null=True)
    dimensions = models.PositiveIntegerField(null=True)
    marking = models.CharField(max_length=12, blank=True)
    """How a synthesis says that it is AI-made; the evidence itself lies in the entry."""
    audible_label = models.CharField(max_length=12, blank=True)

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
            models.Index(fields=["act"], name="retention_artifact_act"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    def record(self) -> dict[str, str]:
        """Return the ids that every entry about this artifact carries in its payload, besides its grant's."""
        return {"artifact": str(self.id), "artifact_kind": self.kind, "session": str(self.session_id)}


class Derivation(models.Model):
    """One artifact was made from another."""

    parent = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    child = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["parent", "child"], name="retention_derivation_once")]


class Erasure(models.Model):
    """A request to be erased (GDPR 17, PIPL 47), for what one app has of a person or for everything in one tenant.

    Its copy of the certificate, and who it was, go a week after the certificate was made: they would link again what was cut.
    """

    State = erasure_machine.State

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="erasures")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="erasures")
    app = models.ForeignKey(App, on_delete=models.PROTECT, null=True, related_name="erasures")
    """None: everything."""
    bindings = models.ManyToManyField(Binding, related_name="erasures")
    reference = models.BinaryField(max_length=32, null=True)
    """The app's user, where the app asked: asking again finds it, until the certificate goes."""
    asked_by = models.CharField(max_length=60)
    state = models.CharField(max_length=20, choices=[(s.value, s.value) for s in State], default=State.APPROVED)
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField()
    acks_due_at = models.DateTimeField()
    escalated_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    keys_destroyed_at = models.DateTimeField(null=True)
    certified_at = models.DateTimeField(null=True)
    certificate_until = models.DateTimeField(null=True)
    sealed = models.BinaryField(null=True)
    """What the certificate needs, then the certificate, under the key of `key_name`."""

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        indexes = [
            models.Index(
                fields=["requested_at"], condition=~models.Q(state="certified"), name="retention_erasure_open"
            ),
            models.Index(
                fields=["certificate_until"],
                condition=models.Q(sealed__isnull=False),
                name="retention_erasure_kept",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def key_name(self) -> str:
        """The key that seals the certificate while we keep it."""
        return f"certificate:{self.id}"
