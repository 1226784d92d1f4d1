"""The room of processors: third parties to which apps pass things on, registered one by one; and where an app can be asked to look."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import App
from config.adminretention.room import REFUSED, RetentionRoom
from retention.models import Disclosure, ProbeAddress, Processor
from retention.register_processor import Words, end_processor, register_processor, set_probe

_ADD, _CHANGE = "add_processor", "change_processor"


class RegisterForm(forms.Form):
    """A new processor."""

    app = forms.ModelChoiceField(label=_("App"), queryset=App.objects.order_by("name"), empty_label=None)
    name = forms.CharField(label=_("Name"), max_length=120)
    service = forms.CharField(label=_("What it does"), max_length=200)
    country = forms.CharField(
        label=_("Country"), min_length=2, max_length=2, help_text=_("As ISO 3166 writes it: DE, US.")
    )
    contact = forms.CharField(label=_("Contact for privacy"), max_length=200)
    agreement = forms.CharField(
        label=_("Agreement"), max_length=200, help_text=_("Where the contract that binds it is found.")
    )
    keeps_days = forms.IntegerField(
        label=_("Days for which it keeps what it gets"), min_value=0, max_value=3650, initial=30
    )
    endpoint = forms.URLField(
        label=_("Address for erasure requests"),
        max_length=2000,
        required=False,
        assume_scheme="https",
        help_text=_("Empty: it is asked by letter."),
    )
    probe_url = forms.CharField(
        label=_("Address to look whether something is gone"),
        max_length=2000,
        required=False,
        help_text=_("With {disclosure} where the id goes; it answers 404 or 410 once the thing is gone."),
    )

    def words(self) -> Words:
        """Return what was written."""
        said = dict(self.cleaned_data)
        del said["app"]
        return Words(keeps_for=timedelta(days=said.pop("keeps_days")), **said)


class ProbeForm(forms.Form):
    """Where an app can be asked."""

    app = forms.ModelChoiceField(label=_("App"), queryset=App.objects.order_by("name"), empty_label=None)
    url = forms.CharField(
        label=_("Address to look whether something is gone"),
        max_length=2000,
        required=False,
        help_text=_(
            "With {artifact} where the id goes; it answers 404 or 410 once the thing is gone. Empty: nobody looks."
        ),
    )


@admin.register(Processor)
class ProcessorAdmin(RetentionRoom):
    """Processors."""

    list_display = ("name", "app", "service", "country", "keeps_for", "registered_at", "ended_at")
    list_filter = ("app", "country")
    list_select_related = ("app",)
    ordering = ("ended_at", "name")
    change_list_template = "admin/retention/processors.html"

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("new/", view(self.new), name="retention_processor_new"),
            path("look/", view(self.look), name="retention_processor_look"),
            path("<uuid:processor_id>/end/", view(self.end), name="retention_processor_end"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show them all, and where apps can be asked."""
        more = {
            "may_act": self.may_act(request, _ADD),
            "addresses": ProbeAddress.objects.select_related("app").order_by("app__name"),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one."""
        processor = self._processor(object_id)
        counts = dict(
            Disclosure.objects.filter(processor=processor)
            .values_list("state")
            .annotate(n=Count("id"))
            .order_by("state")
        )
        return self.page(
            request,
            "processor",
            title=processor.name,
            processor=processor,
            counts=[(Disclosure.State(state).label, n) for state, n in counts.items()],
            may_act=processor.ended_at is None and self.may_act(request, _CHANGE),
        )

    def new(self, request: HttpRequest) -> HttpResponse:
        """Register one, and show its secret this once."""
        self.must_act(request, _ADD, post=False)
        form = RegisterForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = register_processor(
                    app=form.cleaned_data["app"],
                    words=form.words(),
                    officer=str(request.user.pk),
                    now=timezone.now(),
                )
                return self.page(
                    request,
                    "processor_secret",
                    title=made.processor.name,
                    processor=made.processor,
                    secret=made.secret,
                )
            except REFUSED as error:
                self.say_no(request, error)
        return self._ask(request, form, title=gettext("Register a processor"))

    def look(self, request: HttpRequest) -> HttpResponse:
        """Say where an app can be asked whether something is gone."""
        self.must_act(request, _ADD, post=False)
        form = ProbeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                set_probe(app=form.cleaned_data["app"], url=form.cleaned_data["url"])
                messages.success(request, gettext("Saved."))
                return redirect("admin:retention_processor_changelist")
            except REFUSED as error:
                self.say_no(request, error)
        return self._ask(request, form, title=gettext("Where an app can be asked"))

    def _ask(self, request: HttpRequest, form: forms.Form, *, title: str) -> HttpResponse:
        status = 200 if request.method == "GET" else 422
        return self.page(request, "new_processor", status=status, title=title, form=form)

    def end(self, request: HttpRequest, processor_id: uuid.UUID) -> HttpResponse:
        """Pass nothing on to it any more."""
        self.must_act(request, _CHANGE)
        processor = self._processor(processor_id)
        end_processor(processor_id=processor.id, officer=str(request.user.pk), now=timezone.now())
        messages.success(request, gettext("Ended. It still has to erase what it got."))
        return redirect("admin:retention_processor_change", processor.id)

    def _processor(self, processor_id: Any) -> Processor:
        try:
            found = Processor.objects.select_related("app").filter(id=uuid.UUID(str(processor_id))).first()
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found
