"""The room of artifacts: what is due, late, held and stuck at a glance; restrict one for a person, and lift that."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.adminretention.room import REFUSED, RetentionRoom
from retention import duties, restrict
from retention.models import Artifact, Medium
from retention.queries import holds_on

_CHANGE = "change_artifact"
_SHOWN = 50
_COUNTS = {
    "living": (_("There now"), ""),
    "soon": (_("Due within the hour"), ""),
    "due": (_("Due, not begun"), ""),
    "late": (_("Late: still here after its time"), "alarmed"),
    "failed": (_("Could not be destroyed yet"), "alarmed"),
    "held": (_("Kept by a legal hold"), ""),
    "restricted": (_("Restricted for the person"), ""),
    "waiting": (_("Asked of an app"), ""),
    "waiting_long": (_("Asked of an app for over a week"), "alarmed"),
}


class RestrictForm(forms.Form):
    """Why something is restricted."""

    reason = forms.ChoiceField(
        label=_("Why"),
        choices=[choice for choice in Artifact.Restriction.choices if choice[0] != Artifact.Restriction.HELD],
    )


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
class ArtifactAdmin(RetentionRoom):
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
        "level",
        "recorded_at",
        "expires_at",
        "erased_at",
    )
    list_filter = ("state", "kind", Shows, "custody", "standing", "restriction", "level")
    date_hierarchy = "recorded_at"
    change_list_template = "admin/retention/artifacts.html"

    @admin.display(description=_("shows"))
    def shows(self, artifact: Artifact) -> str:
        """Name what it shows of the person."""
        return gettext(", ").join(str(Medium(each).label) for each in artifact.media)

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("duties/", view(self.duties), name="retention_artifact_duties"),
            path("duties/<slug:which>/", view(self.duty), name="retention_artifact_duty"),
            path("<uuid:artifact_id>/restrict/", view(self.restrict), name="retention_artifact_restrict"),
            path("<uuid:artifact_id>/lift/", view(self.lift), name="retention_artifact_lift"),
            *super().get_urls(),
        ]

    def duties(self, request: HttpRequest) -> HttpResponse:
        """Show what is due, late, held and stuck."""
        self.must_see(request)
        now = timezone.now()
        standing = duties.standing(now=now)
        counts = [(name, label, getattr(standing, name), tone) for name, (label, tone) in _COUNTS.items()]
        return self.page(request, "duties", title=gettext("What is due"), counts=counts, now=now)

    def duty(self, request: HttpRequest, which: str) -> HttpResponse:
        """Show the first of those that are counted together."""
        self.must_see(request)
        if which not in _COUNTS:
            raise Http404
        found = duties.rows(which, now=timezone.now()).select_related("app").order_by("expires_at")
        rows = list(found[:_SHOWN])
        held = holds_on([row.id for row in rows])
        return self.page(
            request,
            "duty",
            title=str(_COUNTS[which][0]),
            rows=[(row, held.get(row.id, [])) for row in rows],
            more=max(0, found.count() - len(rows)),
        )

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one; only once the look at it is entered."""
        artifact = self._artifact(object_id)
        with transaction.atomic():
            answer = self.page(
                request,
                "artifact",
                title=str(artifact.id),
                artifact=artifact,
                shows=self.shows(artifact),
                derived_from=list(artifact.parents.all()),
                made_from_it=list(artifact.children.all()),
                holds=holds_on([artifact.id]).get(artifact.id, []),
                form=RestrictForm(),
                may_act=self.may_act(request, _CHANGE),
                can_restrict=artifact.state == Artifact.State.ACTIVE,
                can_lift=artifact.state == Artifact.State.RESTRICTED and not artifact.is_held,
            )
            self._enter_view(request, artifact)
        return answer

    def restrict(self, request: HttpRequest, artifact_id: uuid.UUID) -> HttpResponse:
        """Restrict it."""
        actor, form = self.must_act(request, _CHANGE), RestrictForm(request.POST)
        if form.is_valid():
            reason = Artifact.Restriction(form.cleaned_data["reason"])
            self._do(request, restrict.by_officer, artifact_id=artifact_id, reason=reason, actor=actor)
        return redirect("admin:retention_artifact_change", artifact_id)

    def lift(self, request: HttpRequest, artifact_id: uuid.UUID) -> HttpResponse:
        """Lift a restriction."""
        self._do(request, restrict.lift, artifact_id=artifact_id, actor=self.must_act(request, _CHANGE))
        return redirect("admin:retention_artifact_change", artifact_id)

    def _do(self, request: HttpRequest, verb: Any, **words: Any) -> None:
        try:
            verb(**words, now=timezone.now())
            messages.success(request, gettext("Done, and entered."))
        except REFUSED as error:
            self.say_no(request, error)

    def _artifact(self, artifact_id: Any) -> Artifact:
        try:
            found = (
                Artifact.objects.select_related("app", "subject__tenant").filter(id=uuid.UUID(str(artifact_id))).first()
            )
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found
