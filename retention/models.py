"""Policies, artifacts and erasures. Rows change only through the verbs of this app; a destroyed artifact's row says when, and holds nothing of it."""

from collections.abc import Collection

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import App, Tenant, User
from consent.models import Binding, Grant, Purpose, Session, Subject, voices
from retention import erasure_machine
from retention.disclosure_basis import Basis
from retention.erasure_clock import Law
from retention.grounds import Ground
from retention.levels import C2
from retention.policy import Rule, Since
from vault.blobs import Kind as Stored


class Kind(models.TextChoices):
    """What an artifact is."""

    UPLOAD = "upload", _("recording")
    EMBEDDING = "embedding", _("voiceprint")
    SYNTHESIS = "synthesis", _("synthetic speech")
    MODEL = "model", _("voice model")
    FEATURES = "features", _("acoustic features")
    TRANSCRIPT = "transcript", _("transcript")


class Custody(models.TextChoices):
    """Who holds the bytes."""

    VAULT = "vault", _("this service")
    APP = "app", _("the app")
    NONE = "none", _("nobody: never stored")


class Medium(models.TextChoices):
    """What a thing shows of a person."""

    PORTRAIT = "portrait", _("portrait")
    VOICE = "voice", _("voice")


def stored_as(media: Collection[str]) -> Stored:
    """Return where in the vault lies what shows that of a person."""
    return Stored.FACE if Medium.PORTRAIT in media else Stored.VOICE


class Policy(models.Model):
    """How long a kind of artifact may live, counted from a moment, and what its audio may be; for one app, purpose, residence, or all.

    One that names no custody only shortens: it allows nothing to be kept.
    """

    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    medium = models.CharField(_("shows"), max_length=10, choices=Medium, blank=True)
    """Of what shows this; empty: whatever it shows."""
    custody = models.CharField(_("held by"), max_length=5, choices=Custody, blank=True)
    """Whoever holds it, where it is empty."""
    purpose = models.ForeignKey(Purpose, verbose_name=_("purpose"), on_delete=models.PROTECT, null=True, blank=True)
    app = models.ForeignKey(App, verbose_name=_("app"), on_delete=models.PROTECT, null=True, blank=True)
    residence = models.CharField(_("lives in"), max_length=6, blank=True)
    """Of who lives there: ISO 3166, or `EU`; empty: anywhere."""
    since = models.CharField(
        _("counted from"), max_length=11, choices=[(s.value, s.value) for s in Since], default=Since.RECORDED
    )
    ttl = models.DurationField(_("lives at most"))
    longest_seconds = models.FloatField(_("longest audio in seconds"), default=10.0)
    lowest_rate = models.PositiveIntegerField(_("lowest sample rate"), default=16_000)
    source = models.CharField(_("source"), max_length=80, blank=True)
    """The law it follows, where it follows one."""
    applied_at = models.DateTimeField(null=True, editable=False)
    """When what lived already had been brought under it; None: that is still to be done."""

    class Meta:
        verbose_name = _("retention policy")
        verbose_name_plural = _("retention policies")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "medium", "custody", "purpose", "app", "residence", "since"],
                nulls_distinct=False,
                name="retention_policy_once",
            )
        ]

    def __str__(self) -> str:
        said = (self.kind, self.medium, self.custody, self.residence, f"{self.since} + {self.ttl}")
        return " ".join(filter(None, said))

    def rule(self) -> Rule:
        """Return the row as a value."""
        allows = bool(self.custody) and not self.residence
        own = self.app_id is not None
        return Rule(self.ttl, self.longest_seconds, self.lowest_rate, own, Since(self.since), allows)


class Artifact(models.Model):
    """A thing that exists, or existed."""

    class State(models.TextChoices):
        """Where it stands on its way out. What an app holds is `erasing` when it was asked and `erased` when it acknowledged."""

        ACTIVE = "active", _("stored")
        RESTRICTED = "restricted", _("stored, and may not be used")
        DUE = "due", _("about to be destroyed")
        ERASING = "erasing", _("being destroyed")
        SHREDDED = "shredded", _("key destroyed")
        ERASED = "erased", _("destroyed")
        ERASE_FAILED = "erase_failed", _("could not be destroyed yet")

    LIVING = (State.ACTIVE, State.RESTRICTED, State.DUE)
    """It is there, and nobody has begun to destroy it. Only what is `active` may be used."""
    ON_ITS_WAY = (State.ERASING, State.SHREDDED, State.ERASE_FAILED)

    class Restriction(models.TextChoices):
        """Why it may not be used, though it is kept (GDPR 18, PIPL 47)."""

        OBJECTION = "objection", _("the person objects")
        ACCURACY = "accuracy", _("the person says it is wrong")
        CLAIM = "claim", _("the person needs it for a claim")
        HELD = "held", _("a legal hold keeps it past its time")

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
    latest_at = models.DateTimeField(null=True)
    """The deadline that stands whatever happens; None for what was recorded before there were others: it is `expires_at`."""
    after_processing = models.DurationField(null=True)
    after_session = models.DurationField(null=True)
    after_interaction = models.DurationField(null=True)
    after_purpose = models.DurationField(null=True)
    """How long it lives from moments that come later; None where no policy counts from them."""
    processed_at = models.DateTimeField(null=True)
    purpose_met_at = models.DateTimeField(null=True)
    """As the app reported."""
    is_held = models.BooleanField(default=False)
    """Found under a legal hold when it was due: so that the sweep need not ask again."""
    restriction = models.CharField(max_length=12, choices=Restriction, blank=True)
    level = models.CharField(max_length=2, default=C2)
    """Its class in JR/T 0171-2020."""
    tries = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    """When somebody may take it up again: what is being destroyed has a lease; what failed, or could not be asked for, a pause."""
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
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["active", "restricted", "due"], custody="vault", is_held=False),
                name="retention_artifact_due_here",
            ),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["active", "restricted", "due"], is_held=False)
                & ~models.Q(custody="vault"),
                name="retention_artifact_due_there",
            ),
            models.Index(
                fields=["retry_at"],
                condition=models.Q(state__in=["erasing", "shredded", "erase_failed"], custody="vault"),
                name="retention_artifact_resumed",
            ),
            models.Index(fields=["grant"], condition=models.Q(state="active"), name="retention_artifact_of_grant"),
            models.Index(fields=["act"], name="retention_artifact_act"),
            models.Index(
                fields=["app", "recorded_at"], condition=models.Q(kind="synthesis"), name="retention_artifact_spoken"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def stored_as(self) -> Stored:
        """Where its bytes lie in the vault: what shows a face, whatever else it shows, lies with the faces."""
        return stored_as(self.media)

    def record(self) -> dict[str, str]:
        """Return the ids that every entry about this artifact carries in its payload, besides its grant's."""
        return {"artifact": str(self.id), "artifact_kind": self.kind, "session": str(self.session_id)}


class Place(models.Model):
    """Where a voice host keeps an artifact: HMAC-SHA256 of the file's path under a key that never leaves the host. It goes with the artifact.

    A trigger deletes it in the statement by which the artifact becomes `erased`, whoever does that.
    """

    artifact = models.ForeignKey(Artifact, on_delete=models.CASCADE, related_name="places")
    mark = models.BinaryField(max_length=32, db_index=True)
    told_at = models.DateTimeField()
    """When the app last said so: what is written there later is something else."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["artifact", "mark"], name="retention_place_once")]

    def __str__(self) -> str:
        return str(self.artifact_id)


class Hold(models.Model):
    """A legal hold: it keeps from being destroyed what is in its scope, now and later, and permits no use of it.

    Its scope is all that one tenant has of a person, of an app, or of a person with an app; or one artifact.
    """

    class Ground(models.TextChoices):
        """What it rests on."""

        WARRANT = "warrant", _("a warrant")
        SUBPOENA = "subpoena", _("a subpoena")
        LITIGATION = "litigation", _("a legal claim (GDPR 17(3)(e))")
        REGULATOR = "regulator", _("the demand of an authority")

    COURTS = (Ground.WARRANT, Ground.SUBPOENA)
    """What 740 ILCS 14/15(a) lets a voiceprint outlive its term for."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    app = models.ForeignKey(App, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ground = models.CharField(_("ground"), max_length=10, choices=Ground)
    reference = models.CharField(_("reference"), max_length=120)
    """The file's, the court's or the authority's own number."""
    placed_at = models.DateTimeField()
    placed_by = models.CharField(max_length=60)
    released_at = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=60, blank=True)
    release_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")

    def __str__(self) -> str:
        return self.reference


class Change(models.Model):
    """Something ended, by which artifacts may have to go earlier: written by the database itself, in the transaction that ends it.

    Consent knows nothing of retention; triggers on its tables leave a row here, and the sweep follows it.
    """

    what = models.CharField(max_length=8)
    """`grant`, `binding` or `session`."""
    ref = models.CharField(max_length=36)

    def __str__(self) -> str:
        return f"{self.what} {self.ref}"


class Derivation(models.Model):
    """One artifact was made from another."""

    class Policy(models.TextChoices):
        """What becomes of the child when the parent is erased before its time."""

        CASCADE = "cascade", _("goes with it")
        DETACH = "detach", _("stays, under a consent of its own")

    parent = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    child = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    policy = models.CharField(max_length=7, choices=Policy, default=Policy.CASCADE, db_default="cascade")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["parent", "child"], name="retention_derivation_once")]


class Erasure(models.Model):
    """A request to be erased (GDPR 17, PIPL 47), for what one app has of a person or for everything in one tenant; or what a withdrawal opened.

    Its copy of the certificate, and who it was, go a week after the certificate was made: they would link again what was cut.
    """

    State = erasure_machine.State

    class Scope(models.TextChoices):
        """What it takes."""

        EVERYTHING = "everything", _("everything in one log")
        APP = "app", _("what one app has")
        CONSENT = "consent", _("what was made under a consent that was taken back")
        """Opened by the withdrawal itself; the tie to the app stays, and what the records say."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="erasures")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="erasures")
    app = models.ForeignKey(App, on_delete=models.PROTECT, null=True, related_name="erasures")
    """None: everything."""
    scope = models.CharField(max_length=10, choices=Scope, default=Scope.EVERYTHING)
    bindings = models.ManyToManyField(Binding, related_name="erasures")
    grants = models.ManyToManyField(Grant, related_name="erasures")
    """Of the scope `consent`: the consents that were taken back."""
    reference = models.BinaryField(max_length=32, null=True)
    """The app's user, where the app asked: asking again finds it, until the certificate goes."""
    asked_by = models.CharField(max_length=60)
    state = models.CharField(max_length=20, choices=[(s.value, s.value) for s in State], default=State.RECEIVED)
    law = models.CharField(max_length=4, choices=[(each.value, each.value) for each in Law], default=Law.GDPR)
    """Whose clock runs."""
    requested_at = models.DateTimeField()
    identity_asked_at = models.DateTimeField(null=True)
    """From then until `identified_at` the clock stands still."""
    identified_at = models.DateTimeField(null=True)
    identified_by = models.CharField(max_length=60, blank=True)
    """How it became known who asked: `fresh_sign_in`, `second_factor`, `app`, `withdrawal`, or an officer."""
    decided_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=20, blank=True)
    """Why it was refused: `no_answer`, `all_kept`; or closed without the person: `taken_over` by another erasure."""
    extended_at = models.DateTimeField(null=True)
    extension_reason = models.CharField(max_length=300, blank=True)
    reminders = models.PositiveSmallIntegerField(default=0)
    reminded_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    """When it was refused or taken back."""
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
                fields=["requested_at"],
                condition=~models.Q(state__in=["certified", "refused", "cancelled"]),
                name="retention_erasure_living",
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


class Kept(models.Model):
    """Something that an erasure does not take, and on which ground (GDPR 17(3))."""

    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="kept")
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, null=True, related_name="+")
    """None: what is named by `what` alone."""
    what = models.CharField(max_length=40, default="artifact")
    ground = models.CharField(max_length=6, choices=[(each.value, each.cited) for each in Ground])
    until = models.DateTimeField(null=True)
    """None: nobody can say yet."""
    decided_at = models.DateTimeField()

    class Meta:
        verbose_name = _("kept thing")
        verbose_name_plural = _("kept things")
        constraints = [
            models.UniqueConstraint(
                fields=["erasure", "artifact", "what"], nulls_distinct=False, name="retention_kept_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.ground}"


class Processor(models.Model):
    """A third party to which an app passes things on: a speech recogniser, say, that keeps what it gets for some days. One row an app."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="processors")
    name = models.CharField(_("name"), max_length=120)
    service = models.CharField(_("what it does"), max_length=200)
    country = models.CharField(_("country"), max_length=2)
    contact = models.CharField(_("contact for privacy"), max_length=200)
    agreement = models.CharField(_("agreement"), max_length=200)
    """Where the contract that binds it is found (GDPR 28(3), PIPL 21)."""
    keeps_for = models.DurationField(_("keeps what it gets for"))
    endpoint = models.URLField(_("address for erasure requests"), max_length=2000, blank=True)
    """Empty: it is asked by letter, and an officer enters its answer."""
    probe_url = models.CharField(_("address to look whether something is gone"), max_length=2000, blank=True)
    """With `{disclosure}` in it; answers 404 or 410 once the thing is gone."""
    registered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("processor")
        verbose_name_plural = _("processors")
        constraints = [
            models.UniqueConstraint(
                fields=["app", "name"], condition=models.Q(ended_at=None), name="retention_processor_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key_name(self) -> str:
        """The key by which it is asked and by which it answers."""
        return f"processor:{self.id}"


class Disclosure(models.Model):
    """A thing was passed on to a processor, on one of the lawful bases (740 ILCS 14/15(d)). What became of it there."""

    class State(models.TextChoices):
        """Where its erasure stands there."""

        QUEUED = "queued", _("not asked")
        SENT = "sent", _("asked")
        RECEIVED = "received_ack", _("it has taken the request")
        IN_PROGRESS = "in_progress", _("it is being erased")
        DONE = "done_signed", _("erased, and attested")
        NOT_FOUND = "not_found_signed", _("attested that it has nothing")
        REFUSED = "refused_signed", _("refused")
        FAILED = "failed", _("could not be asked")
        TIMED_OUT = "timed_out", _("it did not answer in time")

    ANSWERED = (State.DONE, State.NOT_FOUND, State.REFUSED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="disclosures")
    processor = models.ForeignKey(Processor, on_delete=models.PROTECT, related_name="disclosures")
    basis = models.CharField(max_length=11, choices=[(each.value, each.value) for each in Basis])
    reference = models.CharField(max_length=200, blank=True)
    """Of the law or the warrant, or of the transaction that the person asked for."""
    disclosed_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    event = models.UUIDField(null=True)
    """The event by which the processor was asked last."""
    asked_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    answered_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    """Since when it is gone, says the processor."""
    overdue_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("disclosure")
        verbose_name_plural = _("disclosures")
        constraints = [
            models.UniqueConstraint(fields=["artifact", "processor"], name="retention_disclosure_once"),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=~models.Q(state__in=["done_signed", "not_found_signed", "refused_signed"]),
                name="retention_disclosure_open",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class ProbeAddress(models.Model):
    """Where an app can be asked whether something that it said is gone is gone."""

    app = models.OneToOneField(App, on_delete=models.PROTECT, primary_key=True, related_name="probe_address")
    url = models.CharField(max_length=2000)
    """With `{artifact}` in it; answers 404 or 410 once the thing is gone."""

    class Meta:
        verbose_name = _("address to look at")
        verbose_name_plural = _("addresses to look at")

    def __str__(self) -> str:
        return str(self.app)


class Probe(models.Model):
    """We looked whether something is gone where it was said to be. One that was found there has no row: it is asked for again."""

    class Answer(models.TextChoices):
        """What we saw."""

        GONE = "gone", _("gone")
        SILENT = "silent", _("no answer")

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    disclosure = models.ForeignKey(Disclosure, on_delete=models.PROTECT, null=True, related_name="+")
    """None: at the app."""
    answer = models.CharField(max_length=6, choices=Answer)
    tries = models.PositiveSmallIntegerField(default=1)
    next_try_at = models.DateTimeField()
    probed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("look")
        verbose_name_plural = _("looks")
        constraints = [
            models.UniqueConstraint(
                fields=["artifact", "disclosure"], nulls_distinct=False, name="retention_probe_once"
            )
        ]

    def __str__(self) -> str:
        return self.answer


class Export(models.Model):
    """What a person asked to take with them (GDPR 15 and 20, PIPL 45): made by a worker, sealed in the vault, there for a week.

    Its bytes hold what may be destroyed meanwhile. They are the person's own copy, under a key of its own which no app's call reaches, and
    go with the first erasure that is asked for, at the person's word, and at `until`.
    """

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", _("asked for")
        MAKING = "making", _("being made")
        READY = "ready", _("ready")
        FAILED = "failed", _("could not be made")
        GONE = "gone", _("destroyed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="exports")
    asked_by = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField()
    """By law: one month, or what it was extended to."""
    extended_at = models.DateTimeField(null=True)
    extended_for = models.CharField(max_length=500, blank=True)
    """The officer's reason, which the person reads."""
    blob = models.UUIDField(null=True)
    """Its bytes in the vault: of this try, and of no other."""
    tries = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField()
    """When a worker may take it up; while one is at it, when another may believe that one dead."""
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(null=True)
    left_out = models.JSONField(default=dict)
    """How many things could not be put into it, by reason."""
    ready_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        indexes = [
            models.Index(fields=["retry_at"], condition=~models.Q(state="gone"), name="retention_export_open"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def percent(self) -> int:
        """How far it is."""
        return min(100 * self.done // self.total, 99) if self.total else 0


class Locker(models.Model):
    """A person's lock on what the vault takes of them (`vault.lock`): its public half, and the private half sealed under their passphrase."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="lockers")
    public = models.BinaryField(max_length=32)
    sealed = models.BinaryField(max_length=200)
    """`keyring.passphrase`. A passphrase that is lost opens nothing: no other copy of the private half is kept."""
    is_on = models.BooleanField(default=True)
    """Whether what comes from now on is locked with it."""
    made_at = models.DateTimeField()
    unlocked_until = models.DateTimeField(null=True)
    """Until when the service may open with it: the private half lies in the key store as `key_name` so long."""
    failures = models.PositiveSmallIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("lock")
        verbose_name_plural = _("locks")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=models.Q(is_on=True), name="retention_locker_one_on"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def key_name(self) -> str:
        """The key that is there while it is unlocked."""
        return f"unlocked:{self.id}"
