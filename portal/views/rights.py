"""My rights: be erased by one app or by all, and follow it to the certificate."""

import uuid
from datetime import datetime
from typing import Any

from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import second_factor
from accounts.models import App, User
from consent.machine import WITHDRAWABLE
from consent.queries import grants_of
from portal.acting import Person, person, while_it_stands
from portal.typeset import FontLacks, typeset_certificate
from portal.views import SignedIn
from portal.words.erasures import held, is_uncertified, kept, received, received_by, scope, steps, summary
from retention import request_erasure
from retention.cancel_erasure import cancel
from retention.certify import certificate_of
from retention.decide_erasure import TAKEN_OVER
from retention.errors import CertificateGone, ErasureBegun, NothingToErase
from retention.identify_erasure import ANSWER_WITHIN, by_person
from retention.models import Artifact, Custody, Erasure
from retention.queries import artifacts_of, erasures_of, holders_of, holds_on, recipients_known, recipients_of

MOST_RECIPIENTS = 100
_HOLDERS = (Custody.VAULT, Custody.APP, Custody.NONE)


@never_cache
@login_required
@require_safe
def rights(request: SignedIn) -> HttpResponse:
    """Show what can be erased, and the erasures under way."""
    who = person(request)
    return render(
        request,
        "portal/rights.html",
        {
            "apps": _apps_of(who.user),
            "erasures": [(erasure, scope(erasure), summary(erasure)) for erasure in erasures_of(user=who.user)],
            "recipients": [received(row) for row in recipients_known(user=who.user)[:MOST_RECIPIENTS]],
        },
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: SignedIn, app_id: uuid.UUID | None = None) -> HttpResponse:
    """Say what goes, what stays and what cannot be undone; then, at the press of the button, ask for it."""
    who, now = person(request), timezone.now()
    if request.method == "POST":
        return _begin(request, who, app_id=app_id, now=now)
    apps = _apps_of(who.user)
    app = apps.filter(id=app_id).first()
    if not apps or (app_id and not app):
        return _nothing(request)
    return render(request, "portal/erase.html", {"app": app, "apps": apps, **_what_goes(who.user, app=app, now=now)})


def _begin(request: SignedIn, who: Person, *, app_id: uuid.UUID | None, now: datetime) -> HttpResponse:
    try:
        with while_it_stands():
            asked = request_erasure.by_subject(
                user=who.user, app_id=app_id, now=now, by=who.by, shown=second_factor.shown_just_now(request)
            )
    except NothingToErase:
        return _nothing(request)
    if any(each.state == Erasure.State.IDENTITY_PENDING for each in asked):
        messages.info(request, _("Every use is stopped. Show once more that it is you, and it begins."))
    elif all(each.state == Erasure.State.REFUSED for each in asked):
        messages.warning(request, _("Every use is stopped. Nothing can be erased yet; read why."))
    else:
        messages.success(request, _("It has begun. From now on none of it can be used."))
    return redirect("portal:erasure", asked[0].id) if len(asked) == 1 else redirect("portal:rights")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def identify(request: SignedIn, erasure_id: uuid.UUID) -> HttpResponse:
    """Go on with an erasure that waits for it, once who asked has shown that it is them: by signing in again, or with a second factor."""
    who, found = person(request), _mine(person(request).user, erasure_id)
    if found.state != Erasure.State.IDENTITY_PENDING:
        return redirect("portal:erasure", found.id)
    shown = second_factor.shown_just_now(request)
    if not shown:
        if request.method == "POST":
            return redirect("portal:identify", found.id)  # allauth would keep the whole request
        raise ReauthenticationRequired
    if request.method != "POST":
        return render(request, "portal/identify.html", {"erasure": found, "scope": scope(found)})
    with while_it_stands():
        decided = by_person(erasure_id=found.id, user=who.user, shown=shown, by=who.by, now=timezone.now())
    if decided.state == Erasure.State.REFUSED:
        messages.warning(request, _("Every use is stopped. Nothing can be erased yet; read why."))
    elif decided.state != Erasure.State.CANCELLED:
        messages.success(request, _("It has begun. From now on none of it can be used."))
    return redirect("portal:erasure", found.id)


@never_cache
@login_required
@require_POST
def cancel_erasure(request: SignedIn, erasure_id: uuid.UUID) -> HttpResponse:
    """Take an erasure back, as long as nothing has been destroyed."""
    who, found = person(request), _mine(person(request).user, erasure_id)
    try:
        with while_it_stands():
            cancel(erasure_id=found.id, user=who.user, by=who.by, now=timezone.now())
    except ErasureBegun:
        messages.warning(request, _("It has begun, so it cannot be taken back any more."))
    else:
        messages.success(
            request, _("Taken back. Nothing was erased; what was paused stays paused until you let it go on.")
        )
    return redirect("portal:erasure", found.id)


def _nothing(request: SignedIn) -> HttpResponse:
    messages.info(request, _("There is nothing here that could be erased."))
    return redirect("portal:rights")


@never_cache
@login_required
@require_safe
def erasure(request: SignedIn, erasure_id: uuid.UUID) -> HttpResponse:
    """Show where an erasure stands, with us and with each app."""
    found = _mine(person(request).user, erasure_id)
    holders = sorted(holders_of(found), key=lambda holder: _HOLDERS.index(Custody(holder.custody)))
    recipients = recipients_of(found)
    return render(
        request,
        "portal/erasure.html",
        {
            "erasure": found,
            "scope": scope(found),
            "summary": summary(found),
            "steps": steps(found, holders, recipients),
            "holders": [held(holder, found) for holder in holders]
            + [received_by(recipient) for recipient in recipients],
            "kept": kept(found),
            "waits": found.state == Erasure.State.IDENTITY_PENDING,
            "over": found.state in {Erasure.State.REFUSED, Erasure.State.CANCELLED},
            "asked_until": (found.identity_asked_at or found.requested_at) + ANSWER_WITHIN,
            "nobody_showed": found.refusal == "no_answer",
            "taken_over": found.refusal == TAKEN_OVER,
            "uncertified": is_uncertified(found),
            "certified": found.state == Erasure.State.CERTIFIED,
        },
    )


@never_cache
@login_required
@require_safe
def certificate(request: SignedIn, erasure_id: uuid.UUID) -> HttpResponse:
    """Hand out the certificate, while we keep it."""
    signed = _signed(request, erasure_id)
    return HttpResponse(
        signed,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="erasure-{erasure_id}.json"'},
    )


@never_cache
@login_required
@require_safe
def certificate_pdf(request: SignedIn, erasure_id: uuid.UUID) -> HttpResponse:
    """Hand out the certificate as a paper; the file is what proves it."""
    signed = _signed(request, erasure_id)
    try:
        paper = typeset_certificate(signed, now=timezone.now())
    except FontLacks as lacks:
        words = _(
            "This cannot be set as a PDF: the font of this service lacks %(characters)s. The file says all of it."
        )
        messages.error(request, words % {"characters": lacks.characters})
        return redirect("portal:erasure", erasure_id)
    return HttpResponse(
        paper,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="erasure-{erasure_id}.pdf"'},
    )


def _signed(request: SignedIn, erasure_id: uuid.UUID) -> bytes:
    """Return the certificate, or 404 when it is not there or no more."""
    try:
        return certificate_of(_mine(person(request).user, erasure_id))
    except CertificateGone:
        raise Http404 from None


def _mine(user: User, erasure_id: uuid.UUID) -> Erasure:
    found = erasures_of(user=user).filter(id=erasure_id).first()
    if found is None:
        raise Http404
    return found


def _apps_of(user: User) -> QuerySet[App]:
    """Return the apps that know the person as one of their users."""
    known: QuerySet[App] = App.objects.filter(
        binding__subject__user=user, binding__subject__retired_at=None, binding__closed_at=None
    )
    return known.distinct().order_by("name", "id")


def _what_goes(user: User, *, app: App | None, now: datetime) -> dict[str, Any]:
    only = Q(app=app) if app else Q()
    there = artifacts_of(user=user).filter(only, grant__binding__closed_at=None).exclude(state=Artifact.State.ERASED)
    by_law = holds_on(list(there.filter(state__in=Artifact.LIVING).values_list("id", flat=True)))
    counts = there.exclude(id__in=by_law).aggregate(
        here=Count("id", filter=Q(custody=Custody.VAULT)),
        theirs=Count("id", filter=Q(custody=Custody.APP)),
        holders=Count("app", filter=Q(custody=Custody.APP), distinct=True),
    )
    standing = grants_of(user=user).filter(only, state__in=WITHDRAWABLE, valid_until__gt=now).count()
    return {**counts, "consents": standing, "by_law": len(by_law)}
