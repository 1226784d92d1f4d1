"""The room of tenants: how an organisation is reached, which its notices and receipts name."""

import uuid

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from config.adminconsent.room import Room
from consent.describe_tenant import describe_tenant

_CHANGE = "change_tenant"


class ReachForm(forms.Form):
    """How an organisation is reached."""

    address = forms.CharField(label=_("Postal address"), max_length=300)
    contact = forms.CharField(
        label=_("Contact for privacy"),
        max_length=200,
        help_text=_("An e-mail address or a telephone number of its own."),
    )
    country = forms.RegexField(
        r"\A[A-Z]{2}\Z", label=_("Country"), help_text=_("Two capital letters (ISO 3166-1): DE, for instance.")
    )


@admin.register(Tenant)
class TenantAdmin(Room):
    """Tenants."""

    list_display = ("name", "slug", "origin", "contact", "country", "created_at")

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view(self.describe)
        return [path("<uuid:tenant_id>/describe/", view, name="accounts_tenant_describe"), *super().get_urls()]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a tenant, and how it is reached."""
        tenant = self.get_object(request, object_id)
        if tenant is None:
            raise Http404
        return self._show(request, tenant, ReachForm(initial=_said(tenant)))

    def describe(self, request: HttpRequest, tenant_id: uuid.UUID) -> HttpResponse:
        """Write how it is reached."""
        actor, tenant = self.must_act(request, _CHANGE), Tenant.objects.filter(id=tenant_id).first()
        if tenant is None:
            raise Http404
        form = ReachForm(request.POST)
        if not form.is_valid():
            return self._show(request, tenant, form, status=422)
        describe_tenant(tenant_id=tenant.id, **form.cleaned_data, actor=actor, now=timezone.now())
        messages.success(request, gettext("Saved. Published notices stay as they are: write the next version of each."))
        return redirect(reverse("admin:accounts_tenant_change", args=[tenant.id]))

    def _show(self, request: HttpRequest, tenant: Tenant, form: ReachForm, *, status: int = 200) -> HttpResponse:
        return self.page(
            request,
            "tenant",
            status=status,
            title=tenant.name,
            tenant=tenant,
            apps=tenant.apps.order_by("name", "id"),
            form=form,
            may_act=self.may_act(request, _CHANGE),
        )


def _said(tenant: Tenant) -> dict[str, str]:
    return {"address": tenant.address, "contact": tenant.contact, "country": tenant.country}
