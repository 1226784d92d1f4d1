"""My apps: each consent, what stands of it, and the buttons that stop it, pause it and confirm it anew."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import consent.pause
import consent.reaffirm
import consent.withdraw
from consent.errors import AgeUnsaid, GrantEnded, GrantUnknown, GuardianNeeded, NoticeChanged, PurposeForbidden
from consent.machine import PERMITTING, WITHDRAWABLE, State
from consent.models import Grant, Notice
from consent.queries import grants_of, newest_notice
from portal import screen
from portal.acting import person, while_it_stands
from portal.views import SignedIn
from portal.words import Standing, purpose, standing
from retention.models import Artifact
from retention.queries import artifacts_of

_ENDED_SHOWN = 50


@dataclass(frozen=True)
class Row:
    """A consent as the page shows it."""

    grant: Grant
    stands: Standing
    newer: Notice | None
    """A newer notice, in which nothing that matters has changed."""

    @property
    def can_pause(self) -> bool:
        """Whether there is use to stop for a while."""
        return self.grant.state in PERMITTING and not self.stands.must_confirm

    @property
    def can_resume(self) -> bool:
        """Whether it is paused."""
        return self.grant.state == State.PAUSED


@never_cache
@login_required
@require_safe
def apps(request: SignedIn) -> HttpResponse:
    """Show each grant, those that stand first."""
    now = timezone.now()
    user = person(request).user
    grants = grants_of(user=user)
    kept = set(artifacts_of(user=user).exclude(state=Artifact.State.ERASED).values_list("grant", flat=True))
    rows = [_row(grant, now, keeps=grant.pk in kept) for grant in grants.filter(state__in=WITHDRAWABLE)]
    active = [row for row in rows if row.stands.active]
    ended = grants.exclude(pk__in=[row.grant.pk for row in active])
    return render(
        request,
        "portal/apps.html",
        {"now": now, "active": active, "ended": ended[:_ENDED_SHOWN], "ended_count": ended.count()},
    )


def _row(grant: Grant, now: datetime, *, keeps: bool) -> Row:
    newest = _newest(grant)
    same = newest.version == grant.notice.version
    return Row(grant, standing(grant, now, keeps=keeps), None if same else newest)


def _newest(grant: Grant) -> Notice:
    return newest_notice(app_id=grant.app_id, purpose_id=grant.purpose_id, locale=get_language() or "en")


@never_cache
@login_required
@require_POST
def withdraw(request: SignedIn, grant_id: uuid.UUID) -> HttpResponse:
    """Stop one grant: no question is asked."""
    return _turn(
        request, grant_id, consent.withdraw.withdraw, _("Stopped: %(app)s, %(purpose)s. The next use is refused.")
    )


@never_cache
@login_required
@require_POST
def pause(request: SignedIn, grant_id: uuid.UUID) -> HttpResponse:
    """Stop use for a while."""
    return _turn(
        request,
        grant_id,
        consent.pause.pause,
        _("Paused: %(app)s, %(purpose)s. Nothing is destroyed, and your voice is not used."),
    )


@never_cache
@login_required
@require_POST
def resume(request: SignedIn, grant_id: uuid.UUID) -> HttpResponse:
    """Let use go on."""
    return _turn(request, grant_id, consent.pause.resume, _("Allowed again: %(app)s, %(purpose)s."))


def _turn(request: SignedIn, grant_id: uuid.UUID, act: Callable[..., Grant], done: str) -> HttpResponse:
    who = person(request)
    try:
        with while_it_stands():
            grant = act(grant_id=grant_id, user=who.user, now=timezone.now(), by=who.by)
    except GrantUnknown:
        raise Http404 from None
    except GrantEnded:
        messages.info(request, _("This had ended already, or changed meanwhile."))
    except AgeUnsaid:
        return _say_age_first(request)
    except GuardianNeeded:
        messages.error(request, _("A guardian has to allow this again."))
    except PurposeForbidden:
        messages.error(request, _("The law where you live, or may live, forbids this. Nothing was allowed."))
    else:
        messages.success(request, done % _named(grant))
    return redirect("portal:apps")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def reaffirm(request: SignedIn, grant_id: uuid.UUID) -> HttpResponse:
    """Show what has changed since a consent was given, and take the answer: it goes on, it ends, or it rests a while longer."""
    who = person(request)
    grant = grants_of(user=who.user).filter(id=grant_id).first()
    if grant is None:
        raise Http404
    if request.method != "POST":
        return _again(request, grant)
    choice = request.POST.get("choice")
    if choice == "later":
        return redirect("portal:apps")
    if choice == "stop":
        return withdraw(request, grant_id)
    if choice != "confirm":
        raise BadRequest
    return _confirm(request, grant)


def _confirm(request: SignedIn, grant: Grant) -> HttpResponse:
    who = person(request)
    notice_id = _id(request.POST.get("notice", ""))
    notice = Notice.objects.filter(id=notice_id).first() if notice_id else None
    seen = screen.of_grant(grant, notice, before=_before(grant, notice)) if notice else None
    if notice is None or seen is None or request.POST.get("screen") != seen.sha256:
        return _again(request, grant, status=409)
    try:
        with while_it_stands():
            consent.reaffirm.reaffirm(
                grant_id=grant.id, user=who.user, notice_id=notice.id, screen=seen.html, now=timezone.now(), by=who.by
            )
    except NoticeChanged:
        return _again(request, grant, status=409)
    except GrantEnded:
        messages.info(request, _("This had ended already, or changed meanwhile."))
    except AgeUnsaid:
        return _say_age_first(request)
    except GuardianNeeded:
        messages.error(request, _("A guardian has to allow this again."))
    except PurposeForbidden:
        messages.error(request, _("The law where you live, or may live, forbids this. Nothing was allowed."))
    else:
        messages.success(request, _("Confirmed: %(app)s, %(purpose)s.") % _named(grant))
    return redirect("portal:apps")


def _again(request: SignedIn, grant: Grant, *, status: int = 200) -> HttpResponse:
    now = timezone.now()
    stands = standing(grant, now)
    notice = _newest(grant)
    if not stands.must_confirm and notice == _before(grant, notice):
        messages.info(request, _("There is nothing to confirm."))
        return redirect("portal:apps")
    return render(
        request,
        "portal/reaffirm.html",
        {
            "grant": grant,
            "stands": stands,
            "notice": notice,
            "screen": screen.of_grant(grant, notice, before=_before(grant, notice)),
            "covered": set(grant.operations) <= set(notice.operations),
            "changed": status != 200,
        },
        status=status,
    )


def _before(grant: Grant, notice: Notice) -> Notice:
    """Return the notice that was read, in the language of `notice` if it was there in it."""
    read = grant.notice
    same = Notice.objects.filter(app=read.app_id, purpose=read.purpose_id, version=read.version, locale=notice.locale)
    return same.first() or read


@require_safe
def notice(request: HttpRequest, notice_id: uuid.UUID) -> HttpResponse:
    """Show a published notice to anyone, as it stands for ever."""
    found = Notice.objects.select_related("app__tenant").filter(id=notice_id, published_at__isnull=False).first()
    if found is None:
        raise Http404
    versions = Notice.objects.filter(app=found.app_id, purpose=found.purpose_id, published_at__isnull=False)
    return render(
        request,
        "portal/notice.html",
        {
            "notice": found,
            "shown": screen.of_notice(found),
            "languages": versions.filter(version=found.version).exclude(id=found.id),
            "newest": versions.filter(locale=found.locale, version__gt=found.version).order_by("-version").first(),
        },
    )


def _say_age_first(request: SignedIn) -> HttpResponse:
    messages.info(request, _("Please say first how old you are: a yes needs it."))
    return redirect("portal:settings")


def _named(grant: Grant) -> dict[str, Any]:
    return {"app": grant.app.name, "purpose": purpose(grant.purpose)}


def _id(said: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(said)
    except ValueError:
        return None
