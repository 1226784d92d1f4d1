"""Now: which apps use the person's voice at this moment, and the switch that stops them all.

The page keeps itself up to date: `portal.views.events` says when something changed, and the script puts the card in its place. Without
the script it is a page like any other.
"""

import hashlib
import time
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.sessions.models import Session as SignIn
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import consent.withdraw
from accounts.models import User
from consent.machine import LIVING, State
from consent.queries import grants_of, live_sessions_of
from portal.acting import Person, person, while_it_stands
from portal.views import SignedIn

_RECENT = 3
_RESTING = (State.PAUSED, State.STALE)


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say who uses the person's voice now; to a stranger, say what this is."""
    if not isinstance(request.user, User):
        return render(request, "portal/welcome.html")
    context = _context(request, who=person(request), now=timezone.now())
    return render(request, "portal/now.html", {**context, "stopped": request.session.pop("stopped", None)})


@never_cache
@require_safe
def card(request: HttpRequest) -> HttpResponse:
    """Return the part of the page that changes, or 204 if it is what `?shown=` says.

    403 to who has signed out, or acts for somebody else by now (`?about=`): the rest of the page is about another person.
    """
    if not isinstance(request.user, User):
        return HttpResponse(status=403)
    who, now = person(request), timezone.now()
    if request.GET.get("about", "") != who.about:
        return HttpResponse(status=403)
    if request.GET.get("shown") == shown(user=who.user, sign_in=request.session.session_key, now=now):
        return HttpResponse(status=204)
    return render(request, "portal/now_card.html", _context(request, who=who, now=now))


@never_cache
@login_required
@require_POST
def stop_all(request: SignedIn) -> HttpResponse:
    """Stop everything, and remember what was stopped and how long it took for the page that follows."""
    start = time.perf_counter()
    who = person(request)
    with while_it_stands():
        stopped = consent.withdraw.stop_all(user=who.user, now=timezone.now(), by=who.by)
    request.session["stopped"] = {
        "count": len(stopped),
        "apps": sorted({grant.app.name for grant in stopped}),
        "milliseconds": (time.perf_counter() - start) * 1000,
    }
    return redirect("portal:home")


def shown(*, user: User, sign_in: str | None, now: datetime) -> str | None:
    """Return a digest of all that the card shows of a person, or None if that session is signed out. One query.

    Whatever changes the card changes the digest: who uses the voice, what can be stopped, where the last answers stand.
    """
    grants = grants_of(user=user)
    living = grants.filter(state__in=LIVING, valid_until__gt=now)
    found = (
        SignIn.objects.filter(session_key=sign_in, expire_date__gt=now)
        .annotate(
            live=ArraySubquery(live_sessions_of(user=user, now=now).values("id")),
            stoppable=ArraySubquery(living.values("id")),
            resting=ArraySubquery(living.filter(state__in=_RESTING).values(told=JSONObject(id="id", state="state"))),
            recent=ArraySubquery(
                grants.values(told=JSONObject(id="id", state="state", uses="uses_left", away="app__suspended_at"))[
                    :_RECENT
                ]
            ),
        )
        .values_list("live", "stoppable", "resting", "recent")
        .first()
    )
    return hashlib.sha256(repr(found).encode()).hexdigest() if found else None


def _context(request: HttpRequest, *, who: Person, now: datetime) -> dict[str, Any]:
    # The digest first: what changes while the rest is read is told once more, not never.
    digest = shown(user=who.user, sign_in=request.session.session_key, now=now)
    sessions = list(live_sessions_of(user=who.user, now=now))
    grants = grants_of(user=who.user)
    living = grants.filter(state__in=LIVING, valid_until__gt=now)
    states = list(living.values_list("state", flat=True))
    return {
        "now": now,
        "about": who.about,
        "shown": digest or "",
        "sessions": sessions,
        "apps": len({session.app_id for session in sessions}),
        "stoppable": len(states),
        "paused": states.count(State.PAUSED),
        "stale": states.count(State.STALE),
        "grants": grants[:_RECENT],
    }
