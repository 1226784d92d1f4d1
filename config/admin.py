"""What the compliance officer sees: every row of the domain, none of them editable."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config import adminconsent, adminlogs, adminpeople  # noqa: F401 - register the pages of consent, of the logs and of people
from config.adminsite import ReadOnly
from consent.models import ConsentRequest, Session
from hooks.models import Delivery, Subscription
from hooks.replay import replay
from retention.models import Artifact, Erasure, Medium, Policy
from retention.queries import holders_of


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


class Shows(admin.SimpleListFilter):
    """What of the person it shows; what shows both is in both."""

    title = _("shows")
    parameter_name = "shows"

    def lookups(self, _request: HttpRequest, _page: Any) -> list[tuple[str, str]]:
        """Name the choices."""
        return [(medium.value, str(medium.label)) for medium in Medium]

    def queryset(self, _request: HttpRequest, artifacts: QuerySet[Artifact]) -> QuerySet[Artifact]:
        """Choose."""
        return artifacts.filter(media__contains=[self.value()]) if self.value() in Medium.values else artifacts


@admin.register(Artifact)
class ArtifactAdmin(ReadOnly):
    """Artifacts."""

    subject_path = "subject"
    list_display = (
        "id",
        "kind",
        "shows",
        "custody",
        "app",
        "state",
        "standing",
        "recorded_at",
        "expires_at",
        "erased_at",
    )
    list_filter = ("state", "kind", Shows, "custody", "standing")
    date_hierarchy = "recorded_at"
    readonly_fields = ("shows", "derived_from", "made_from_it")
    exclude = ("parents", "media")

    @admin.display(description=_("shows"))
    def shows(self, artifact: Artifact) -> str:
        """Name what it shows of the person."""
        return gettext(", ").join(str(Medium(each).label) for each in artifact.media)

    @admin.display(description=_("derived from"))
    def derived_from(self, artifact: Artifact) -> str:
        """Name the sources."""
        return ", ".join(str(parent.pk) for parent in artifact.parents.all()) or "-"

    @admin.display(description=_("made from it"))
    def made_from_it(self, artifact: Artifact) -> str:
        """Name what was derived from it."""
        return ", ".join(str(child.pk) for child in artifact.children.all()) or "-"


@admin.register(Erasure)
class ErasureAdmin(ReadOnly):
    """Erasures, with where each holder stands."""

    subject_path = "subject"
    list_display = ("id", "app", "state", "requested_at", "due_at", "escalated_at", "completed_at", "certified_at")
    list_filter = ("state",)
    date_hierarchy = "requested_at"
    exclude = ("user", "sealed", "bindings")
    readonly_fields = ("holders",)

    @admin.display(description=_("holders"))
    def holders(self, erasure: Erasure) -> SafeString:
        """Say of each holder how much of it is gone."""
        rows = [
            (holder.app, holder.custody, holder.gone, holder.total, holder.acknowledged_at or "-")
            for holder in holders_of(erasure)
        ]
        return format_html_join("", "<p>{} ({}): {}/{} · {}</p>", rows)


@admin.register(Policy)
class PolicyAdmin(ReadOnly):
    """Retention policies."""

    list_display = ("kind", "medium", "custody", "purpose", "app", "ttl", "longest_seconds", "lowest_rate")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnly):
    """Hooks."""

    list_display = ("id", "app", "event", "state", "created_at", "ended_at", "end_reason")
    list_filter = ("state", "event")
    fields = ("id", "app", "event", "target_url", "state", "created_at", "ended_at", "end_reason")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    """Deliveries; those given up are the dead letters."""

    list_display = ("id", "app", "event", "state", "tries", "created_at", "next_try_at", "last_status", "last_error")
    list_filter = ("state", "event")
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
        """Put them back on their way; each is entered."""
        done = [
            replay(delivery_id=delivery.id, officer=str(request.user.pk), now=timezone.now()) for delivery in chosen
        ]
        self.message_user(request, _("%(done)d of %(chosen)d sent again.") % {"done": sum(done), "chosen": len(done)})
