"""The papers of one consent: the receipt, China's separate-consent sheet, Illinois's written release."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from consent.consent_record import tell
from consent.issue_receipt import issue_receipt
from consent.models import Grant
from consent.receipt import MEDIA_TYPE
from keyring.errors import KeyGone
from portal.acting import person
from portal.typeset import FontLacks, typeset
from portal.views import SignedIn
from portal.words.sheets import SHEETS, Sheet, sheet


@never_cache
@login_required
@require_safe
def receipt(request: SignedIn, grant_id: uuid.UUID) -> HttpResponse:
    """Hand out the receipt of a consent as it is now."""
    try:
        signed = issue_receipt(grant=_mine(person(request).user, grant_id), now=timezone.now())
    except KeyGone:
        raise Http404 from None
    name = f'attachment; filename="receipt-{grant_id}.jsonld"'
    return HttpResponse(signed, content_type=MEDIA_TYPE, headers={"Content-Disposition": name})


@never_cache
@login_required
@require_safe
def paper(request: SignedIn, grant_id: uuid.UUID, kind: str) -> HttpResponse:
    """Show a sheet as a page, in the language of the notice that was read."""
    grant = _mine(person(request).user, grant_id)
    return _page(request, grant, _sheet(grant, kind))


@never_cache
@login_required
@require_safe
def paper_pdf(request: SignedIn, grant_id: uuid.UUID, kind: str) -> HttpResponse:
    """Hand out a sheet as a PDF; where the font lacks a character of it, the page, and say so."""
    grant = _mine(person(request).user, grant_id)
    made = _sheet(grant, kind)
    try:
        pdf = typeset(made, now=timezone.now())
    except FontLacks as lacks:
        return _page(request, grant, made, lacking=lacks.characters)
    name = f'attachment; filename="consent-{kind}-{grant_id}.pdf"'
    return HttpResponse(pdf, content_type="application/pdf", headers={"Content-Disposition": name})


def _page(request: SignedIn, grant: Grant, made: Sheet, *, lacking: str = "") -> HttpResponse:
    return render(request, "portal/sheet.html", {"grant": grant, "sheet": made, "lacking": lacking})


def _sheet(grant: Grant, kind: str) -> Sheet:
    if kind not in SHEETS:
        raise Http404
    try:
        facts = tell(grant).facts
    except KeyGone:
        raise Http404 from None
    with override(grant.notice.locale):
        return sheet(kind, facts, grant.notice.body, log=grant.subject.tenant.origin, now=timezone.now())


def _mine(user: User, grant_id: uuid.UUID) -> Grant:
    grants = Grant.objects.select_related("app", "subject__tenant", "binding", "request", "purpose", "notice")
    grant = grants.filter(id=grant_id, subject__user=user).first()
    if grant is None:
        raise Http404
    return grant
