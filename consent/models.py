"""Subjects, notices, requests, grants and sessions.

An app's name for its user is stored only as an HMAC under the service's key and the app's id, so that two apps cannot join their
users. Times are UTC. Rows change only through the verbs of this app.
"""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import App, Tenant, User
from consent.capacity import Relationship
from consent.machine import State
from consent.terms import GrantFacts
from consent.use_class import is_forbidden_in
from keyring.keys import reference_key

GRANT_STATES = [state for state in State if state not in {"unknown", "requested", "deferred", "refused"}]
"""Up to its answer a consent is a request."""


def voices() -> list[str]:
    """Return what a consent is about where nothing else is said."""
    return ["voice"]


class Purpose(models.Model):
    """A row of the catalogue: what a voice may be used for."""

    slug = models.SlugField(primary_key=True)
    names = models.JSONField(default=dict)
    """What people read, by language."""
    use_class = models.CharField(
        max_length=20, choices=[(c, c) for c in ("identification", "non-identification", "experiment")]
    )
    strength = models.PositiveSmallIntegerField()
    """train > clone > synthesize > verify: a grant never covers a stronger purpose."""
    operations = ArrayField(models.CharField(max_length=12), default=list)
    """What an app may declare for it."""
    is_sensitive = models.BooleanField(default=True)
    """It works on biometric data: separate consent and an impact assessment (PIPL 29 and 55)."""
    provides = models.BooleanField(default=False)
    """It hands voices to another processor, whom its notice names (PIPL 23)."""
    trades_voiceprints = models.BooleanField(default=False)
    """It sells, leases, trades or profits from voiceprints: never of who may live in Illinois (740 ILCS 14/15(c))."""

    class Meta:
        verbose_name = _("purpose")
        verbose_name_plural = _("purposes")

    def __str__(self) -> str:
        return self.slug


class Assessment(models.Model):
    """An impact assessment of a sensitive purpose, by its reference; kept at least three years (PIPL 55 and 56)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="assessments")
    reference = models.CharField(_("reference"), max_length=200)
    made_on = models.DateField(_("made on"))
    keep_until = models.DateField(_("kept until"))

    class Meta:
        verbose_name = _("impact assessment")
        verbose_name_plural = _("impact assessments")

    def __str__(self) -> str:
        return self.reference


class Declaration(models.Model):
    """An app declares that it works for a purpose, with these operations, and what it does for who says no."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="declarations")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="+")
    operations = ArrayField(models.CharField(max_length=12))
    attested_by = models.CharField(max_length=60)
    """Who said for the app that whoever is imitated is told of it and asked separately (deep synthesis provisions, art. 14)."""
    material_version = models.PositiveIntegerField(default=1)
    """The version of the notice that last changed something that matters: who read an older one is asked again."""
    fallback_url = models.URLField(max_length=2000, blank=True)
    """Where the service is had without consent."""
    fallback_checked_at = models.DateTimeField(null=True, blank=True)
    fallback_works = models.BooleanField(null=True, blank=True)
    declared_at = models.DateTimeField()

    class Meta:
        verbose_name = _("declared purpose")
        verbose_name_plural = _("declared purposes")
        constraints = [models.UniqueConstraint(fields=["app", "purpose"], name="consent_declaration_once")]

    def __str__(self) -> str:
        return f"{self.app} {self.purpose_id}"


class Notice(models.Model):
    """What a person reads before consent: one row for each app, purpose, language and version; immutable once published."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="notices")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT)
    locale = models.CharField(max_length=10)
    version = models.PositiveIntegerField()
    operations = ArrayField(models.CharField(max_length=12))
    body = models.JSONField()
    is_material = models.BooleanField(default=True)
    """It changes something that matters against the version before."""
    drafted_by = models.CharField(max_length=60, default="operator")
    published_at = models.DateTimeField(null=True)
    """None: a draft, which nobody is shown."""

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.UniqueConstraint(fields=["app", "purpose", "locale", "version"], name="consent_notice_once")
        ]

    def __str__(self) -> str:
        return f"{self.purpose_id} {self.locale} {self.version}"

    def shown(self) -> dict[str, Any]:
        """Return what an entry says of the notice that was read: which one, and the SHA-256 of its body as canonical JSON, hex."""
        body = json.dumps(self.body, sort_keys=True, separators=(",", ":"))
        return {
            "id": str(self.id),
            "locale": self.locale,
            "version": self.version,
            "sha256": hashlib.sha256(body.encode()).hexdigest(),
        }


class Announcement(models.Model):
    """A notice has changed: whoever allowed something under an older version is told, one after the other."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    is_material = models.BooleanField()
    made_at = models.DateTimeField()
    reached = models.UUIDField(null=True)
    """The account that was told last, in their order; None before the first and after the last."""
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "purpose", "version"], name="consent_announcement_once")]
        indexes = [models.Index(fields=["made_at"], condition=models.Q(done_at=None), name="consent_announcement_open")]

    def __str__(self) -> str:
        return f"{self.purpose_id} {self.version}"


class Screen(models.Model):
    """What a screen showed when somebody answered, word for word; no person is in it. Immutable."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    html = models.TextField()
    first_shown_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.sha256


class Delegation(models.Model):
    """Somebody acts for a person: as guardian, by a power of attorney, or for the estate. The evidence lies sealed in the vault."""

    class State(models.TextChoices):
        """Where it stands."""

        REQUESTED = "requested", _("waiting for an officer")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        ENDED = "ended", _("ended")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    principal = models.ForeignKey(User, on_delete=models.PROTECT, related_name="delegations")
    delegate = models.ForeignKey(User, on_delete=models.PROTECT, related_name="acts_for")
    relationship = models.CharField(max_length=8, choices=[(r.value, r.value) for r in Relationship if r != "self"])
    label = models.CharField(max_length=60)
    """How the delegate calls the person; nobody else reads it."""
    born_on = models.DateField(null=True)
    """What a guardian says of the person, until the officer has compared it with the document."""
    died_on = models.DateField(null=True)
    """What the officer read in an estate's document."""
    agreed_at = models.DateTimeField(null=True)
    """When the person agreed; None where the officer has the document alone to go by."""
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    document_type = models.CharField(max_length=40, blank=True)
    """The media type of the evidence in the vault; empty once it is gone."""
    requested_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    valid_until = models.DateTimeField(null=True)
    """A guardian's: until the person is an adult."""
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=40, blank=True)
    used_at = models.DateTimeField(null=True)
    """When the delegate first acted: from then on the document proves that they might."""
    evidence_until = models.DateTimeField(null=True)
    """When the document goes, if the delegation has ended and nothing else is known of the person; set when something was erased."""

    class Meta:
        verbose_name = _("delegation")
        verbose_name_plural = _("delegations")
        constraints = [
            models.UniqueConstraint(
                fields=["principal", "delegate", "relationship"],
                condition=models.Q(state="approved"),
                name="consent_delegation_once",
            ),
            models.CheckConstraint(condition=~models.Q(principal=models.F("delegate")), name="consent_delegation_two"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    def stands(self, now: datetime) -> bool:
        """Say whether the delegate may act now."""
        return self.state == self.State.APPROVED and (self.valid_until is None or now < self.valid_until)


class Invitation(models.Model):
    """A person lets somebody ask to act for them: whoever says the code, once, within the hour. Only its HMAC is stored."""

    principal = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    digest = models.BinaryField(max_length=32, unique=True)
    relationship = models.CharField(max_length=8, choices=[(r.value, r.value) for r in Relationship if r != "self"])
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class Subject(models.Model):
    """A person as one tenant's log knows them. Their keys lie in the key store.

    One who asked to be erased is retired: what comes later is another subject's. When the erasure is done nothing says any more who
    it was.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="subjects")
    public_key = models.BinaryField(max_length=48)
    """P, of the service's key for the person, or of their wallet's once it has claimed."""
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    """When the person's wallet took over: from then on entries are marked with the wallet's key."""
    claimed_ref = models.UUIDField(null=True)
    """The entry that says so; empty after the erasure."""
    replaced_at = models.DateTimeField(null=True)
    """When a wallet last took the place of another."""
    wallet_name = models.CharField(max_length=60, blank=True)
    """The wallet's marking key k_u in the key store; empty while there is no wallet, and after the erasure."""
    handed = models.BinaryField(null=True)
    """The service's keys for the person, encrypted to the wallet alone, until the wallet says that it has them."""
    handed_public_key = models.BinaryField(max_length=48, null=True)
    custody_ended_at = models.DateTimeField(null=True)
    """When the service's own keys for the person were destroyed, after a claim."""
    retired_at = models.DateTimeField(null=True)
    evidence_until = models.DateTimeField(null=True)
    """When the proof of consent goes too; set when the rest has gone."""

    class Meta:
        verbose_name = _("subject")
        verbose_name_plural = _("subjects")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"], condition=models.Q(retired_at=None), name="consent_subject_once"
            ),
            models.UniqueConstraint(fields=["tenant", "public_key"], name="consent_subject_key_once"),
        ]
        indexes = [
            models.Index(
                fields=["claimed_at"],
                condition=models.Q(claimed_at__isnull=False, custody_ended_at=None),
                name="consent_subject_custody",
            ),
            models.Index(fields=["wallet_name"], condition=~models.Q(wallet_name=""), name="consent_subject_wallet"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def key_name(self) -> str:
        """The key that seals openings about the person that belong to no app."""
        return f"subject:{self.id}"

    @property
    def evidence_name(self) -> str:
        """The key that seals openings of consent itself, which must be provable after the voice is gone (GDPR 7(1))."""
        return f"evidence:{self.id}"

    @property
    def custody_name(self) -> str:
        """The seed of the keys the service holds while the person has no wallet."""
        return f"custody:{self.id}"

    @property
    def marking_name(self) -> str:
        """What entries are marked with: the wallet's marking key, or while there is none the seed in custody."""
        return self.wallet_name or self.custody_name

    @property
    def marking_names(self) -> set[str]:
        """Return all keys by which entries about the person can be found: what an erasure destroys."""
        return {self.custody_name} | ({self.wallet_name} if self.wallet_name else set())


class ReplacedKey(models.Model):
    """P of a wallet that another took the place of: nobody claims with it again. It names nobody."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    public_key = models.BinaryField(max_length=48)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "public_key"], name="consent_replaced_key_once"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Binding(models.Model):
    """An app's user is this person: set once, by the person, never moved; closed by an erasure, after which it can be set anew.

    What the app does with the voice is sealed under this tie's own key, so that it can be forgotten apart from what other apps do.
    """

    app = models.ForeignKey(App, on_delete=models.PROTECT)
    reference = models.BinaryField(max_length=32, null=True)
    """None once the erasure that closed it is done."""
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="bindings")
    key_name = models.CharField(max_length=60)
    """The key that seals openings of what this app did with the voice."""
    bound_at = models.DateTimeField()
    last_interaction_at = models.DateTimeField(null=True)
    """When the person last had to do with the app, to the day; None: when it was tied (740 ILCS 14/15(a))."""
    closed_at = models.DateTimeField(null=True)
    evidence_until = models.DateTimeField(null=True)
    """When recordings and documents that prove consents given under it go too; set when the rest has gone."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app", "reference"], condition=models.Q(closed_at=None), name="consent_binding_once"
            )
        ]

    @staticmethod
    def reference_of(app: App, subject_ref: str) -> bytes:
        """Return the 32-byte HMAC-SHA256 that stands for the app's name of its user."""
        return hmac.digest(reference_key(), app.id.bytes + subject_ref.encode(), "sha256")


class ConsentRequest(models.Model):
    """An app asks a person. Whoever holds the link may answer, so only its digest is stored."""

    class State(models.TextChoices):
        """Where a request stands."""

        REQUESTED = "requested", _("waiting for an answer")
        DEFERRED = "deferred", _("put off")
        GIVEN = "given", _("allowed")
        REFUSED = "refused", _("refused")
        EXPIRED = "expired", _("not answered in time")

    OPEN = (State.REQUESTED, State.DEFERRED)
    """Whoever was asked can still answer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    app = models.ForeignKey(App, on_delete=models.PROTECT)
    reference = models.BinaryField(max_length=32, null=True)
    """None once the person it stood for has been erased."""
    token_digest = models.BinaryField(max_length=32, unique=True)
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT)
    operations = ArrayField(models.CharField(max_length=12))
    scope = ArrayField(models.CharField(max_length=10), default=voices)
    term = models.DurationField()
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    return_url = models.URLField(max_length=2000, blank=True)
    client_state = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("consent request")
        verbose_name_plural = _("consent requests")

    def __str__(self) -> str:
        return str(self.id)

    def state_at(self, now: datetime) -> str:
        """Return where the request stands: one nobody answered in time is expired, whether or not its row says so yet."""
        late = self.state in self.OPEN and now >= self.expires_at
        return self.State.EXPIRED if late else self.state

    @staticmethod
    def digest_of(token: str) -> bytes:
        """Return the SHA-256 of a link's token (128 random bits, so no salt)."""
        return hashlib.sha256(token.encode()).digest()


class Grant(models.Model):
    """One consent: subject x app x purpose x operations, with a term and perhaps a count (ISO/IEC TS 27560 consent record)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="grants")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="consents")
    binding = models.ForeignKey(Binding, on_delete=models.PROTECT, related_name="grants")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT)
    operations = ArrayField(models.CharField(max_length=12))
    scope = ArrayField(models.CharField(max_length=10), default=voices)
    """What it is about: `voice`, `portrait`."""
    declaration = models.ForeignKey(Declaration, on_delete=models.PROTECT, related_name="+")
    request = models.OneToOneField(ConsentRequest, on_delete=models.PROTECT, related_name="grant")
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT)
    screen = models.ForeignKey(Screen, on_delete=models.PROTECT, null=True, related_name="+")
    """None: given elsewhere than on a screen of ours."""
    actor = models.CharField(
        max_length=8, choices=[(r.value, r.value) for r in Relationship], default=Relationship.SELF.value
    )
    delegation = models.ForeignKey(Delegation, on_delete=models.PROTECT, null=True, related_name="grants")
    jurisdiction = models.CharField(max_length=6, blank=True)
    """Where the person said to live when it was given."""
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")
    state = models.CharField(max_length=12, choices=[(s.value, s.value) for s in GRANT_STATES], default=State.GIVEN)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    uses_left = models.PositiveIntegerField(null=True)
    grace_until = models.DateTimeField(null=True)
    """Until when what has gone stale can be confirmed."""
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        indexes = [
            models.Index(
                fields=["valid_until"],
                condition=models.Q(state__in=["given", "renewed", "paused", "stale", "exhausted"]),
                name="consent_grant_lapse",
            ),
            models.Index(
                fields=["notice"],
                condition=models.Q(state__in=["given", "renewed"]),
                name="consent_grant_notice",
            ),
            models.Index(
                fields=["delegation"],
                condition=models.Q(state__in=["given", "renewed"], actor="guardian"),
                name="consent_grant_guarded",
            ),
            models.Index(
                fields=["ended_at"],
                condition=models.Q(state__in=["withdrawn", "revoked", "invalidated"]),
                name="consent_grant_taken_back",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    def facts(self) -> GrantFacts:
        """Return what the decision needs to know."""
        return GrantFacts(
            state=self.state,
            operations=self.operations,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            uses_left=self.uses_left,
            app_suspended=self.app.suspended_at is not None,
            app_approved=self.app.approved_at is not None,
            notice_current=self.notice.version >= self.declaration.material_version,
            guardian_until=self.delegation.valid_until if self.delegation and self.actor == "guardian" else None,
            scope=self.scope,
            place_forbids=self.purpose.trades_voiceprints and self._is_forbidden(),
        )

    def _is_forbidden(self) -> bool:
        """Ask where the person lives: for the few purposes alone to which it matters."""
        residence = self.subject.user.residence if self.subject.user else ""
        return is_forbidden_in(residence, trades_voiceprints=self.purpose.trades_voiceprints)

    def record(self) -> dict[str, Any]:
        """Return the ids that every entry about this grant carries in its payload."""
        return {"grant": str(self.id), "app": str(self.app_id), "purpose": self.purpose_id}


class Session(models.Model):
    """An app's permission to work now, at most an hour. Opening it is the decision; one session is one use."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="sessions")
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="+")
    operations = ArrayField(models.CharField(max_length=12))
    spent = ArrayField(models.CharField(max_length=12), default=list)
    combines = ArrayField(models.UUIDField(), default=list)
    """What a session to combine is about."""
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [models.Index(fields=["expires_at"], condition=models.Q(closed_at=None), name="consent_session_open")]

    def __str__(self) -> str:
        return str(self.id)

    def is_live(self, now: datetime) -> bool:
        """Say whether work may go on as far as the session alone knows."""
        return self.closed_at is None and now < self.expires_at


class Statement(models.Model):
    """A person said it aloud: a phrase with a nonce that names app, purpose and term. The recording lies in the vault, as evidence."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="statements")
    locale = models.CharField(max_length=10)
    phrase = models.TextField()
    nonce = models.CharField(max_length=60, blank=True)
    """The words in it that nobody could have recorded before, with a space between."""
    asked_at = models.DateTimeField()
    spoken_at = models.DateTimeField(null=True)
    """None until the recording came."""
    duration_ms = models.PositiveIntegerField(null=True)
    speech = models.JSONField(default=dict)
    """What the app says of the words: the model that transcribed them and its score."""
    speaker = models.JSONField(default=dict)
    """What it says of the speaker: model, score and threshold."""
    recording = models.UUIDField(null=True, unique=True)
    """Its recording in the vault, while it is there: evidence, which is kept when the voice has gone."""

    class Meta:
        verbose_name = _("spoken statement")
        verbose_name_plural = _("spoken statements")

    def __str__(self) -> str:
        return str(self.id)
