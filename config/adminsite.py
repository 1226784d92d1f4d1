"""The compliance officer's admin: read-only, and who looks at a person's record is itself entered (`access.viewed`)."""

from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import second_factor
from accounts.models import User
from config.alarmwords import Shown, shown
from config.alertwords import open_alerts
from consent.enter import enter, enter_for_tenant
from consent.models import Subject
from ledger.overview import standings

_NO_FACTOR = _(
    "Officers sign in with a second factor. Add a passkey or an authenticator app; nothing of the admin opens before."
)
_NOT_SHOWN = _("The admin opens to a second factor. Show yours to go on.")


class ReadOnly(admin.ModelAdmin[Any]):
    """Rows change through verbs, never here."""

    subject_path: ClassVar[str] = ""
    """Where a row's subject is found, for rows about a person."""

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: models.Model | None = None) -> bool:
        """Nobody."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row; one about a person is shown only once the look at it is entered."""
        with transaction.atomic():
            response = super().changeform_view(request, object_id, form_url, extra_context)
            row = self.get_object(request, object_id) if object_id and self.subject_path else None
            if row is not None:
                self._enter_view(request, row)
        return response

    def history_view(
        self, _request: HttpRequest, object_id: str, _extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """There is none: rows change through verbs, and the ledger says so. Django's page would name the row by what it holds."""
        raise Http404(object_id)

    def _enter_view(self, request: HttpRequest, row: models.Model) -> None:
        subject: Any = row
        for step in self.subject_path.split("."):
            subject = subject if step == "self" else getattr(subject, step)
        if not isinstance(subject, Subject) or not request.user.pk:
            return
        said: dict[str, Any] = {
            "kind": "access.viewed",
            "actor": f"officer:{request.user.pk}",
            "payload": {"officer": str(request.user.pk), "what": type(row).__name__.lower(), "id": str(row.pk)},
            "now": timezone.now(),
        }
        if subject.user_id is None:  # forgotten: nobody can say any more whom it was about
            enter_for_tenant(tenant=subject.tenant, **said)
        else:
            enter(subject=subject, **said)


class ComplianceSite(admin.AdminSite):
    """The site."""

    site_header = _("Consonant: compliance")
    site_title = _("Consonant")
    index_title = _("Records")
    index_template = "admin/records.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in an officer whose session was opened with a second factor."""
        return super().has_permission(request) and second_factor.is_shown(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send an officer without a second factor where they can show one, or enrol one, and say why."""
        if not isinstance(request.user, User):
            return super().login(request, extra_context)
        after = get_next_redirect_url(request) or reverse("admin:index")
        if self.has_permission(request):
            return redirect(after)
        way = second_factor.way_to_it(request.user)
        messages.warning(request, _NO_FACTOR if way == second_factor.ENROL else _NOT_SHOWN)
        return redirect(f"{reverse(way)}?{urlencode({REDIRECT_FIELD_NAME: after})}")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what there is; first of all, what is wrong with a log or on a host now."""
        alarms: list[Shown] = []
        if request.user.has_perm("ledger.view_alarm"):
            now = timezone.now()
            alarms = shown((each for log in standings(now=now) for each in log.troubles), now=now)
        alerts, open_now = open_alerts() if request.user.has_perm("guard.view_alert") else ([], 0)
        said = {"alarms": alarms, "open_alerts": alerts, "open_now": open_now}
        return super().index(request, {**said, **(extra_context or {})})

    def register(
        self,
        model_or_iterable: type[models.Model] | Iterable[type[models.Model]],
        admin_class: type[admin.ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        """Register read-only pages; the editable ones that libraries bring (tokens, addresses, groups) are left out."""
        if admin_class is not None and issubclass(admin_class, ReadOnly):
            super().register(model_or_iterable, admin_class, **options)
