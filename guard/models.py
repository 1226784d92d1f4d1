"""Hosts, what they report, and what came of it. Rows change only through the verbs of this app.

Events, sightings and malformed rows are kept a day (`CONSONANT_TELEMETRY_KEEP`); alerts and their answers stay, and hold nothing of a
person.
"""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import App, Tenant


class Level(models.TextChoices):
    """How bad it is, in Sigma's words."""

    INFORMATIONAL = "informational", _("informational")
    LOW = "low", _("low")
    MEDIUM = "medium", _("medium")
    HIGH = "high", _("high")
    CRITICAL = "critical", _("critical")


class Step(models.TextChoices):
    """What a playbook can do."""

    NOTIFY = "notify", _("tell the officers and the app")
    SUSPEND = "suspend", _("suspend the app")
    HASTEN = "hasten", _("destroy what the app has")
    ISOLATE = "isolate", _("isolate the host")


class Reason(models.TextChoices):
    """Why an officer undoes what was done."""

    FALSE_ALARM = "false_alarm", _("it was a false alarm")
    PLANNED = "planned", _("the work was planned")
    RESOLVED = "resolved", _("the cause is gone")
    OTHER = "other", _("something else")


class Host(models.Model):
    """A machine that runs a voice app, and is watched. Only the SHA-256 of its agent's token is kept (256 random bits: no salt)."""

    class Profile(models.TextChoices):
        """The voice program it runs."""

        COSYVOICE = "cosyvoice", "CosyVoice"
        INDEXTTS = "indextts", "IndexTTS"
        LINLY = "linly", "Linly-Talker"
        OTHER = "other", _("another")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="hosts")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="hosts")
    """What it runs: what is suspended when the host goes wrong."""
    name = models.CharField(_("name"), max_length=60)
    profile = models.CharField(_("voice program"), max_length=10, choices=Profile, default=Profile.OTHER)
    timezone = models.CharField(_("time zone"), max_length=60, default="UTC")
    """By which it is night there: a name of the IANA time zone database."""
    listens_only = models.BooleanField(_("only listens"), default=True)
    """It answers, and calls nobody: every connection outwards is an alarm."""
    token_digest = models.BinaryField(max_length=32, unique=True)
    previous_token_digest = models.BinaryField(max_length=32, unique=True, null=True)
    previous_until = models.DateTimeField(null=True)
    registered_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    last_heartbeat_at = models.DateTimeField(null=True)
    last_event_at = models.DateTimeField(null=True)
    silent_at = models.DateTimeField(null=True)
    """When its silence was noticed; None while it is heard."""
    agent = models.CharField(max_length=60, blank=True)
    """The name and version of what reports."""
    status = models.JSONField(default=dict)
    """What its last heartbeat said: `sequence`, `queued`, `watched`, `ports`, `monitors`."""
    isolated_at = models.DateTimeField(null=True)
    followed_at = models.DateTimeField(null=True)
    """Up to when the records of its app were fed to the rules."""

    class Meta:
        verbose_name = _("voice host")
        verbose_name_plural = _("voice hosts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], condition=models.Q(removed_at=None), name="guard_host_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def throttled_as(self) -> str:
        """As whom its calls are counted."""
        return f"host:{self.id}"


class Batch(models.Model):
    """A delivery of events that had an `Idempotency-Key`, and what it was answered: sent again, it counts nothing again. Kept a day."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="+")
    key = models.BinaryField(max_length=32)
    """SHA-256 of the key and the body."""
    received_at = models.DateTimeField(db_index=True)
    answer = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "key"], name="guard_batch_once")]

    def __str__(self) -> str:
        return f"{self.received_at:%H:%M:%S}"


class Event(models.Model):
    """One thing that happened on a host, as ECS 8, without what names a person; kept a day."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    """When it happened, by the host's clock."""
    received_at = models.DateTimeField()
    code = models.CharField(max_length=20, blank=True)
    """Sysmon's event id, or what our own sidecar calls it."""
    entity = models.CharField(max_length=80, blank=True)
    """`process.entity_id`."""
    parent = models.CharField(max_length=80, blank=True)
    """`process.parent.entity_id`."""
    data = models.JSONField()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            BrinIndex(fields=["received_at"], name="guard_event_received"),
            models.Index(fields=["host", "at"], name="guard_event_at"),
            models.Index(fields=["host", "entity"], condition=~models.Q(entity=""), name="guard_event_entity"),
            models.Index(fields=["host", "parent"], condition=~models.Q(parent=""), name="guard_event_parent"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.at:%H:%M:%S}"


class Malformed(models.Model):
    """A row that could not be read: what was wrong with it, and how long it was. The row itself may name people, and is not kept."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="malformed")
    received_at = models.DateTimeField(db_index=True)
    fault = models.CharField(max_length=80)
    size = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("unreadable row")
        verbose_name_plural = _("unreadable rows")

    def __str__(self) -> str:
        return self.fault


class Match(models.Model):
    """A rule that only counts in a correlation matched an event."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="+")
    rule = models.CharField(max_length=60)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    values = models.JSONField(default=dict)
    """Of the fields by which correlations group, and which they count."""

    class Meta:
        indexes = [
            models.Index(fields=["host", "rule", "at"], name="guard_match_at"),
            models.Index(fields=["received_at"], name="guard_match_received"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.at:%H:%M:%S}"


class BaselineDay(models.Model):
    """What a host did on one day of its own calendar: how often its voice program was called, when, and by which commands."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="days")
    date = models.DateField()
    calls = models.PositiveIntegerField(default=0)
    hours = ArrayField(models.PositiveSmallIntegerField(), default=list)
    shapes = ArrayField(models.CharField(max_length=300), default=list)
    """Commands with their numbers, paths and digests masked."""
    broken = ArrayField(models.CharField(max_length=10), default=list)
    """In what it broke with the days before: `calls`, `shape`, `hour`; each is an alert once a day."""

    class Meta:
        verbose_name = _("day of a host")
        verbose_name_plural = _("days of hosts")
        constraints = [models.UniqueConstraint(fields=["host", "date"], name="guard_baseline_day_once")]

    def __str__(self) -> str:
        return f"{self.date}"


class Sighting(models.Model):
    """The sidecar saw a file that no record names yet. One that is matched is deleted: the place lives with the artifact alone."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", _("waiting for its record")
        ALARMED = "alarmed", _("without a record")

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="sightings")
    place = models.BinaryField(max_length=32)
    """HMAC-SHA256 under the host's key of the path."""
    folder = models.CharField(max_length=100, blank=True)
    suffix = models.CharField(max_length=20, blank=True)
    seen_at = models.DateTimeField()
    received_at = models.DateTimeField()
    due_at = models.DateTimeField()
    """Until then its record may come."""
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)

    class Meta:
        verbose_name = _("file without a record")
        verbose_name_plural = _("files without a record")
        constraints = [models.UniqueConstraint(fields=["host", "place"], name="guard_sighting_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state="waiting"), name="guard_sighting_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.folder} {self.suffix}"


class RuleState(models.Model):
    """An officer turned a rule of the pack off, or on again. A rule without a row is on."""

    slug = models.CharField(primary_key=True, max_length=60)
    enabled = models.BooleanField(default=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=60)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")

    def __str__(self) -> str:
        return self.slug


class Playbook(models.Model):
    """What is done when a rule, or any rule of a level, raises an alert; the rule's own comes first. Without a row: `guard.playbooks`."""

    key = models.CharField(primary_key=True, max_length=60)
    """The slug of a rule, or a level."""
    steps = ArrayField(models.CharField(max_length=10, choices=Step), default=list, blank=True)
    enabled = models.BooleanField(default=True)
    """Off: nothing is done, and the alert is raised all the same."""
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=60)

    class Meta:
        verbose_name = _("playbook")
        verbose_name_plural = _("playbooks")

    def __str__(self) -> str:
        return self.key


class Alert(models.Model):
    """A rule was broken on a host."""

    class State(models.TextChoices):
        """Where it stands."""

        OPEN = "open", _("open")
        ANSWERED = "answered", _("answered")
        UNDONE = "undone", _("undone")
        CLOSED = "closed", _("closed")

    LIVING = (State.OPEN, State.ANSWERED)
    """What happens again on the host within five minutes is counted on it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="alerts")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="alerts")
    rule = models.CharField(max_length=60)
    level = models.CharField(max_length=13, choices=Level)
    at = models.DateTimeField()
    """When it first happened, by the host's clock."""
    raised_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    last_at = models.DateTimeField()
    last_counted_at = models.DateTimeField()
    """When it was last counted up, by our clock."""
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    summary = models.JSONField(default=dict)
    """ECS of the event without what names a person: what a page and an export show."""
    evidence = ArrayField(models.BigIntegerField(), default=list)
    """Ids of events, which go after a day."""
    entry = models.UUIDField()
    """Of `alert.raised`."""
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=60, blank=True)
    undone_for = models.CharField(max_length=12, choices=Reason, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    """The officer's own words, which no entry holds."""

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = [
            models.Index(fields=["host", "rule", "-raised_at"], name="guard_alert_of_rule"),
            models.Index(fields=["app", "raised_at"], name="guard_alert_of_app"),
            models.Index(fields=["raised_at"], name="guard_alert_raised"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.raised_at:%Y-%m-%d %H:%M}"


class Answer(models.Model):
    """One step of the playbook, taken because of an alert: done once, and perhaps undone."""

    class State(models.TextChoices):
        """Where it stands."""

        PENDING = "pending", _("to be done")
        DONE = "done", _("done")
        FAILED = "failed", _("could not be done yet")
        UNDONE = "undone", _("undone")

    OPEN = (State.PENDING, State.FAILED)

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="answers")
    step = models.CharField(max_length=10, choices=Step)
    order = models.PositiveSmallIntegerField()
    """Its place in the playbook."""
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    made_at = models.DateTimeField()
    due_at = models.DateTimeField()
    """When somebody may take it up: what failed has a pause."""
    tries = models.PositiveSmallIntegerField(default=0)
    began_at = models.DateTimeField(null=True)
    """When it was begun: what it suspended or isolated bears this very time, so that an undoing knows its own."""
    done_at = models.DateTimeField(null=True)
    touched = models.PositiveIntegerField(null=True)
    """How many artifacts were hastened, or people and apps told."""
    entry = models.UUIDField(null=True)
    """Of `alert.answered`."""
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=60, blank=True)
    undo_entry = models.UUIDField(null=True)
    """Of `alert.undone`."""

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [models.UniqueConstraint(fields=["alert", "step"], name="guard_answer_once")]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(state__in=["pending", "failed"]), name="guard_answer_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.state}"

    def is_due(self, now: datetime) -> bool:
        """Say whether it is still to be done, and may be now."""
        return self.state in self.OPEN and self.due_at <= now


class Shipment(models.Model):
    """What the SIEM is still to be told: an alert as it was raised, or one of its answers. Deleted once it was sent, in this order."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="+")
    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, null=True, related_name="+")
    act = models.CharField(max_length=10)
    """`raised`, `answered`, `undone` or `closed`."""
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.act} {self.at:%H:%M:%S}"
