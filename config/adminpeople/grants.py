"""The room of grants: read, and ended by an officer for one of a few reasons."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.adminconsent.room import REFUSED
from config.adminconsent.words import OPERATIONS, listed, purpose_name
from config.adminpeople.room import PeopleRoom
from consent.machine import Event, MoveForbidden, move
from consent.models import Grant
from consent.revoke import revoke

REASONS = {
    "controller": _("The organisation steps back"),
    "app_removed": _("The app is removed"),
    "court": _("A court found it invalid"),
    "fraud": _("It was got by fraud"),
    "wrong_speaker": _("The voice was somebody else's"),
    "minor_found": _("The person turned out to be a minor"),
}
_CHANGE = "change_grant"


class EndForm(forms.Form):
    """Why it ends."""

    reason = forms.ChoiceField(label=_("Reason"), choices=[("", "-"), *REASONS.items()])


@admin.register(Grant)
class GrantAdmin(PeopleRoom):
    """Grants."""

    template = "grant"
    subject_path = "subject"
    list_display = ("id", "app", "purpose", "state", "valid_from", "valid_until", "uses_left")
    list_filter = ("state", "purpose")
    list_select_related = ("app", "purpose")
    date_hierarchy = "valid_from"

    def get_urls(self) -> list[URLPattern]:
        """Add the end; first, for Django's own take any path."""
        view = self.admin_site.admin_view(self.end)
        return [path("<uuid:row_id>/end/", view, name="consent_grant_end"), *super().get_urls()]

    def end(self, request: HttpRequest, row_id: uuid.UUID) -> HttpResponse:
        """Revoke it, or find it invalid: what it had let in is destroyed."""
        self.must_act(request, _CHANGE)
        grant, form = self.row(request, row_id), EndForm(request.POST)
        if not form.is_valid():
            messages.error(request, gettext("Choose a reason."))
        else:
            try:
                revoke(
                    grant_id=grant.id,
                    reason=form.cleaned_data["reason"],
                    officer=str(request.user.pk),
                    now=timezone.now(),
                )
            except REFUSED as error:
                self.say_no(request, error)
            else:
                messages.success(request, gettext("Ended. What it had let in is being destroyed."))
        return redirect(reverse("admin:consent_grant_change", args=[grant.id]))

    def facts(self, _request: HttpRequest, row: Grant) -> dict[str, Any]:
        """Return the words for what the row holds."""
        try:
            move(row.state, Event.INVALIDATE)
        except MoveForbidden:
            can_end = False
        else:
            can_end = True
        return {
            "purpose": purpose_name(row.purpose),
            "operations": listed(row.operations, OPERATIONS),
            "sessions": row.sessions.order_by("-opened_at")[:20],
            "statements": row.statements.filter(spoken_at__isnull=False).order_by("-spoken_at"),
            "end": EndForm(),
            "can_end": can_end,
        }
