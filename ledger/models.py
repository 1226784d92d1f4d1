"""The ledger's tables. They hold no personal data: commitments, and openings sealed under keys that live elsewhere.

`Pending` is what was appended and has no place yet; `Entry` is what has one, for ever (a trigger refuses UPDATE, DELETE and
TRUNCATE); `Opening` lies beside an entry and can be destroyed without touching it; `Log` is the head; `Checkpoint` is each head that
was signed;
`Witnessing`, `Anchor` and `Alarm` say how others see the log; `Verification` is a replay that an officer asked for;
`Reservation` is a request that must not happen twice.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Log(models.Model):
    """One append-only log and its head. Only the sequencer moves the head."""

    origin = models.CharField(max_length=200, primary_key=True)
    size = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=bytes(32))
    """Leaf hash of the last entry; 32 zero bytes before the first."""
    frontier = ArrayField(models.BinaryField(max_length=32), default=list)
    """Roots of the perfect subtrees that make up the tree, largest first."""
    vkey = models.CharField(max_length=300)
    entered_size = models.BigIntegerField(default=0)
    """The size of its last published head that is an entry of the platform's log."""
    entered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("log")
        verbose_name_plural = _("logs")

    def __str__(self) -> str:
        return self.origin


class Pending(models.Model):
    """An entry that is durable and waits for its index. The sequencer claims it by deleting it."""

    id = models.BigAutoField(primary_key=True)
    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    ref = models.UUIDField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=60)
    mark = models.BinaryField(max_length=16)
    actor = models.BinaryField(max_length=32)
    subject = models.BinaryField(max_length=32)
    payload = models.BinaryField(max_length=32)

    class Meta:
        indexes = [models.Index(fields=["log", "id"], name="ledger_pending_order")]


class Entry(models.Model):
    """One leaf of a log, as it was hashed."""

    pk = models.CompositePrimaryKey("log_id", "index")
    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="entries", db_index=False, db_constraint=False)
    index = models.BigIntegerField()
    ref = models.UUIDField(db_index=True)
    leaf = models.BinaryField()
    leaf_hash = models.BinaryField(max_length=32)


class Opening(models.Model):
    """The salts and values behind an entry's commitments, sealed under the key named `holder`."""

    ref = models.UUIDField(primary_key=True)
    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    holder = models.CharField(max_length=60)
    at = models.DateTimeField()
    kind = models.CharField(max_length=60)
    sealed = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["holder", "-at"], name="ledger_opening_timeline")]


class Checkpoint(models.Model):
    """A signed head (C2SP tlog-checkpoint)."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="checkpoints")
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        constraints = [models.UniqueConstraint(fields=["log", "size"], name="ledger_checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.log_id} {self.size}"


class Witnessing(models.Model):
    """How far one witness has come with one log, and since when it refuses."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_constraint=False)
    witness = models.CharField(max_length=200)
    size = models.BigIntegerField(default=0)
    """The size of the last head it cosigned, as far as we know: what the next request gives as `old`."""
    cosigned_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=200, blank=True)
    """What was wrong with its last answer; empty when it cosigned."""
    since = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("witness")
        verbose_name_plural = _("witnesses")
        constraints = [models.UniqueConstraint(fields=["log", "witness"], name="ledger_witnessing_once")]

    def __str__(self) -> str:
        return f"{self.witness}: {self.log_id}"


class Alarm(models.Model):
    """What is wrong with a log now, for the officer. Over when `ended_at` says so."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_constraint=False)
    what = models.CharField(max_length=60)
    """`log.behind`, `log.stalled`, `log.corrupt`, `witness.quorum`, `witness.disagrees`, `anchor.failed`."""
    detail = models.CharField(max_length=300, blank=True)
    raised_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = [
            models.UniqueConstraint(
                fields=["log", "what", "detail"], condition=models.Q(ended_at=None), name="ledger_alarm_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.log_id}"


class Anchor(models.Model):
    """Evidence from outside that a published checkpoint existed by a time."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_constraint=False)
    size = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    """`rfc3161` or what another anchor calls itself."""
    at = models.DateTimeField()
    """The time the evidence states."""
    path = models.CharField(max_length=200)
    """Where the evidence lies among the log's files."""

    class Meta:
        verbose_name = _("anchor")
        verbose_name_plural = _("anchors")
        constraints = [models.UniqueConstraint(fields=["log", "size", "kind"], name="ledger_anchor_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.log_id} {self.size}"


class Verification(models.Model):
    """A replay of a whole published log that an officer asked for, and what it found."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_constraint=False)
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(null=True)
    """The size of the published checkpoint that was verified."""
    errors = models.IntegerField(default=0)
    findings = ArrayField(models.TextField(), default=list)
    """The first of them, one line each."""

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")
        constraints = [
            models.UniqueConstraint(
                fields=["log"], condition=models.Q(ended_at=None), name="ledger_verification_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.log_id} {self.asked_at:%Y-%m-%d %H:%M:%S}"


class Reservation(models.Model):
    """An Idempotency-Key that was used, and the first answer, sealed under the key named `holder`: see `ledger.reserve`."""

    key = models.BinaryField(max_length=32, primary_key=True)
    body = models.BinaryField(max_length=32)
    holder = models.CharField(max_length=60)
    sealed = models.BinaryField()
    made_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["holder"], name="ledger_reservation_holder"),
            models.Index(fields=["made_at"], name="ledger_reservation_due"),
        ]
