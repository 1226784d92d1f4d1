"""My rights: take out what is known, be erased by one app or by all, and follow it to the certificate."""

import uuid
from datetime import datetime
from typing import Any

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import App, User
from consent.machine import WITHDRAWABLE
from consent.queries import grants_of
from portal.acting import Person, person, while_it_stands
from portal.views import SignedIn
from portal.words.erasures import held, scope, steps, summary
from retention import export as exports
from retention import request_erasure
from retention.certify import certificate_of
from retention.errors import CertificateGone, NothingToErase
from retention.models import Artifact, Custody, Erasure
from retention.queries import artifacts_of, erasures_of, holders_of

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
            asked = request_erasure.by_subject(user=who.user, app_id=app_id, now=now, by=who.by)
    except NothingToErase:
        return _nothing(request)
    messages.success(request, _("It has begun. From now on none of it can be used."))
    return redirect("portal:erasure", asked[0].id) if len(asked) == 1 else redirect("portal:rights")


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
    return render(
        request,
        "portal/erasure.html",
        {
            "erasure": found,
            "scope": scope(found),
            "summary": summary(found),
            "steps": steps(found, holders),
            "holders": [held(holder, found) for holder in holders],
            "certified": found.state == Erasure.State.CERTIFIED,
        },
    )


@never_cache
@login_required
@require_safe
def certificate(request: SignedIn, erasure_id: uuid.UUID) -> HttpResponse:
    """Hand out the certificate, while we keep it."""
    try:
        signed = certificate_of(_mine(person(request).user, erasure_id))
    except CertificateGone:
        raise Http404 from None
    return HttpResponse(
        signed,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="erasure-{erasure_id}.json"'},
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: SignedIn) -> HttpResponse | StreamingHttpResponse:
    """Say what the download holds, to who has just shown that it is them; then, at the press of the button, hand it out."""
    who, now = person(request), timezone.now()
    if is_reauthentication_required(request, app=""):
        if request.method == "POST":
            return redirect("portal:export")  # allauth would keep the whole request, addresses and all
        raise ReauthenticationRequired
    if request.method != "POST":
        return render(request, "portal/export.html")
    with while_it_stands():
        asked = exports.export(user=who.user, by=who.by, now=now)
    return StreamingHttpResponse(
        exports.pieces(asked),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="my-voice-{now:%Y-%m-%d}.zip"'},
    )


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
    counts = there.aggregate(
        here=Count("id", filter=Q(custody=Custody.VAULT)),
        theirs=Count("id", filter=Q(custody=Custody.APP)),
        holders=Count("app", filter=Q(custody=Custody.APP), distinct=True),
    )
    standing = grants_of(user=user).filter(only, state__in=WITHDRAWABLE, valid_until__gt=now).count()
    return {**counts, "consents": standing}
