"""The room of purposes: the catalogue, each sensitive one with its impact assessments; add one, put an assessment beside one."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.adminconsent.forms import AssessForm, PurposeForm
from config.adminconsent.room import REFUSED, Room
from config.adminconsent.words import OPERATIONS, USE_CLASSES, listed, purpose_name
from consent.catalogue import ASSESSED_FOR_YEARS, add_purpose, assess, years_after
from consent.models import Assessment, Declaration, Purpose

_ADD, _ASSESS = "add_purpose", "add_assessment"


@admin.register(Purpose)
class PurposeAdmin(Room):
    """The catalogue."""

    list_display = ("slug", "name", "used_for", "strength", "is_sensitive", "assessed")
    list_filter = ("use_class", "is_sensitive", "provides", "trades_voiceprints")
    ordering = ("strength", "slug")
    change_list_template = "admin/consent/purposes.html"

    @admin.display(description=_("name"))
    def name(self, purpose: Purpose) -> str:
        """Name it."""
        return purpose_name(purpose)

    @admin.display(description=_("class of use"), ordering="use_class")
    def used_for(self, purpose: Purpose) -> str:
        """Name its class."""
        return str(USE_CLASSES.get(purpose.use_class, purpose.use_class))

    @admin.display(description=_("impact assessment"))
    def assessed(self, purpose: Purpose) -> str:
        """Say whether its assessment counts."""
        if not purpose.is_sensitive:
            return gettext("not needed")
        newest = _newest(purpose)
        if newest is None:
            return gettext("none")
        return gettext("counts") if _counts(newest) else gettext("too old")

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        return [
            path("new/", view(self.new), name="consent_purpose_new"),
            path("<slug:slug>/assess/", view(self.assess), name="consent_purpose_assess"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the catalogue."""
        return super().changelist_view(request, {"may_act": self.may_act(request, _ADD), **(extra_context or {})})

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a purpose."""
        return self._show(request, self._purpose(object_id), AssessForm())

    def _show(self, request: HttpRequest, purpose: Purpose, form: AssessForm, *, status: int = 200) -> HttpResponse:
        assessments = [(each, _counts(each)) for each in purpose.assessments.order_by("-made_on", "-id")]
        declared = Declaration.objects.select_related("app").filter(purpose=purpose).order_by("app__name")
        return self.page(
            request,
            "purpose",
            status=status,
            title=purpose_name(purpose),
            purpose=purpose,
            names=sorted(purpose.names.items()),
            use_class=USE_CLASSES.get(purpose.use_class, purpose.use_class),
            operations=listed(purpose.operations, OPERATIONS),
            assessments=assessments,
            counts=any(counts for _, counts in assessments),
            declared=declared,
            form=form,
            may_act=self.may_act(request, _ASSESS),
        )

    def new(self, request: HttpRequest) -> HttpResponse:
        """Put a purpose into the catalogue."""
        actor = self.must_act(request, _ADD, post=False)
        form = PurposeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            said = dict(form.cleaned_data)
            names = {"en": said.pop("english"), "zh-hans": said.pop("chinese")}
            try:
                purpose = add_purpose(names=names, **said, actor=actor, now=timezone.now())
            except REFUSED as error:
                self.say_no(request, error)
            else:
                messages.success(request, gettext("Added, and entered in the platform's log."))
                return redirect(_page_of(purpose))
        return self.page(
            request,
            "form",
            title=gettext("Add a purpose"),
            back=reverse("admin:consent_purpose_changelist"),
            within=gettext("Purposes"),
            form=form,
        )

    def assess(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Put an assessment beside a purpose."""
        actor, purpose = self.must_act(request, _ASSESS), self._purpose(slug)
        form = AssessForm(request.POST)
        if not form.is_valid():
            return self._show(request, purpose, form, status=422)
        try:
            assess(purpose=purpose.slug, **form.cleaned_data, actor=actor, now=timezone.now())
            messages.success(request, gettext("Added, and entered in the platform's log."))
        except REFUSED as error:
            self.say_no(request, error)
        return redirect(_page_of(purpose))

    def _purpose(self, slug: str) -> Purpose:
        purpose = Purpose.objects.filter(slug=slug).first()
        if purpose is None:
            raise Http404
        return purpose


def _newest(purpose: Purpose) -> Assessment | None:
    return purpose.assessments.order_by("-made_on").first()


def _counts(assessment: Assessment) -> bool:
    return timezone.now().date() < years_after(assessment.made_on, ASSESSED_FOR_YEARS)


def _page_of(purpose: Purpose) -> str:
    return reverse("admin:consent_purpose_change", args=[purpose.slug])
