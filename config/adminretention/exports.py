"""The room of what people take with them: what waits, what could not be made and by when it is due; have one made again, give one longer, with a reason."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from config.adminretention.room import REFUSED, RetentionRoom
from retention.errors import ExportGone
from retention.export import extend
from retention.make_exports import try_again
from retention.models import Export

_CHANGE = "change_export"


class ExtendForm(forms.Form):
    """Why it takes longer."""

    reason = forms.CharField(label=_("Why it takes longer"), max_length=500, help_text=_("The person reads it."))


@admin.register(Export)
class ExportAdmin(RetentionRoom):
    """Exports. Whose they are is not shown: their being made takes nobody's look."""

    list_display = ("id", "state", "requested_at", "due_at", "extended_at", "tries", "ready_at", "until")
    list_filter = ("state",)
    ordering = ("-requested_at",)

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        extend_view, again_view = self.admin_site.admin_view(self.extend), self.admin_site.admin_view(self.again)
        return [
            path("<uuid:export_id>/extend/", extend_view, name="retention_export_extend"),
            path("<uuid:export_id>/again/", again_view, name="retention_export_again"),
            *super().get_urls(),
        ]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one."""
        return self._one(request, self._export(object_id), ExtendForm())

    def extend(self, request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
        """Give it longer."""
        self.must_act(request, _CHANGE)
        found, form = self._export(export_id), ExtendForm(request.POST)
        if not form.is_valid() or not isinstance(request.user, User):
            return self._one(request, found, form, status=422)
        try:
            extend(export_id=found.id, officer=request.user, reason=form.cleaned_data["reason"], now=timezone.now())
            messages.success(request, gettext("Extended. The person reads why."))
        except REFUSED as error:
            self.say_no(request, error)
        return redirect("admin:retention_export_change", found.id)

    def again(self, request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
        """Have one made that could not be made."""
        self.must_see(request)
        self.must_act(request, _CHANGE)
        found = self._export(export_id)
        try:
            try_again(export_id=found.id, now=timezone.now())
            messages.success(request, gettext("It is being made again."))
        except ExportGone:
            messages.error(request, gettext("It did not fail, or it has gone."))
        return redirect("admin:retention_export_change", found.id)

    def _one(self, request: HttpRequest, found: Export, form: ExtendForm, *, status: int = 200) -> HttpResponse:
        open_still = found.state in {Export.State.WAITING, Export.State.MAKING, Export.State.FAILED}
        return self.page(
            request,
            "export",
            status=status,
            title=gettext("Export"),
            export=found,
            late=open_still and timezone.now() >= found.due_at,
            form=form,
            may_try=found.state == Export.State.FAILED and self.may_act(request, _CHANGE),
            may_act=open_still and not found.extended_at and self.may_act(request, _CHANGE),
        )

    def _export(self, export_id: Any) -> Export:
        try:
            found = Export.objects.filter(id=uuid.UUID(str(export_id))).first()
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found
