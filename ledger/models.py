"""The ledger's tables. They hold no personal data: commitments, and openings sealed under keys that live elsewhere.

`Pending` is what was appended and has no place yet; `Entry` is what has one, for ever (a trigger refuses UPDATE, DELETE and
TRUNCATE); `Opening` lies beside an entry and can be destroyed without touching it; `Log` is the head; `Checkpoint` is each head that was signed;
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

    class Meta:
        verbose_name = _("log")
        verbose_name_plural = _("logs")

    def __str__(self) -> str:
        return self.origin


class Pending(models.Model):
    """An entry that is durable and waits for its index. The sequencer claims it by deleting it."""

    id = models.BigAutoField(primary_key=True)
    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_constraint=False)
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
    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="entries")
    index = models.BigIntegerField()
    ref = models.UUIDField(db_index=True)
    leaf = models.BinaryField()
    leaf_hash = models.BinaryField(max_length=32)


class Opening(models.Model):
    """The salts and values behind an entry's commitments, sealed under the key named `holder`."""

    ref = models.UUIDField(primary_key=True)
    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_constraint=False)
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
