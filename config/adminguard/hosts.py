"""The room of hosts: register one with a token that is shown once, give it another, remove it; when it was last heard."""

import uuid
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import App
from config.adminguard.room import REFUSED, GuardRoom
from config.alertwords import title_of
from guard.models import Alert, Host, Malformed
from guard.register_host import register_host
from guard.remove_host import remove_host
from guard.rotate_token import rotate_token

_ADD, _CHANGE = "add_host", "change_host"
_NEWEST: Final = 10


class RegisterForm(forms.Form):
    """A new host."""

    app = forms.ModelChoiceField(
        label=_("App"),
        queryset=App.objects.order_by("name"),
        empty_label=None,
        help_text=_("What it runs: what is suspended when the host goes wrong."),
    )
    name = forms.CharField(label=_("Name"), max_length=60)
    profile = forms.ChoiceField(label=_("Voice program"), choices=Host.Profile.choices)
    timezone = forms.CharField(
        label=_("Time zone"),
        max_length=60,
        initial="UTC",
        help_text=_("Where it stands: Europe/Berlin, Asia/Shanghai. By it is told when it is night there."),
    )
    listens_only = forms.BooleanField(
        label=_("It only listens: every connection outwards is an alarm"), required=False, initial=True
    )


class RotateForm(forms.Form):
    """Another token."""

    at_once = forms.BooleanField(label=_("The present one ends at once, not in a day"), required=False)


@admin.register(Host)
class HostAdmin(GuardRoom):
    """Hosts."""

    list_display = ("name", "app", "profile", "heard", "listens_only", "removed_at")
    list_filter = ("profile", "app")
    list_select_related = ("app",)
    search_fields = ("name",)
    ordering = ("removed_at", "name")
    change_list_template = "admin/guard/hosts.html"

    @admin.display(description=_("last heard"), ordering="last_heartbeat_at")
    def heard(self, host: Host) -> Any:
        """Say when its last heartbeat came."""
        return host.last_heartbeat_at or _("never")

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("new/", view(self.new), name="guard_host_new"),
            path("<uuid:host_id>/rotate/", view(self.rotate), name="guard_host_rotate"),
            path("<uuid:host_id>/remove/", view(self.remove), name="guard_host_remove"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show them all."""
        return super().changelist_view(request, {"may_act": self.may_act(request, _ADD), **(extra_context or {})})

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one."""
        host = self._host(object_id)
        monitors = host.status.get("monitors") if isinstance(host.status, dict) else None
        alerts = (
            Alert.objects.filter(host=host).order_by("-raised_at")[:_NEWEST]
            if request.user.has_perm("guard.view_alert")
            else []
        )
        return self.page(
            request,
            "host",
            title=host.name,
            host=host,
            said=host.status or {},
            monitors=monitors if isinstance(monitors, dict) else {},
            malformed=Malformed.objects.filter(host=host).order_by("-received_at")[:_NEWEST],
            alerts=[(alert, title_of(alert.rule)) for alert in alerts],
            rotate=RotateForm(),
            may_act=host.removed_at is None and self.may_act(request, _CHANGE),
        )

    def new(self, request: HttpRequest) -> HttpResponse:
        """Register one, and show its token this once."""
        actor, form = self.must_act(request, _ADD, post=False), RegisterForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = register_host(**form.cleaned_data, actor=actor, now=timezone.now())
                return self._show_token(request, made.host, made.token)
            except REFUSED as error:
                self.say_no(request, error)
        return self.page(
            request,
            "new_host",
            status=200 if request.method == "GET" else 422,
            title=gettext("Register a host"),
            form=form,
        )

    def rotate(self, request: HttpRequest, host_id: uuid.UUID) -> HttpResponse:
        """Give it another token, and show it this once."""
        actor, form = self.must_act(request, _CHANGE), RotateForm(request.POST)
        host = self._host(host_id)
        overlap = timedelta(0) if form.is_valid() and form.cleaned_data["at_once"] else timedelta(days=1)
        try:
            token = rotate_token(host_id=host.id, actor=actor, now=timezone.now(), overlap=overlap)
        except REFUSED as error:
            self.say_no(request, error)
            return redirect("admin:guard_host_change", host.id)
        return self._show_token(request, host, token)

    def remove(self, request: HttpRequest, host_id: uuid.UUID) -> HttpResponse:
        """Take nothing from it any more."""
        actor = self.must_act(request, _CHANGE)
        host = self._host(host_id)
        remove_host(host_id=host.id, actor=actor, now=timezone.now())
        messages.success(request, gettext("Removed. What it still sends is refused."))
        return redirect("admin:guard_host_change", host.id)

    def _show_token(self, request: HttpRequest, host: Host, token: str) -> HttpResponse:
        return self.page(request, "token", title=host.name, host=host, token=token)

    def _host(self, host_id: Any) -> Host:
        try:
            found = Host.objects.select_related("app", "tenant").filter(id=uuid.UUID(str(host_id))).first()
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found
