"""The room of legal holds: place one with the reference of what it rests on, and release it with a reason."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import App, Tenant
from config.adminretention.room import REFUSED, RetentionRoom
from consent.models import Subject
from retention import hold as verbs
from retention.models import Artifact, Hold
from retention.queries import in_scope, kept_by

_ADD, _CHANGE = "add_hold", "change_hold"


class PlaceForm(forms.Form):
    """A new hold."""

    tenant = forms.ModelChoiceField(label=_("Organisation"), queryset=Tenant.objects.order_by("name"), empty_label=None)
    ground = forms.ChoiceField(label=_("It rests on"), choices=Hold.Ground.choices)
    reference = forms.CharField(
        label=_("Reference"),
        max_length=120,
        help_text=_("The court's, the authority's or the file's own number. Name no person here."),
    )
    app = forms.ModelChoiceField(
        label=_("App"), queryset=App.objects.order_by("name"), required=False, empty_label=_("all")
    )
    subject = forms.UUIDField(
        label=_("Subject"),
        required=False,
        help_text=_("The id of a person in this organisation's log. Empty: everybody."),
    )
    artifact = forms.UUIDField(label=_("Artifact"), required=False, help_text=_("The id of one thing. Empty: all."))


class ReleaseForm(forms.Form):
    """Why a hold ends."""

    reason = forms.CharField(label=_("Why it ends"), max_length=200, help_text=_("Name no person here."))


@admin.register(Hold)
class HoldAdmin(RetentionRoom):
    """Legal holds."""

    list_display = ("reference", "ground", "tenant", "app", "placed_at", "released_at")
    list_filter = ("ground", "tenant")
    list_select_related = ("tenant", "app")
    ordering = ("released_at", "-placed_at")
    change_list_template = "admin/retention/holds.html"

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("new/", view(self.new), name="retention_hold_new"),
            path("<uuid:hold_id>/release/", view(self.release), name="retention_hold_release"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show them all."""
        return super().changelist_view(request, {"may_act": self.may_act(request, _ADD), **(extra_context or {})})

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one."""
        return self._one(request, self._hold(object_id), ReleaseForm())

    def _one(self, request: HttpRequest, hold: Hold, form: ReleaseForm, *, status: int = 200) -> HttpResponse:
        return self.page(
            request,
            "hold",
            status=status,
            title=hold.reference,
            hold=hold,
            kept=kept_by(hold).count() if hold.released_at is None else 0,
            beyond=in_scope(hold).filter(is_held=True).count() if hold.released_at is None else 0,
            form=form,
            may_act=hold.released_at is None and self.may_act(request, _CHANGE),
        )

    def new(self, request: HttpRequest) -> HttpResponse:
        """Place one."""
        actor, form = self.must_act(request, _ADD, post=False), PlaceForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            subject = Subject.objects.filter(id=said["subject"]).first() if said["subject"] else None
            artifact = Artifact.objects.filter(id=said["artifact"]).first() if said["artifact"] else None
            missing = [
                name for name, found in (("subject", subject), ("artifact", artifact)) if said[name] and not found
            ]
            for name in missing:
                form.add_error(name, gettext("There is none of this id."))
            try:
                if not missing:
                    placed = verbs.place(
                        tenant=said["tenant"],
                        subject=subject,
                        app=said["app"],
                        artifact=artifact,
                        ground=Hold.Ground(said["ground"]),
                        reference=said["reference"],
                        actor=actor,
                        now=timezone.now(),
                    )
                    self._tell(request, placed)
                    return redirect("admin:retention_hold_change", placed.hold.id)
            except REFUSED as error:
                self.say_no(request, error)
        return self.page(
            request,
            "new_hold",
            status=200 if request.method == "GET" else 422,
            title=gettext("Place a legal hold"),
            form=form,
        )

    def _tell(self, request: HttpRequest, placed: verbs.Placed) -> None:
        kept = ngettext("Placed. It keeps %(n)d thing.", "Placed. It keeps %(n)d things.", placed.kept)
        messages.success(request, kept % {"n": placed.kept})
        if placed.not_kept:
            left = ngettext(
                "%(n)d thing of somebody of Illinois it does not keep: that takes a warrant or a subpoena.",
                "%(n)d things of people of Illinois it does not keep: that takes a warrant or a subpoena.",
                placed.not_kept,
            )
            messages.warning(request, left % {"n": placed.not_kept})
        if placed.too_late:
            gone = ngettext(
                "%(n)d thing was being destroyed already.",
                "%(n)d things were being destroyed already.",
                placed.too_late,
            )
            messages.warning(request, gone % {"n": placed.too_late})

    def release(self, request: HttpRequest, hold_id: uuid.UUID) -> HttpResponse:
        """End one."""
        actor, hold, form = self.must_act(request, _CHANGE), self._hold(hold_id), ReleaseForm(request.POST)
        if not form.is_valid():
            return self._one(request, hold, form, status=422)
        try:
            verbs.release(hold_id=hold.id, reason=form.cleaned_data["reason"], actor=actor, now=timezone.now())
            messages.success(request, gettext("Released. What it alone kept beyond its time is destroyed now."))
        except REFUSED as error:
            self.say_no(request, error)
        return redirect("admin:retention_hold_change", hold.id)

    def _hold(self, hold_id: Any) -> Hold:
        try:
            hold = Hold.objects.select_related("tenant", "app").filter(id=uuid.UUID(str(hold_id))).first()
        except ValueError:
            hold = None
        if hold is None:
            raise Http404
        return hold
