"""What was asked and what came of it, for as long as that matters, and pseudonyms that were spent. Nobody is named in it.

`Enrolment` and `Challenge` are nonces: to answer one is to delete it. `Verdict` is what the verifier may still read for an hour.
"""

from datetime import UTC, datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid_utils.compat import uuid7

from accounts.models import App
from zkp.core.context import Context
from zkp.core.context import Enrolment as Bound


class Enrolment(models.Model):
    """The log asked somebody to show a key."""

    class Use(models.TextChoices):
        """What for."""

        CLAIM = "claim"
        REPLACE = "replace"
        RECEIPT = "receipt"
        ACTIVE = "active"

    nonce = models.BinaryField(max_length=32, primary_key=True)
    origin = models.CharField(max_length=200)
    account = models.CharField(max_length=60)
    ref = models.UUIDField()
    use = models.CharField(max_length=10, choices=Use)
    day = models.DateField()
    """Whose tag has to be shown."""
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.use

    def bound(self) -> Bound:
        """Return what the proof must be bound to."""
        return Bound(
            origin=self.origin,
            nonce=bytes(self.nonce),
            account=self.account,
            ref=str(self.ref),
            expires=self.expires_at.astimezone(UTC),
        )


class Challenge(models.Model):
    """A verifier asked for a proof, and it was not answered yet."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    origin = models.CharField(max_length=200)
    nonce = models.BinaryField(max_length=32, unique=True)
    verifier = models.CharField(max_length=300)
    app = models.ForeignKey(App, on_delete=models.CASCADE, null=True, related_name="+")
    """The app that asked with its own credentials; None: nobody knows whether it is who it says."""
    statement = models.CharField(max_length=10)
    purpose = models.CharField(max_length=300)
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    epoch = models.BigIntegerField()
    attributes = ArrayField(models.CharField(max_length=20), default=list)
    """Which must be shown."""
    wanted_app = models.CharField(max_length=60, blank=True)
    wanted_operation = models.CharField(max_length=20, blank=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.id)

    def context(self) -> Context:
        """Return what a proof must be bound to."""
        return Context(
            origin=self.origin,
            verifier=self.verifier,
            nonce=bytes(self.nonce),
            size=self.size,
            root=bytes(self.root),
            statement=self.statement,
            purpose=self.purpose,
            expires=self.expires_at.astimezone(UTC),
        )


class Verdict(models.Model):
    """What came of a challenge."""

    id = models.UUIDField(primary_key=True, editable=False)
    """The challenge's."""
    holds = models.BooleanField()
    reason = models.CharField(max_length=40, blank=True)
    says = models.JSONField(default=dict)
    entry = models.UUIDField(null=True)
    checked_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.id)


class Spent(models.Model):
    """A pseudonym that was shown in its scope: once in an epoch."""

    scope = models.BinaryField(max_length=32)
    """SHA-256 of the scope's text."""
    pseudonym = models.BinaryField(max_length=48)
    epoch = models.BigIntegerField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["scope", "pseudonym"], name="zkp_spent_once")]

    def __str__(self) -> str:
        return str(self.pk)


def epoch_of(now: datetime) -> int:
    """Return the epoch, a UTC day, counted from 1970."""
    return int(now.timestamp()) // 86_400
