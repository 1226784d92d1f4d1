"""The room of delegations: an officer decides, on the document, who may act for whom. Who the two are is masked, the document too."""

import uuid
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

import vault.blobs
from accounts.models import User
from config.adminpeople.letter import tell_of
from config.adminpeople.look import LookForm, enter_look
from config.adminpeople.room import PeopleRoom
from consent.capacity import Relationship
from consent.delegate_decide import approve, refuse_delegation
from consent.delegate_end import OPEN, end_by_officer
from consent.errors import AgeUnsaid, ConsentError, DelegationDecided, DelegationForbidden
from consent.models import Delegation
from vault.blobs import Kind
from vault.errors import BlobGone

REFUSED_FOR = {
    "unreadable": _("The document cannot be read"),
    "not_shown": _("The document does not show it"),
    "person_unknown": _("There is no such person here"),
    "forbidden": _("The law, or what the person decided, does not allow it"),
}
RELATIONSHIPS = {"guardian": _("guardian"), "attorney": _("power of attorney"), "estate": _("estate")}
_CHANGE = "change_delegation"
_ENDINGS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
_NO = {
    AgeUnsaid: _("Nobody has said when the person was born."),
    DelegationDecided: _("This has been decided already."),
    DelegationForbidden: _(
        "This cannot be approved: nobody is known by what was said, or the person is an adult, or wished otherwise in life, "
        "or the day of death is missing, or they act already, or you are one of the two."
    ),
}


class ApproveForm(forms.Form):
    """What the document says besides."""

    died_on = forms.DateField(
        label=_("Day of death, by the document"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, relationship: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if relationship == Relationship.ESTATE:
            self.fields["died_on"].required = True
        else:
            del self.fields["died_on"]


class RefuseForm(forms.Form):
    """Why not."""

    reason = forms.ChoiceField(label=_("Reason"), choices=[("", "-"), *REFUSED_FOR.items()])


@admin.register(Delegation)
class DelegationAdmin(PeopleRoom):
    """Who may act for whom."""

    template = "delegation"
    masked = {
        "principal": _("The person: e-mail address"),
        "delegate": _("Who wants to act: e-mail address"),
        "born_on": _("The person was born on"),
    }
    list_display = ("id", "kind", "state", "agreed", "requested_at", "decided_at", "valid_until", "ended_at")
    list_filter = ("state", "relationship")
    ordering = ("-requested_at",)

    @admin.display(description=_("acts as"), ordering="relationship")
    def kind(self, delegation: Delegation) -> str:
        """Name the relationship."""
        return str(RELATIONSHIPS.get(delegation.relationship, delegation.relationship))

    @admin.display(description=_("the person agreed"), boolean=True)
    def agreed(self, delegation: Delegation) -> bool:
        """Say whether the person agreed, or there is the document alone."""
        return delegation.agreed_at is not None

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        acts = {"document": self.document, "approve": self.approve, "refuse": self.refuse, "end": self.end}
        return [
            *(
                path(f"<uuid:row_id>/{name}/", view(act), name=f"consent_delegation_{name}")
                for name, act in acts.items()
            ),
            *super().get_urls(),
        ]

    def document(self, request: HttpRequest, row_id: uuid.UUID) -> HttpResponse:
        """Hand out the document as a file, once the look at it is entered."""
        self.must_act(request, _CHANGE)
        delegation, form = self.row(request, row_id), LookForm(request.POST, prefix="document")
        if not form.is_valid():
            messages.error(request, gettext("Nothing is shown without saying what, what for, and in words why."))
            return self.show(request, delegation, paper=form, status=422)
        try:
            data = vault.blobs.read(blob=delegation.id, kind=Kind.DOCUMENT)
        except BlobGone:
            messages.error(request, gettext("The document has been destroyed."))
            return self._back(delegation)
        with transaction.atomic():
            self.enter_look(request, delegation, fields=["document"], purpose=form.purpose)
        name = f"delegation-{delegation.id}.{_ENDINGS.get(delegation.document_type, 'bin')}"
        return HttpResponse(
            data,
            content_type=delegation.document_type or "application/octet-stream",
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )

    def approve(self, request: HttpRequest, row_id: uuid.UUID) -> HttpResponse:
        """Let the delegate act."""
        self.must_act(request, _CHANGE)
        delegation = self.row(request, row_id)
        form = ApproveForm(request.POST, relationship=delegation.relationship)
        if not form.is_valid():
            messages.error(request, gettext("An estate is approved with the day of death."))
            return self._back(delegation)
        died_on: date | None = form.cleaned_data.get("died_on")
        try:
            approved = approve(
                delegation_id=delegation.id, officer=_officer(request), now=timezone.now(), died_on=died_on
            )
        except ConsentError as error:
            messages.error(request, _NO.get(type(error)) or str(error.__doc__))
        else:
            tell_of(approved)
            messages.success(request, gettext("Approved, from now on."))
        return self._back(delegation)

    def refuse(self, request: HttpRequest, row_id: uuid.UUID) -> HttpResponse:
        """Refuse, and destroy the document."""
        self.must_act(request, _CHANGE)
        delegation, form = self.row(request, row_id), RefuseForm(request.POST)
        if not form.is_valid():
            messages.error(request, gettext("Choose a reason."))
            return self._back(delegation)
        reason = form.cleaned_data["reason"]
        try:
            refuse_delegation(delegation_id=delegation.id, reason=reason, officer=_officer(request), now=timezone.now())
        except ConsentError as error:
            messages.error(request, _NO.get(type(error)) or str(error.__doc__))
        else:
            messages.success(request, gettext("Refused. The document is destroyed."))
        return self._back(delegation)

    def end(self, request: HttpRequest, row_id: uuid.UUID) -> HttpResponse:
        """End one that stands, or that waits."""
        self.must_act(request, _CHANGE)
        delegation = self.row(request, row_id)
        try:
            end_by_officer(delegation_id=delegation.id, officer=_officer(request), now=timezone.now())
        except ConsentError as error:
            messages.error(request, _NO.get(type(error)) or str(error.__doc__))
        else:
            messages.success(request, gettext("Ended, from now on."))
        return self._back(delegation)

    def facts(self, _request: HttpRequest, row: Delegation) -> dict[str, Any]:
        """Return what the page shows besides, and its forms."""
        person = row.principal
        return {
            "relationship": self.kind(row),
            "waits": row.state == Delegation.State.REQUESTED,
            "open": row.state in OPEN,
            "nobody": person.email is None and person.born_on is None,
            "says_adult": row.relationship == Relationship.GUARDIAN and person.is_adult,
            "wished_otherwise": row.relationship == Relationship.ESTATE and not person.relatives_may_act,
            "reason": REFUSED_FOR.get(row.end_reason, row.end_reason),
            "given": row.grants.count(),
            "paper": LookForm(prefix="document") if row.document_type else None,
            "approve": ApproveForm(relationship=row.relationship),
            "refuse": RefuseForm(),
        }

    def enter_look(self, request: HttpRequest, row: Delegation, *, fields: list[str], purpose: dict[str, str]) -> None:
        """Enter the look, about the person for whom somebody acts."""
        enter_look(request, person=row.principal, what="delegation", fields=fields, purpose=purpose, id=str(row.pk))

    def value(self, row: Delegation, name: str) -> str:
        """Return what a masked field holds."""
        if name == "born_on":
            return str(row.born_on or row.principal.born_on or "-")
        return str((row.principal if name == "principal" else row.delegate).email or "-")

    def _back(self, delegation: Delegation) -> HttpResponse:
        return redirect(reverse("admin:consent_delegation_change", args=[delegation.id]))


def _officer(request: HttpRequest) -> User:
    if not isinstance(request.user, User):  # the admin lets nobody else in
        raise PermissionDenied
    return request.user
