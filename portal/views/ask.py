"""The consent screen: what an app asks, and the answer.

What is shown is rendered once more when the answer comes, and an answer to anything else is none (`portal.screen`). A person is sent back to
the app from a page of our own, never by a redirect of the answer's form: `form-action 'self'` would stop that one, and every hop behind it.
"""

import io
from datetime import datetime
from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import segno
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from consent import act_for
from consent.allow import allow
from consent.defer import defer
from consent.describe import describe
from consent.errors import (
    AgeSaid,
    AgeUnsaid,
    BoundToAnother,
    DelegationUnknown,
    GuardianNeeded,
    NoticeChanged,
    PurposeForbidden,
    RequestAnswered,
    RequestExpired,
    RequestUnknown,
)
from consent.models import ConsentRequest, Delegation
from consent.queries import binding_of, notice_for, request_by_token
from consent.refuse import refuse
from portal import screen
from portal.acting import Person, person
from portal.forms import About

_TROUBLES: dict[type[Exception], tuple[int, str]] = {
    RequestUnknown: (404, "unknown"),
    RequestExpired: (410, "expired"),
    RequestAnswered: (409, "answered"),
    BoundToAnother: (409, "another"),
    DelegationUnknown: (403, "delegation"),
    PurposeForbidden: (403, "forbidden"),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def consent_screen(request: HttpRequest, token: str) -> HttpResponse:
    """Show a consent request, and take the answer."""
    now = timezone.now()
    try:
        return (_answer if request.method == "POST" else _ask)(request, token=token, now=now)
    except tuple(_TROUBLES) as trouble:
        return _trouble(request, trouble, token=token, now=now)


@never_cache
@require_POST
def later(request: HttpRequest, token: str) -> HttpResponse:
    """Put the answer off: whoever holds the link may."""
    now = timezone.now()
    try:
        defer(token=token, now=now)
    except tuple(_TROUBLES) as trouble:
        return _trouble(request, trouble, token=token, now=now)
    return redirect("portal:consent", token=token)


@never_cache
@require_safe
def qr(_request: HttpRequest, token: str) -> HttpResponse:
    """Return the link as a QR code (ISO/IEC 18004), while it can be answered."""
    asked = request_by_token(token=token, now=timezone.now())
    if asked is None or asked.state not in ConsentRequest.OPEN:
        raise Http404
    image = io.BytesIO()
    segno.make_qr(_link(token), error="m").save(image, kind="svg", xmldecl=False, light="#fff", scale=4)
    return HttpResponse(image.getvalue(), content_type="image/svg+xml")


def _ask(request: HttpRequest, *, token: str, now: datetime, status: int = 200, **said: Any) -> HttpResponse:
    """Show the request; `said` is what the answer before was not understood in."""
    asked = _asked(token=token, now=now)
    who = _who(request)
    bound = binding_of(request=asked)
    if asked.state not in ConsentRequest.OPEN:
        if who is None or bound != who.user:
            raise RequestAnswered
        return _result(request, asked=asked)
    if who and bound not in {None, who.user}:
        raise BoundToAnother
    notice = notice_for(request=asked, locale=get_language() or "en")
    return render(
        request,
        "consent/ask.html",
        {
            "asked": asked,
            "token": token,
            "notice": notice,
            "screen": screen.of_request(asked, notice),
            "bound": bound is not None,
            "until": now + asked.term,
            "back": _way_back(asked) if asked.state == ConsentRequest.State.DEFERRED else "",
            "link": _link(token),
            **(_about(who, asked, bound=bound, now=now) if who else {}),
            **said,
        },
        status=status,
    )


def _about(who: Person, asked: ConsentRequest, *, bound: User | None, now: datetime) -> dict[str, Any]:
    """Return what the page says of who answers, and what it asks of them before a yes."""
    lacks = _lacks(who, now=now)
    where = asked.purpose.trades_voiceprints and not who.user.residence
    others = [each for each in _delegations(who) if each != who.by and each.stands(now)]
    return {
        "who": who,
        "lacks": lacks,
        "about": About(today=now.date()) if lacks == "age" or where else None,
        "others": [each for each in others if bound in {None, each.principal}],
    }


def _lacks(who: Person, *, now: datetime) -> str:
    """Return what stands against a yes: `age` that nobody has said, a `guardian`, or nothing."""
    try:
        act_for.must_be_able(user=who.user, by=who.by, now=now)
    except AgeUnsaid:
        return "age"
    except GuardianNeeded:
        return "guardian"
    return ""


def _answer(request: HttpRequest, *, token: str, now: datetime) -> HttpResponse:
    who = _who(request)
    if who is None:
        return redirect_to_login(request.path)
    asked = _asked(token=token, now=now)
    said = request.POST.get("locale", "")
    notice = notice_for(request=asked, locale=said if said in dict(settings.LANGUAGES) else "en")
    seen = screen.of_request(asked, notice)
    if (request.POST.get("notice"), request.POST.get("screen")) != (str(notice.id), seen.sha256):
        return _ask(request, token=token, now=now, status=409, changed=True)
    choice = request.POST.get("choice")
    if choice == "refuse":
        refuse(token=token, user=who.user, locale=notice.locale, now=now, by=who.by)
    elif choice in {"once", "term"}:
        about = About(request.POST, today=now.date(), needs_age=_lacks(who, now=now) == "age")
        if not about.is_valid():
            return _ask(request, token=token, now=now, status=422, about=about)
        try:
            if about.has_changed():
                describe(user=who.user, by=who.by, now=now, **about.said)
            allow(
                token=token,
                user=who.user,
                choice=cast("Literal['once', 'term']", choice),
                locale=notice.locale,
                now=now,
                notice_id=notice.id,
                screen=seen.html,
                by=who.by,
            )
        except NoticeChanged:
            return _ask(request, token=token, now=now, status=409, changed=True)
        except (GuardianNeeded, AgeSaid):
            return redirect("portal:consent", token=token)
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


def _trouble(request: HttpRequest, trouble: Exception, *, token: str, now: datetime) -> HttpResponse:
    status, name = _TROUBLES[type(trouble)]
    others: list[Delegation] = []
    who = _who(request)
    if name == "another" and who:
        bound = binding_of(request=_asked(token=token, now=now))
        others = [each for each in _delegations(who) if each.principal == bound and each.stands(now)]
    return render(request, "consent/trouble.html", {"trouble": name, "who": who, "others": others}, status=status)


def _who(request: HttpRequest) -> Person | None:
    return person(request) if request.user.is_authenticated else None


def _delegations(who: Person) -> list[Delegation]:
    """Return those by which who signed in may act, or might have."""
    delegate = who.by.delegate_id if who.by else who.user.id
    approved = Delegation.objects.filter(delegate=delegate, state=Delegation.State.APPROVED)
    return list(approved.select_related("principal").order_by("label"))


def _asked(*, token: str, now: datetime) -> ConsentRequest:
    asked = request_by_token(token=token, now=now)
    if asked is None:
        raise RequestUnknown
    if asked.state == ConsentRequest.State.EXPIRED:
        raise RequestExpired
    return asked


def _link(token: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse('portal:consent', args=[token])}"


def _way_back(asked: ConsentRequest) -> str:
    """Return the app's address with the outcome, or nothing when it gave none."""
    if not asked.return_url:
        return ""
    parts = urlsplit(asked.return_url)
    said = [*parse_qsl(parts.query, keep_blank_values=True), ("request", str(asked.id)), ("outcome", asked.state)]
    if asked.client_state:
        said.append(("state", asked.client_state))
    return iri_to_uri(urlunsplit(parts._replace(query=urlencode(said))))
