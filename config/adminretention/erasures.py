"""The room of erasures: each with every holder's and recipient's state; know who asked, extend in time, enter a letter, and see who does not answer."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import App
from config.adminretention.room import REFUSED, RetentionRoom
from retention.ask_processors import by_letter
from retention.attest import attest
from retention.certify import certificate_of
from retention.erasure_clock import LAST_DAY_TO_EXTEND, Law, can_extend
from retention.erasure_machine import CLOSED
from retention.errors import CertificateGone, ExtensionRefused
from retention.extend_erasure import LONGEST_REASON, extend
from retention.identify_erasure import WAYS, by_officer
from retention.models import Artifact, Custody, Disclosure, Erasure
from retention.queries import disclosures_of, holders_of, recipients_of

_CHANGE = "change_erasure"
_MOST = 200
_WAYS = {
    "document": _("by a document"),
    "call_back": _("by a call back to a known number"),
    "in_person": _("in person"),
    "known_channel": _("through a channel that is known to be theirs"),
}
_NOT_EXTENDED = {
    "reason_missing": _("An extension takes a reason, which the person reads."),
    "over": _("This erasure is over."),
    "twice": _("It has been extended once already."),
    "no_extension_by_law": _("The law where the person lives knows no extension."),
    "too_late": _("It is too late: a person is told within thirty days."),
}
_OUTCOMES = {"deleted": _("it is deleted"), "not_found": _("it has nothing"), "refused": _("it refuses")}


class IdentifyForm(forms.Form):
    """By what the officer knows the person."""

    way = forms.ChoiceField(label=_("The person is known"), choices=[("", "-"), *((way, _WAYS[way]) for way in WAYS)])


class ExtendForm(forms.Form):
    """Why it takes longer."""

    reason = forms.CharField(
        label=_("Why it takes longer"), max_length=LONGEST_REASON, help_text=_("The person reads it. Name nobody.")
    )


class LetterForm(forms.Form):
    """What a processor wrote."""

    disclosure = forms.UUIDField(widget=forms.HiddenInput)
    outcome = forms.ChoiceField(label=_("It wrote that"), choices=[("", "-"), *_OUTCOMES.items()])
    deleted_at = forms.DateTimeField(
        label=_("Deleted on"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


def _by_letter(erasure: Erasure) -> QuerySet[Disclosure]:
    """Return what has to be asked for by letter: not what lives, be it held or not decided yet."""
    rows = disclosures_of(erasure).filter(state=Disclosure.State.QUEUED, processor__endpoint="")
    return rows.exclude(artifact__state__in=Artifact.LIVING)


class Standing(admin.SimpleListFilter):
    """What an officer looks for first."""

    title = _("standing")
    parameter_name = "standing"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, Any]]:
        """Name them."""
        return [
            ("open", _("under way")),
            ("escalated", _("escalated")),
            ("late", _("past its day")),
            ("identity", _("waits for identity")),
            ("kept", _("keeps something by law")),
        ]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Erasure]) -> QuerySet[Erasure]:
        """Find them."""
        living = queryset.exclude(state__in=CLOSED)
        match self.value():
            case "open":
                return living
            case "escalated":
                return living.filter(escalated_at__isnull=False)
            case "late":
                return living.filter(due_at__lte=timezone.now())
            case "identity":
                return queryset.filter(state="identity_pending")
            case "kept":
                return queryset.filter(kept__artifact__isnull=False).distinct()
        return queryset


@admin.register(Erasure)
class ErasureAdmin(RetentionRoom):
    """Erasures."""

    subject_path = "subject"
    list_display = ("id", "scope", "app", "state", "law", "requested_at", "due_at", "escalated_at", "certified_at")
    list_filter = (Standing, "state", "scope", "law")
    list_select_related = ("app",)
    date_hierarchy = "requested_at"
    ordering = ("-requested_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Erasure]:
        """Leave what is sealed where it is."""
        found: QuerySet[Erasure] = super().get_queryset(request).defer("sealed")
        return found

    def get_urls(self) -> list[URLPattern]:
        """Add what can be done; first, for Django's own take any path."""
        view = self.admin_site.admin_view
        acts = {
            "identify": self.identify,
            "extend": self.extend,
            "letter": self.letter,
            "asked": self.asked,
            "certificate": self.certificate,
            "certificate.pdf": self.certificate_pdf,
        }
        return [
            *(
                path(f"<uuid:erasure_id>/{name}/", view(act), name=f"retention_erasure_{name.replace('.', '_')}")
                for name, act in acts.items()
            ),
            *super().get_urls(),
        ]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one, once the look at it is entered."""
        with transaction.atomic():
            erasure = self._erasure(object_id)
            answer = self._one(request, erasure)
            self._enter_view(request, erasure)
        return answer

    def _one(self, request: HttpRequest, erasure: Erasure) -> HttpResponse:
        holders, now = holders_of(erasure), timezone.now()
        silent = {holder.app.id for holder in holders if holder.overdue and holder.custody == Custody.APP}
        may, living = self.may_act(request, _CHANGE), erasure.state not in CLOSED
        in_time = now < min(erasure.requested_at + LAST_DAY_TO_EXTEND, erasure.due_at)
        rows = list(disclosures_of(erasure).order_by("processor__name", "id")[:_MOST])
        return self.page(
            request,
            "erasure",
            title=str(erasure.id),
            erasure=erasure,
            holders=holders,
            recipients=recipients_of(erasure),
            disclosures=[(row, self._letter_form(row) if may else None) for row in rows],
            letters=_by_letter(erasure).exists() if may else False,
            kept=erasure.kept.select_related("artifact").order_by("-artifact", "what")[:_MOST],
            silent=App.objects.filter(id__in=silent, suspended_at=None).order_by("name"),
            late=living and now >= erasure.due_at,
            has_certificate=erasure.state == "certified"
            and erasure.certificate_until is not None
            and now < erasure.certificate_until,
            identify=IdentifyForm() if may and erasure.state == "identity_pending" else None,
            extend=ExtendForm()
            if may and living and in_time and erasure.extended_at is None and can_extend(Law(erasure.law))
            else None,
        )

    def _letter_form(self, row: Disclosure) -> LetterForm | None:
        return None if row.state in Disclosure.ANSWERED else LetterForm(initial={"disclosure": row.id})

    def identify(self, request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
        """Say that it is known who asked."""
        self.must_act(request, _CHANGE)
        erasure, form = self._erasure(erasure_id), IdentifyForm(request.POST)
        if form.is_valid():
            way = form.cleaned_data["way"]
            try:
                by_officer(erasure_id=erasure.id, way=way, officer=str(request.user.pk), now=timezone.now())
                messages.success(request, gettext("Entered. The erasure has been decided on and begins."))
            except REFUSED as error:
                self.say_no(request, error)
        else:
            messages.error(request, gettext("Choose by what the person is known."))
        return self._back(erasure)

    def extend(self, request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
        """Extend its time, with a reason."""
        self.must_act(request, _CHANGE)
        erasure, form = self._erasure(erasure_id), ExtendForm(request.POST)
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        try:
            extend(erasure_id=erasure.id, reason=reason, officer=str(request.user.pk), now=timezone.now())
            messages.success(request, gettext("Extended. The person reads when and why."))
        except ExtensionRefused as refused:
            messages.error(request, str(_NOT_EXTENDED.get(refused.why, refused.why)))
        return self._back(erasure)

    def asked(self, request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
        """Say that a processor without an address was asked by letter."""
        self.must_act(request, _CHANGE)
        erasure, now = self._erasure(erasure_id), timezone.now()
        rows = _by_letter(erasure)
        done = sum(by_letter(disclosure_id=row.id, officer=str(request.user.pk), now=now) for row in rows[:_MOST])
        messages.success(request, gettext("%(n)d entered as asked by letter.") % {"n": done})
        return self._back(erasure)

    def letter(self, request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
        """Enter what a processor wrote."""
        actor, erasure, form = self.must_act(request, _CHANGE), self._erasure(erasure_id), LetterForm(request.POST)
        row = form.is_valid() and disclosures_of(erasure).filter(id=form.cleaned_data["disclosure"]).first()
        if not row:
            messages.error(request, gettext("Choose what it wrote."))
            return self._back(erasure)
        outcome, deleted_at = form.cleaned_data["outcome"], form.cleaned_data["deleted_at"]
        if (outcome == "deleted") != bool(deleted_at) or (deleted_at and deleted_at > timezone.now()):
            messages.error(request, gettext("Say since when it is deleted, if it is."))
            return self._back(erasure)
        try:
            attest(disclosure_id=row.id, outcome=outcome, deleted_at=deleted_at, actor=actor, now=timezone.now())
            messages.success(request, gettext("Entered, as not signed."))
        except REFUSED as error:
            self.say_no(request, error)
        return self._back(erasure)

    def certificate(self, request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
        """Hand out the signed certificate, once the look is entered."""
        return self._paper(request, erasure_id, as_paper=False)

    def certificate_pdf(self, request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
        """Hand it out as a paper."""
        return self._paper(request, erasure_id, as_paper=True)

    def _paper(self, request: HttpRequest, erasure_id: uuid.UUID, *, as_paper: bool) -> HttpResponse:
        from portal.typeset import FontLacks, typeset_certificate  # typst is loaded by whoever needs it

        self.must_see(request)
        erasure, now = self._erasure(erasure_id), timezone.now()
        try:
            signed = certificate_of(Erasure.objects.get(id=erasure.id))
        except CertificateGone:
            raise Http404 from None
        with transaction.atomic():
            self._enter_view(request, erasure)
        try:
            data = typeset_certificate(signed, now=now) if as_paper else signed
        except FontLacks as lacks:
            words = gettext(
                "This cannot be set as a PDF: the font of this service lacks %(characters)s. The file says all of it."
            )
            messages.error(request, words % {"characters": lacks.characters})
            return redirect("admin:retention_erasure_change", erasure.id)
        ending, kind = ("pdf", "application/pdf") if as_paper else ("json", "application/json")
        return HttpResponse(
            data,
            content_type=kind,
            headers={
                "Content-Disposition": f'attachment; filename="erasure-{erasure.id}.{ending}"',
                "Cache-Control": "no-store",
            },
        )

    def _erasure(self, erasure_id: Any) -> Erasure:
        try:
            found = (
                Erasure.objects.defer("sealed")
                .select_related("app", "subject__tenant")
                .filter(id=uuid.UUID(str(erasure_id)))
                .first()
            )
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found

    def _back(self, erasure: Erasure) -> HttpResponse:
        return redirect(reverse("admin:retention_erasure_change", args=[erasure.id]))
