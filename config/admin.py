"""What the compliance officer sees: every row of the domain, none of them editable."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config import adminconsent, adminguard, adminlogs, adminpeople, adminretention  # noqa: F401 - register their pages
from config.adminsite import ReadOnly
from consent.models import ConsentRequest, Session
from hooks.models import Delivery, Subscription
from hooks.replay import replay

MOST_AGAIN = 500
"""Deliveries that one request of an officer puts back on their way; the rest wait for the next one."""


@admin.register(ConsentRequest)
class ConsentRequestAdmin(ReadOnly):
    """Requests."""

    list_display = ("id", "app", "purpose", "state", "created_at", "expires_at")
    list_filter = ("state",)
    fields = ("id", "app", "purpose", "operations", "term", "state", "created_at", "expires_at", "answered_at")


@admin.register(Session)
class SessionAdmin(ReadOnly):
    """Sessions."""

    subject_path = "grant.subject"
    list_display = ("id", "app", "opened_at", "expires_at", "closed_at")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnly):
    """Hooks."""

    list_display = (
        "id", "app", "event", "target", "state", "failures", "not_before", "created_at", "ended_at", "end_reason",
    )  # fmt: skip
    list_filter = ("state", "event", ("app", admin.RelatedOnlyFieldListFilter))
    # Of its address scheme, host and port: behind them can stand what the app alone should know.
    fields = (
        "id", "app", "event", "target", "state", "failures", "not_before", "previous_until", "created_at",
        "ended_at", "end_reason",
    )  # fmt: skip


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    """Deliveries; those given up are the dead letters."""

    list_display = ("id", "app", "event", "state", "tries", "created_at", "next_try_at", "last_status", "last_error")
    list_filter = ("state", "event", ("subscription__app", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("subscription__app",)
    date_hierarchy = "created_at"
    actions = ("replay_chosen",)

    @admin.display(description=_("app"))
    def app(self, delivery: Delivery) -> str:
        """Name the app."""
        return str(delivery.subscription.app)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Say whether the officer may send again: to look at deliveries is not enough."""
        return request.user.has_perm("hooks.change_delivery")

    @admin.action(description=_("Send again"), permissions=["replay"])
    def replay_chosen(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Put them back on their way, the oldest first and not all at once; each is entered."""
        ids = list(chosen.order_by("id").values_list("id", flat=True))
        done = [replay(delivery_id=id_, officer=str(request.user.pk), now=timezone.now()) for id_ in ids[:MOST_AGAIN]]
        self.message_user(request, _("%(done)d of %(chosen)d sent again.") % {"done": sum(done), "chosen": len(ids)})
