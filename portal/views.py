"""The speaker's pages (consent.md, "The speaker's portal").

Each view makes one call that changes something, or none. Pages about a person are kept by no cache. A person is sent back to an app
from a page of our own, never by a redirect of the answer's form: `form-action 'self'` would stop that one, and every hop behind it.
"""

import time
import uuid
from datetime import datetime
from typing import Literal, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import consent.withdraw
from accounts.models import User
from consent.allow import allow
from consent.errors import (
    BoundToAnother,
    ConsentError,
    GrantEnded,
    GrantUnknown,
    RequestAnswered,
    RequestExpired,
    RequestUnknown,
)
from consent.machine import WITHDRAWABLE
from consent.models import ConsentRequest
from consent.queries import (
    binding_of,
    grants_of,
    live_sessions_of,
    notice_for,
    records_of,
    request_by_token,
)
from consent.refuse import refuse
from portal.words import purpose, standing
from retention.queries import artifacts_of

RECORDS_A_PAGE = 50
_ENDED_SHOWN = 50
_RECENT = 3
_RECORDINGS_SHOWN = 20
_THEMES = ("light", "dark")
_TROUBLES: dict[type[ConsentError], tuple[int, str]] = {
    RequestUnknown: (404, "unknown"),
    RequestExpired: (410, "expired"),
    RequestAnswered: (409, "answered"),
    BoundToAnother: (409, "another"),
}


class SignedIn(HttpRequest):
    """A request behind `login_required`."""

    user: User


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say who uses the person's voice now; to a stranger, say what this is."""
    if not isinstance(request.user, User):
        return render(request, "portal/welcome.html")
    now = timezone.now()
    sessions = list(live_sessions_of(user=request.user, now=now))
    grants = grants_of(user=request.user)
    return render(
        request,
        "portal/now.html",
        {
            "now": now,
            "sessions": sessions,
            "apps": len({session.app_id for session in sessions}),
            "stoppable": grants.filter(state__in=WITHDRAWABLE, valid_until__gt=now).count(),
            "grants": grants[:_RECENT],
            "stopped": request.session.pop("stopped", None),
        },
    )


@never_cache
@login_required
@require_POST
def stop_all(request: SignedIn) -> HttpResponse:
    """Stop everything, and remember what was stopped and how long it took for the page that follows."""
    start = time.perf_counter()
    stopped = consent.withdraw.stop_all(user=request.user, now=timezone.now())
    request.session["stopped"] = {
        "count": len(stopped),
        "apps": sorted({grant.app.name for grant in stopped}),
        "milliseconds": (time.perf_counter() - start) * 1000,
    }
    return redirect("portal:home")


@never_cache
@login_required
@require_safe
def apps(request: SignedIn) -> HttpResponse:
    """Show each grant, those that stand first."""
    now = timezone.now()
    grants = grants_of(user=request.user)
    active = [grant for grant in grants.filter(state__in=WITHDRAWABLE) if standing(grant, now).active]
    ended = grants.exclude(pk__in=[grant.pk for grant in active])
    return render(
        request,
        "portal/apps.html",
        {"now": now, "active": active, "ended": ended[:_ENDED_SHOWN], "ended_count": ended.count()},
    )


@never_cache
@login_required
@require_POST
def withdraw(request: SignedIn, grant_id: uuid.UUID) -> HttpResponse:
    """Stop one grant: no question is asked."""
    try:
        grant = consent.withdraw.withdraw(grant_id=grant_id, user=request.user, now=timezone.now())
    except GrantUnknown:
        raise Http404 from None
    except GrantEnded:
        messages.info(request, _("This had ended already."))
    else:
        words = {"app": grant.app.name, "purpose": purpose(grant.purpose_id)}
        messages.success(request, _("Stopped: %(app)s, %(purpose)s. The next use is refused.") % words)
    return redirect("portal:apps")


@never_cache
@login_required
@require_safe
def records(request: SignedIn) -> HttpResponse:
    """Show the entries about the person, newest first, a page at a time."""
    before = _time_of(request.GET.get("before"))
    page = records_of(user=request.user, limit=RECORDS_A_PAGE, before=before)
    # Entries of one moment stay together on a page, so the next page begins before this one's last moment.
    last = page[-1].at if page else None
    older = last if last and records_of(user=request.user, limit=1, before=last) else None
    return render(
        request,
        "portal/records.html",
        {
            "now": timezone.now(),
            "records": page,
            "older": older,
            "before": before,
            "origins": sorted({record.origin for record in page}),
            "artifacts": None if before else artifacts_of(user=request.user)[:_RECORDINGS_SHOWN],
        },
    )


def _time_of(said: str | None) -> datetime | None:
    try:
        at = parse_datetime(said) if said else None
    except ValueError:
        raise Http404 from None
    if said and (at is None or at.tzinfo is None):
        raise Http404
    return at


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def consent_screen(request: HttpRequest, token: str) -> HttpResponse:
    """Show a consent request, and take the answer."""
    try:
        if request.method == "POST":
            return _answer(request, token=token, now=timezone.now())
        return _ask(request, token=token, now=timezone.now())
    except tuple(_TROUBLES) as trouble:
        status, name = _TROUBLES[type(trouble)]
        return render(request, "consent/trouble.html", {"trouble": name}, status=status)


def _ask(request: HttpRequest, *, token: str, now: datetime, changed: bool = False) -> HttpResponse:
    asked = request_by_token(token=token, now=now)
    if asked is None:
        raise RequestUnknown
    if asked.state == ConsentRequest.State.EXPIRED:
        raise RequestExpired
    bound = binding_of(request=asked)
    if asked.state != ConsentRequest.State.REQUESTED:
        if bound != request.user:
            raise RequestAnswered
        return _result(request, asked=asked)
    if request.user.is_authenticated and bound not in {None, request.user}:
        raise BoundToAnother
    return render(
        request,
        "consent/ask.html",
        {
            "asked": asked,
            "notice": notice_for(request=asked, locale=get_language() or "en"),
            "bound": bound is not None,
            "changed": changed,
            "until": now + asked.term,
        },
        status=409 if changed else 200,
    )


def _answer(request: HttpRequest, *, token: str, now: datetime) -> HttpResponse:
    if not isinstance(request.user, User):
        return redirect_to_login(request.path)
    asked = request_by_token(token=token, now=now)
    if asked is None:
        raise RequestUnknown
    # What is recorded as read is what was on the screen: in that language, and no later version.
    locale = request.POST.get("locale", "")
    if request.POST.get("notice") != str(notice_for(request=asked, locale=locale).id):
        return _ask(request, token=token, now=now, changed=True)
    choice = request.POST.get("choice")
    if choice == "refuse":
        refuse(token=token, user=request.user, locale=locale, now=now)
    elif choice in {"once", "term"}:
        allow(token=token, user=request.user, choice=cast("Literal['once', 'term']", choice), locale=locale, now=now)
    else:
        raise BadRequest
    request.session["answered"] = str(asked.id)
    return redirect("portal:consent", token=token)


def _result(request: HttpRequest, *, asked: ConsentRequest) -> HttpResponse:
    back = _way_back(asked)
    leaving = bool(back) and request.session.pop("answered", None) == str(asked.id)
    grant = asked.grant if asked.state == ConsentRequest.State.GIVEN else None
    response = render(
        request, "consent/result.html", {"asked": asked, "grant": grant, "back": back, "leaving": leaving}
    )
    if leaving:
        response.headers["Refresh"] = f"0;url={back}"
    return response


def _way_back(asked: ConsentRequest) -> str:
    """Return the app's address with the outcome, or nothing when it gave none."""
    if not asked.return_url:
        return ""
    parts = urlsplit(asked.return_url)
    said = [*parse_qsl(parts.query, keep_blank_values=True), ("request", str(asked.id)), ("outcome", asked.state)]
    if asked.client_state:
        said.append(("state", asked.client_state))
    return iri_to_uri(urlunsplit(parts._replace(query=urlencode(said))))


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice of light or dark; anything else follows the device again."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = redirect(target)
    chosen = request.POST.get("theme")
    if chosen in _THEMES:
        response.set_cookie(
            "theme", chosen, max_age=365 * 24 * 3600, secure=request.is_secure(), httponly=True, samesite="Lax"
        )
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response
