"""Subscriptions and deliveries. The secret of a subscription is a key of the key store, not a row."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import App
from hooks.cloudevent import EVENTS


class Subscription(models.Model):
    """An app's wish to be told of one kind of event at one address."""

    class State(models.TextChoices):
        """Whether it still holds."""

        ACTIVE = "active", _("active")
        ENDED = "ended", _("ended")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="subscriptions")
    event = models.CharField(max_length=40, choices=[(event, event) for event in EVENTS])
    target_url = models.URLField(max_length=2000)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=20, blank=True)
    target = models.CharField(max_length=300, default="")
    """Scheme, host and port: what is reached or not, whatever the path."""
    not_before = models.DateTimeField(null=True)
    """Until then a target that was not reached is left alone."""
    failures = models.PositiveIntegerField(default=0)
    """How often in a row it was not reached, or asked to be left alone."""
    secret = models.UUIDField(null=True)
    """Which secret signs; none: the first one, which has the subscription's id."""
    previous = models.UUIDField(null=True)
    """Which one signs too, until `previous_until`: the one before."""
    previous_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("hook")
        verbose_name_plural = _("hooks")
        indexes = [
            models.Index(fields=["app", "event"], condition=models.Q(state="active"), name="hooks_subscription_live")
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def key_name(self) -> str:
        """The name of its secret in the key store."""
        return f"hook:{self.secret or self.id}"

    @property
    def previous_name(self) -> str | None:
        """The name of the secret before."""
        return f"hook:{self.previous}" if self.previous else None

    def key_names(self, *, now: datetime) -> list[str]:
        """Return the names of the secrets under which it is signed now, the newest first."""
        overlaps = self.previous_name and self.previous_until and now < self.previous_until
        return [self.key_name, self.previous_name] if overlaps and self.previous_name else [self.key_name]


class Delivery(models.Model):
    """One event on its way to one subscription. `delivered` is said only after the target's 2xx."""

    class State(models.TextChoices):
        """Where it stands."""

        PENDING = "pending", _("on its way")
        DELIVERED = "delivered", _("delivered")
        DEAD = "dead", _("given up")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="deliveries")
    event_id = models.UUIDField(db_index=True)
    event = models.CharField(max_length=40)
    body = models.TextField()
    """The exact text that is signed."""
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    """A courier has it, and may have until then."""
    tries = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=40, blank=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["subscription", "event_id"], name="hooks_delivery_once")]
        indexes = [
            models.Index(
                fields=["subscription", "next_try_at", "id"],
                condition=models.Q(state="pending"),
                name="hooks_delivery_waiting",
            ),
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state="pending", leased_until__isnull=False),
                name="hooks_delivery_leased",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
