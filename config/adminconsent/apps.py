"""The room of apps: approve with what is missing, suspend, reinstate, a new secret, what an app says of itself and what it declares."""

import uuid
from collections.abc import Callable
from datetime import timedelta

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import App
from config.adminconsent.forms import DeclareForm, DescribeForm, RotateForm, SuspendForm
from config.adminconsent.room import REFUSED, Room
from config.adminconsent.words import APP_TEXTS, LANGUAGES, OPERATIONS, lack, listed, purpose_name
from consent.approve import approve, lacking
from consent.check_fallbacks import check_fallbacks
from consent.declare import declare
from consent.describe_app import describe_app
from consent.models import Purpose, Session
from consent.rotate import rotate
from consent.suspend import reinstate, suspend

_CHANGE = "change_app"


@admin.register(App)
class AppAdmin(Room):
    """Apps."""

    list_display = ("name", "tenant", "standing", "approved_at", "suspended_at", "created")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name",)

    @admin.display(description=_("state"))
    def standing(self, app: App) -> str:
        """Say whether it may ask."""
        if app.suspended_at:
            return gettext("suspended")
        return gettext("approved") if app.approved_at else gettext("waits for approval")

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        acts: dict[str, Callable[..., HttpResponse]] = {
            "approve": self.approve,
            "suspend": self.suspend,
            "reinstate": self.reinstate,
            "rotate": self.rotate,
            "describe": self.describe,
            "declare": self.declare,
            "check": self.check_now,
        }
        return [
            *(path(f"<uuid:app_id>/{name}/", view(act), name=f"accounts_app_{name}") for name, act in acts.items()),
            *super().get_urls(),
        ]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show an app, and what can be done with it."""
        return self._show(request, self._app(object_id))

    def _show(self, request: HttpRequest, app: App) -> HttpResponse:
        now = timezone.now()
        declared = [
            (each, purpose_name(each.purpose), listed(each.operations, OPERATIONS))
            for each in app.declarations.select_related("purpose").order_by("purpose")
        ]
        texts = [
            (label, [(locale, getattr(app, name).get(locale, "")) for locale in LANGUAGES])
            for name, (label, _hint) in APP_TEXTS.items()
        ]
        return self.page(
            request,
            "app",
            title=app.name,
            app=app,
            standing=self.standing(app),
            local=settings.LOCAL,
            lacks=[lack(found) for found in lacking(app, today=now.date())],
            declared=declared,
            texts=texts,
            live=Session.objects.filter(app=app, closed_at=None, expires_at__gt=now).count(),
            may_act=self.may_act(request, _CHANGE),
            suspend=SuspendForm(),
            rotate=RotateForm(),
        )

    def approve(self, request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
        """Approve, or say what is missing."""
        actor, app = self.must_act(request, _CHANGE), self._app(app_id)
        try:
            approve(app_id=app.id, actor=actor, now=timezone.now())
            messages.success(request, gettext("Approved. The app may ask people now."))
        except REFUSED as error:
            self.say_no(request, error)
        return self._back(app)

    def suspend(self, request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
        """Stop the app at once."""
        self.must_act(request, _CHANGE)
        app, form = self._app(app_id), SuspendForm(request.POST)
        if not form.is_valid():
            messages.error(request, gettext("Choose a reason."))
        else:
            reason = form.cleaned_data["reason"]
            suspend(app_id=app.id, reason=reason, officer=str(request.user.pk), now=timezone.now())
            messages.success(request, gettext("Suspended. Every use is refused, and its sessions have ended."))
        return self._back(app)

    def reinstate(self, request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
        """Let a suspended app work again."""
        self.must_act(request, _CHANGE)
        app = self._app(app_id)
        reinstate(app_id=app.id, officer=str(request.user.pk), now=timezone.now())
        messages.success(request, gettext("Reinstated. The app can open sessions again."))
        return self._back(app)

    def rotate(self, request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
        """Give the app a new secret, and show it this once."""
        actor, app = self.must_act(request, _CHANGE), self._app(app_id)
        form = RotateForm(request.POST)
        if not form.is_valid():
            messages.error(request, gettext("The old secret stays good for 0 to 90 days."))
            return self._back(app)
        now, overlap = timezone.now(), timedelta(days=form.cleaned_data["days"])
        secret = rotate(app=app, actor=actor, now=now, overlap=overlap)
        until = now + overlap if overlap else None
        return self.page(
            request,
            "secret",
            title=gettext("New secret of %(app)s") % {"app": app.name},
            app=app,
            secret=secret,
            until=until,
        )

    def describe(self, request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
        """Write what the app says of itself."""
        actor, app = self.must_act(request, _CHANGE, post=False), self._app(app_id)
        if request.method == "POST":
            form = DescribeForm(request.POST)
            if form.is_valid():
                try:
                    describe_app(app_id=app.id, **form.texts(), actor=actor, now=timezone.now())
                except REFUSED as error:
                    self.say_no(request, error)
                else:
                    messages.success(request, gettext("Saved, and entered in the log."))
                    return self._back(app)
        else:
            said = {
                f"{name}.{locale}": getattr(app, name).get(locale, "") for name in APP_TEXTS for locale in LANGUAGES
            }
            form = DescribeForm(initial=said)
        return self._form(request, app, form, title=gettext("What the app says of itself"))

    def declare(self, request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
        """Choose a purpose, then say what the app does for it."""
        actor, app = self.must_act(request, _CHANGE, post=False), self._app(app_id)
        purpose = Purpose.objects.filter(slug=request.GET.get("purpose", "")).first()
        if purpose is None:
            declared = set(app.declarations.values_list("purpose_id", flat=True))
            catalogue = [
                (each, purpose_name(each), each.slug in declared)
                for each in Purpose.objects.order_by("strength", "slug")
            ]
            return self.page(request, "choose", title=gettext("Declare a purpose"), app=app, catalogue=catalogue)
        if request.method == "POST":
            form = DeclareForm(request.POST, purpose=purpose)
            if form.is_valid():
                try:
                    declare(app_id=app.id, purpose=purpose.slug, **form.cleaned_data, actor=actor, now=timezone.now())
                except (*REFUSED, ValueError) as error:
                    self.say_no(request, error)
                else:
                    said = gettext("Declared. People are asked once a notice is published that says so.")
                    messages.success(request, said)
                    return self._back(app)
        else:
            known = app.declarations.filter(purpose=purpose).first()
            said_before = (
                {
                    "operations": known.operations,
                    "fallback_url": known.fallback_url,
                    "attested": bool(known.attested_by),
                }
                if known
                else {"operations": purpose.operations}
            )
            form = DeclareForm(initial=said_before, purpose=purpose)
        return self._form(
            request, app, form, title=gettext("Declare: %(purpose)s") % {"purpose": purpose_name(purpose)}
        )

    def check_now(self, request: HttpRequest, app_id: uuid.UUID) -> HttpResponse:
        """Call the addresses where the app is had without consent."""
        self.must_act(request, _CHANGE)
        app = self._app(app_id)
        if not app.declarations.exclude(fallback_url="").exists():
            messages.warning(request, gettext("The app has declared no address to call."))
        elif check_fallbacks(clock=timezone.now, app_id=app.id):
            messages.error(request, gettext("Not every address answers."))
        else:
            messages.success(request, gettext("Every address answers without a consent."))
        return self._back(app)

    def _form(self, request: HttpRequest, app: App, form: forms.Form, *, title: str) -> HttpResponse:
        return self.page(request, "form", title=title, back=_page_of(app), within=app.name, form=form)

    def _app(self, app_id: uuid.UUID | str) -> App:
        try:
            key = uuid.UUID(str(app_id))
        except ValueError:
            raise Http404 from None
        app: App | None = App.objects.select_related("tenant").filter(id=key).first()
        if app is None:
            raise Http404
        return app

    def _back(self, app: App) -> HttpResponse:
        return redirect(_page_of(app))


def _page_of(app: App) -> str:
    return reverse("admin:accounts_app_change", args=[app.id])
