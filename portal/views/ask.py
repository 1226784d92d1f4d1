"""The consent screen: what an app asks, and the answer.

A person is sent back to the app from a page of our own, never by a redirect of the answer's form: `form-action 'self'` would stop that
one, and every hop behind it.
"""

from datetime import datetime
from typing import Literal, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import User
from consent.allow import allow
from consent.errors import BoundToAnother, ConsentError, RequestAnswered, RequestExpired, RequestUnknown
from consent.models import ConsentRequest
from consent.queries import binding_of, notice_for, request_by_token
from consent.refuse import refuse

_TROUBLES: dict[type[ConsentError], tuple[int, str]] = {
    RequestUnknown: (404, "unknown"),
    RequestExpired: (410, "expired"),
    RequestAnswered: (409, "answered"),
    BoundToAnother: (409, "another"),
}


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
