"""The room of subjects, and what a person had consented to at any instant. Whose a subject is, is masked."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from accounts.models import App
from config.adminpeople.room import PeopleRoom
from consent.enter import enter
from consent.models import Subject
from consent.queries import consents_at


@admin.register(Subject)
class SubjectAdmin(PeopleRoom):
    """Subjects, by id: who they are is told by no list."""

    template = "subject"
    subject_path = "self"
    masked = {"user": _("Whose it is: the account's id"), "email": _("E-mail address")}
    list_display = ("id", "tenant", "created_at", "retired_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)

    def facts(self, request: HttpRequest, row: Subject) -> dict[str, Any]:
        """Return the consents that stood at the instant of `?at=`, by the entries alone (GDPR 7(1))."""
        at = _instant(request.GET.get("at", ""))
        found = consents_at(user=row.user, at=at) if at and row.user else []
        mine = [each for each in found if each.app in _apps_of(row)]
        apps = App.objects.in_bulk({each.app for each in mine})
        return {
            "at": at,
            "asked": request.GET.get("at", ""),
            "now": timezone.now(),
            "consents": [(each, apps.get(each.app)) for each in mine],
        }

    def enter_look(self, request: HttpRequest, row: Subject, *, fields: list[str], purpose: dict[str, str]) -> None:
        """Enter the look in this tenant's log alone; of one who is forgotten there is nothing to see."""
        if row.user is not None:
            officer = str(request.user.pk)
            said = {
                "officer": officer,
                "what": "subject",
                "id": str(row.pk),
                "fields": sorted(fields),
                "why": purpose,
            }
            enter(subject=row, kind="access.viewed", actor=f"officer:{officer}", payload=said, now=timezone.now())

    def value(self, row: Subject, name: str) -> str:
        """Return what a masked field holds."""
        if row.user is None:
            return "-"
        return str(row.user_id) if name == "user" else str(row.user.email or "-")


def _apps_of(subject: Subject) -> set[Any]:
    """Return the apps of the subject's tenant: the same person may be another tenant's subject, which is not looked at here."""
    return set(App.objects.filter(tenant=subject.tenant_id).values_list("id", flat=True))


def _instant(said: str) -> datetime | None:
    """Read a time; one without a zone is UTC."""
    try:
        at = parse_datetime(said)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
