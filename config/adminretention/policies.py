"""The room of policies: the schedule, add one, change one, and first see what that would delete, and when."""

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import App, Tenant
from config.adminretention.room import REFUSED, RetentionRoom
from consent.models import Purpose
from portal.words import term
from portal.words.schedule import lives
from retention.audit import audit
from retention.change_policy import add, change, check, remove
from retention.effect import WITHIN, effect
from retention.models import Custody, Kind, Medium, Policy
from retention.policy import Since
from retention.ropa import ropa

_ADD, _CHANGE, _REMOVE = "add_policy", "change_policy", "delete_policy"
_UNITS = (("days", 86_400, _("days")), ("hours", 3_600, _("hours")), ("minutes", 60, _("minutes")))
_SINCE = {
    Since.RECORDED: _("the recording"),
    Since.PROCESSED: _("the end of processing, or of the session"),
    Since.SESSION: _("the end of the session"),
    Since.INTERACTION: _("the last interaction"),
    Since.PURPOSE: _("when the purpose is met"),
}


class LifeForm(forms.Form):
    """How long, and how much audio."""

    number = forms.IntegerField(label=_("Lives at most"), min_value=0, max_value=100_000)
    unit = forms.ChoiceField(label=_("Counted in"), choices=[(code, name) for code, _seconds, name in _UNITS])
    longest_seconds = forms.FloatField(label=_("Longest audio, in seconds"), initial=10.0)
    lowest_rate = forms.IntegerField(label=_("Lowest sample rate, in hertz"), initial=16_000)
    source = forms.CharField(label=_("The law it follows"), max_length=80, required=False)

    def values(self) -> dict[str, Any]:
        """Return what is said, as the policy has it."""
        said = dict(self.cleaned_data)
        number, unit = said.pop("number"), said.pop("unit")
        seconds = next(size for code, size, _name in _UNITS if code == unit)
        return {**said, "ttl": timedelta(seconds=seconds * number)}


class PolicyForm(LifeForm):
    """A new policy."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Kind.choices)
    medium = forms.ChoiceField(label=_("Shows"), choices=[("", _("anything")), *Medium.choices], required=False)
    custody = forms.ChoiceField(
        label=_("Held by"), choices=[("", _("anybody: it only shortens")), *Custody.choices], required=False
    )
    purpose = forms.ModelChoiceField(
        label=_("Purpose"), queryset=Purpose.objects.order_by("slug"), required=False, empty_label=_("all")
    )
    app = forms.ModelChoiceField(
        label=_("App"), queryset=App.objects.order_by("name"), required=False, empty_label=_("all")
    )
    residence = forms.CharField(
        label=_("Of who lives in"), max_length=6, required=False, help_text=_("A code such as US-IL or CN, or EU.")
    )
    since = forms.ChoiceField(label=_("Counted from"), choices=list(_SINCE.items()))
    field_order = ("kind", "medium", "custody", "purpose", "app", "residence", "since")


class RecordForm(forms.Form):
    """Whose record."""

    tenant = forms.ModelChoiceField(label=_("Organisation"), queryset=Tenant.objects.order_by("name"), empty_label=None)


@admin.register(Policy)
class PolicyAdmin(RetentionRoom):
    """Policies."""

    list_display = ("kind", "medium", "custody", "purpose", "app", "residence", "how_long", "source")
    list_filter = ("kind", "custody", "residence")
    ordering = ("kind", "medium", "residence", "custody", "id")
    change_list_template = "admin/retention/policies.html"

    @admin.display(description=_("lives"))
    def how_long(self, policy: Policy) -> str:
        """Say it."""
        return lives(policy)

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("new/", view(self.new), name="retention_policy_new"),
            path("records/<slug:what>/", view(self.records), name="retention_policy_records"),
            path("<int:policy_id>/remove/", view(self.remove), name="retention_policy_remove"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show them all."""
        more = {"may_act": self.may_act(request, _ADD), "record": RecordForm()}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        _form_url: str = "",
        _extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one; see what a change would do; change it."""
        self.must_see(request)
        if object_id is None:
            raise PermissionDenied  # one is added by `new`
        number = int(object_id) if object_id.isascii() and object_id.isdecimal() else 0
        policy = Policy.objects.select_related("app", "purpose").filter(id=number).first()
        if policy is None:
            raise Http404
        if request.method != "POST":
            return self._one(request, policy, LifeForm(initial=_initial(policy)))
        actor, form = self.must_act(request, _CHANGE), LifeForm(request.POST)
        if not form.is_valid():
            return self._one(request, policy, form, status=422)
        now = timezone.now()
        try:
            if "look" in request.POST:
                for name, value in form.values().items():
                    setattr(policy, name, value)
                check(policy)
                return self._one(request, policy, form, effect=effect(policy, now=now))
            change(policy=policy, values=form.values(), actor=actor, now=now)
        except REFUSED as error:
            self.say_no(request, error)
            policy.refresh_from_db()
            return self._one(request, policy, form, status=422)
        messages.success(
            request, gettext("Changed, and entered in the platform's log. What lives is brought under it now.")
        )
        return redirect("admin:retention_policy_change", policy.id)

    def _one(
        self, request: HttpRequest, policy: Policy, form: LifeForm, *, status: int = 200, **more: Any
    ) -> HttpResponse:
        return self.page(
            request,
            "policy",
            status=status,
            title=str(policy),
            policy=policy,
            lives=lives(policy),
            since=_SINCE[Since(policy.since)],
            form=form,
            within=[term(span) if span else gettext("at once") for span in WITHIN],
            may_act=self.may_act(request, _CHANGE),
            may_remove=self.may_act(request, _REMOVE),
            **more,
        )

    def new(self, request: HttpRequest) -> HttpResponse:
        """See what a new policy would do, and add it."""
        actor = self.must_act(request, _ADD, post=False)
        form, more = PolicyForm(request.POST or None), {}
        status = 200
        if request.method == "POST":
            status = 422
            if form.is_valid():
                policy, now = Policy(**form.values()), timezone.now()
                try:
                    if "look" in request.POST:
                        check(policy)
                        more, status = {"effect": effect(policy, now=now)}, 200
                    else:
                        add(policy=policy, actor=actor, now=now)
                        messages.success(request, gettext("Added, and entered in the platform's log."))
                        return redirect("admin:retention_policy_change", policy.id)
                except REFUSED as error:
                    self.say_no(request, error)
        return self.page(
            request,
            "new_policy",
            status=status,
            title=gettext("Add a policy"),
            form=form,
            within=[term(span) if span else gettext("at once") for span in WITHIN],
            **more,
        )

    def remove(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """Take one away."""
        actor = self.must_act(request, _REMOVE)
        policy = Policy.objects.filter(id=policy_id).first()
        if policy is None:
            raise Http404
        remove(policy=policy, actor=actor, now=timezone.now())
        messages.success(request, gettext("Taken away. What was recorded under it keeps its deadline."))
        return redirect("admin:retention_policy_changelist")

    def records(self, request: HttpRequest, what: str) -> HttpResponse:
        """Hand out the record of processing, or the audit, of an organisation."""
        self.must_see(request)
        form = RecordForm(request.GET)
        if what not in {"ropa", "ropa-page", "audit"} or not form.is_valid():
            raise Http404
        if not request.user.is_superuser and not self.may_act(request, _CHANGE):
            raise PermissionDenied
        tenant, now = form.cleaned_data["tenant"], timezone.now()
        if what == "ropa-page":
            page = {"record": ropa(tenant=tenant, now=now)}
            body, kind, ending = str(render_to_string("admin/retention/ropa.html", page)), "text/html", "html"
        else:
            year = now - timedelta(days=365)
            said = audit(tenant=tenant, since=year, now=now) if what == "audit" else ropa(tenant=tenant, now=now)
            body, kind, ending = json.dumps(said, ensure_ascii=False, indent=1), "application/json", "json"
        name = f"{what.partition('-')[0]}-{tenant.slug}-{now:%Y-%m-%d}.{ending}"
        return HttpResponse(
            body,
            content_type=f"{kind}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )


def _initial(policy: Policy) -> dict[str, Any]:
    seconds = int(policy.ttl.total_seconds())
    unit, size = next(((code, size) for code, size, _name in _UNITS if seconds % size == 0), ("minutes", 60))
    return {
        "number": seconds // size,
        "unit": unit,
        "longest_seconds": policy.longest_seconds,
        "lowest_rate": policy.lowest_rate,
        "source": policy.source,
    }
