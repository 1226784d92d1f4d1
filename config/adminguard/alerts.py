"""The room of alerts: what was noticed on which host, the processes around it, what was done about it, and how to undo that."""

import json
import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from config.adminguard.room import REFUSED, GuardRoom, entry_address
from config.adminguard.tree import Seen, draw
from config.alertwords import BAD, description_of, title_of
from guard.close_alert import close_alert
from guard.models import Alert, Answer, Event, Reason
from guard.pack import rule_of
from guard.queries import process_tree
from guard.undo import undo

_CHANGE = "change_alert"


class UndoForm(forms.Form):
    """Why what was done is undone."""

    reason = forms.ChoiceField(label=_("The reason"), choices=Reason.choices)
    note = forms.CharField(
        label=_("In your own words"),
        max_length=200,
        required=False,
        help_text=_("No entry holds them. Name no person here."),
    )


@admin.register(Alert)
class AlertAdmin(GuardRoom):
    """Alerts."""

    list_display = ("what", "severity", "host", "app", "state", "at", "count")
    list_display_links = ("what",)
    list_filter = ("state", "level", "app", "host")
    list_select_related = ("host", "app")
    date_hierarchy = "raised_at"
    ordering = ("-raised_at",)

    @admin.display(description=_("alert"), ordering="rule")
    def what(self, alert: Alert) -> str:
        """Name it as its rule does."""
        return title_of(alert.rule)

    @admin.display(description=_("level"), ordering="level")
    def severity(self, alert: Alert) -> SafeString:
        """Say how bad it is; in red as long as it is open."""
        return format_html('<span class="{}">{}</span>', _tone(alert), alert.get_level_display())

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("<uuid:alert_id>/undo/", view(self.undo), name="guard_alert_undo"),
            path("<uuid:alert_id>/close/", view(self.close), name="guard_alert_close"),
            *super().get_urls(),
        ]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one."""
        return self._one(request, self._alert(object_id), UndoForm())

    def _one(self, request: HttpRequest, alert: Alert, form: UndoForm, *, status: int = 200) -> HttpResponse:
        rule = rule_of(alert.rule)
        evidence = list(Event.objects.filter(host=alert.host_id, id__in=alert.evidence).order_by("at", "id"))
        picture = draw(_seen(event, alert) for event in process_tree(alert))
        answers = list(Answer.objects.filter(alert=alert).order_by("order"))
        may_act = self.may_act(request, _CHANGE)
        return self.page(
            request,
            "alert",
            status=status,
            title=title_of(alert.rule),
            alert=alert,
            tone=_tone(alert),
            entry=entry_address(alert.entry),
            rule=rule,
            description=description_of(rule),
            summary=_pretty(alert.summary),
            evidence=[(event, _pretty(event.data)) for event in evidence],
            gone=len(alert.evidence) - len(evidence),
            picture=picture,
            answers=[
                (
                    answer,
                    entry_address(answer.entry) if answer.entry else "",
                    entry_address(answer.undo_entry) if answer.undo_entry else "",
                )
                for answer in answers
            ],
            form=form,
            may_undo=may_act and alert.state != Alert.State.UNDONE and (status != 200 or bool(answers)),
            may_close=may_act and alert.state != Alert.State.CLOSED,
        )

    def undo(self, request: HttpRequest, alert_id: uuid.UUID) -> HttpResponse:
        """Take back what was done."""
        self.must_act(request, _CHANGE)
        alert, form = self._alert(alert_id), UndoForm(request.POST)
        if not form.is_valid():
            return self._one(request, alert, form, status=422)
        try:
            undone = undo(alert_id=alert.id, officer=str(request.user.pk), now=timezone.now(), **form.cleaned_data)
        except REFUSED as error:
            self.say_no(request, error)
            return redirect("admin:guard_alert_change", alert.id)
        messages.success(request, gettext("Undone. The app works again.") if undone.reinstated else gettext("Undone."))
        if undone.destroyed:
            said = ngettext(
                "%(count)d thing was destroyed and does not come back.",
                "%(count)d things were destroyed and do not come back.",
                undone.destroyed,
            )
            messages.warning(request, said % {"count": undone.destroyed})
        return redirect("admin:guard_alert_change", alert.id)

    def close(self, request: HttpRequest, alert_id: uuid.UUID) -> HttpResponse:
        """Say that it was seen to."""
        self.must_act(request, _CHANGE)
        alert = self._alert(alert_id)
        close_alert(alert_id=alert.id, officer=str(request.user.pk), now=timezone.now())
        messages.success(request, gettext("Closed. What was done about it stays done."))
        return redirect("admin:guard_alert_change", alert.id)

    def _alert(self, alert_id: Any) -> Alert:
        try:
            found = Alert.objects.select_related("host", "app").filter(id=uuid.UUID(str(alert_id))).first()
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found


def _tone(alert: Alert) -> str:
    return "alarmed" if alert.level in BAD and alert.state in Alert.LIVING else ""


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _seen(event: Event, alert: Alert) -> Seen:
    return Seen(
        event.id, f"{event.at:%H:%M:%S}", event.code, event.entity, event.parent, event.data, event.id in alert.evidence
    )
