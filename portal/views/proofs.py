"""For who wants a proof: ask for one, show the link or the code to the person, and read what came of it. No account is needed."""

import io
import uuid
from typing import Any

import segno
from allauth.core import ratelimit
from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import App
from ledger.models import Log
from portal.exhibit import app_name
from portal.words import proofs as words
from zkp.api import OPERATIONS, origin_of_service, verdict_on
from zkp.ask_proof import Wanted, link_to
from zkp.ask_proof import ask_proof as ask
from zkp.core import active, receipt
from zkp.core.errors import InvalidContext
from zkp.errors import LogUnknown, NothingPublished
from zkp.models import Challenge


class Question(forms.Form):
    """What somebody wants to have proven."""

    statement = forms.ChoiceField(
        choices=[
            ("own", gettext_lazy("that entries of the log are about them")),
            ("receipt", gettext_lazy("some details of one entry about them, from a receipt")),
            ("active", gettext_lazy("that a consent of theirs stands now, for one app and one use")),
        ],
        widget=forms.RadioSelect,
        initial="own",
    )
    attributes = forms.MultipleChoiceField(
        choices=[(name, words.NAMES[name]) for name in receipt.SCHEMA],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    app = forms.ChoiceField(required=False)
    operation = forms.ChoiceField(
        choices=[("", ""), *((name, words.OPERATIONS[name]) for name in OPERATIONS)], required=False
    )
    purpose = forms.CharField(max_length=300)
    verifier = forms.CharField(
        required=False,
        max_length=300,
        validators=[
            RegexValidator(
                r"\Ahttps?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?\Z",
                gettext_lazy("Write it as https://example.com, without anything behind it."),
            )
        ],
    )
    log = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        logs = Log.objects.exclude(origin=settings.PLATFORM_ORIGIN).order_by("origin")
        self.logs = list(logs.values_list("origin", flat=True))
        self.fields["log"].choices = [(origin, origin) for origin in self.logs]  # type: ignore[attr-defined]
        apps = App.objects.filter(approved_at__isnull=False, suspended_at=None).order_by("name", "id")
        self.fields["app"].choices = [("", ""), *((str(app.id), app.name) for app in apps)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """See that a question about a consent says which one, and who asks: by that a wallet counts as shown once."""
        said = super().clean() or {}
        if said.get("statement") == active.STATEMENT:
            for name in ("app", "operation", "verifier"):
                if not said.get(name) and name not in self.errors:
                    self.add_error(name, _("For this question it is needed."))
        return said

    def wanted(self) -> Wanted:
        """Return what a proof has to show."""
        said = self.cleaned_data
        if said["statement"] == active.STATEMENT:
            return Wanted(active.STATEMENT, app=said["app"], operation=said["operation"])
        return Wanted(said["statement"], said["attributes"] if said["statement"] == receipt.STATEMENT else ())

    def origin(self) -> str | None:
        """Return the log that is asked about: of a consent, that of its app."""
        said = self.cleaned_data
        if said["statement"] == active.STATEMENT:
            app = App.objects.select_related("tenant").get(id=said["app"])
            return str(app.tenant.origin)
        return said["log"] or None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask_proof(request: HttpRequest) -> HttpResponse:
    """Show the form; make the challenge."""
    form = Question(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return render(request, "portal/ask_proof.html", {"form": form})
    limited: HttpResponse | None = ratelimit.consume_or_429(request, action="ask_proof")
    if limited is not None:
        return limited
    trouble = ""
    if form.is_valid():
        said = form.cleaned_data
        try:
            challenge = ask(
                origin=form.origin(),
                wanted=form.wanted(),
                purpose=said["purpose"],
                verifier=said["verifier"] or origin_of_service(),
                app=None,
                now=timezone.now(),
            )
            return redirect("portal:asked", challenge.id)
        except LogUnknown:
            trouble = _("Say which log.")
        except NothingPublished:
            trouble = _("The log has published nothing yet. Try again in a moment.")
        except InvalidContext:
            trouble = _("Write what it is for in one line.")
    return render(request, "portal/ask_proof.html", {"form": form, "trouble": trouble}, status=422)


@never_cache
@require_safe
def asked(request: HttpRequest, challenge_id: uuid.UUID) -> HttpResponse:
    """Show the link and its code while nobody has answered, and then the verdict."""
    verdict = verdict_on(challenge_id)
    if verdict is None:
        challenge = Challenge.objects.filter(id=challenge_id, expires_at__gt=timezone.now()).first()
        if challenge is None:
            raise Http404
        link = link_to(challenge_id)
        return render(request, "portal/asked.html", {"challenge": challenge, "link": link})
    says, app = verdict.says, ""
    if "shown" in says:
        app = app_name(says["shown"].get("app", ""))
    told = {
        "at": verdict.checked_at,
        "holds": verdict.holds,
        "reason": words.REASONS.get(verdict.reason, ""),
    }
    if verdict.holds:
        statement = "own" if "entries" in says else "active" if "valid_until" in says["shown"] else "receipt"
        told |= {
            "sentence": words.sentence(statement, says, at=verdict.checked_at, app=app),
            "facts": words.facts(says.get("shown", {}), app=app) or words.entries(says),
            "proves": words.proves(statement, fresh=True),
            "proves_not": words.proves_not(statement, says),
            "entry": verdict.entry,
        }
    return render(request, "portal/asked.html", {"told": told})


@never_cache
@require_safe
def asked_qr(_request: HttpRequest, challenge_id: uuid.UUID) -> HttpResponse:
    """Return the link as a QR code (ISO/IEC 18004), while it can be answered."""
    if not Challenge.objects.filter(id=challenge_id, expires_at__gt=timezone.now()).exists():
        raise Http404
    image = io.BytesIO()
    segno.make_qr(link_to(challenge_id), error="m").save(image, kind="svg", xmldecl=False, light="#fff", scale=4)
    return HttpResponse(image.getvalue(), content_type="image/svg+xml")
