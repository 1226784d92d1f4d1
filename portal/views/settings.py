"""Settings: language, age and residence, what relatives may do, how one signs in, who may act for whom."""

from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from consent.capacity import adult_on
from consent.describe import describe
from consent.errors import AgeSaid
from portal.acting import Person, person, while_it_stands
from portal.forms import About
from portal.views import SignedIn


@never_cache
@login_required
@require_safe
def settings(request: SignedIn) -> HttpResponse:
    """Show what can be set."""
    who = person(request)
    return _page(request, who, about=_about(who.user, today=timezone.now().date()))


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: SignedIn) -> HttpResponse:
    """Keep what one form of the page says: age and residence, or what relatives may do."""
    if request.method != "POST":  # the language was switched on a page that had not understood
        return redirect("portal:settings")
    who, now = person(request), timezone.now()
    said: dict[str, Any]
    if "relatives" in request.POST:
        if who.by is not None or request.POST["relatives"] not in {"yes", "no"}:
            raise BadRequest
        said = {"relatives_may_act": request.POST["relatives"] == "yes"}
    else:
        about = About(request.POST, today=now.date())
        if not about.is_valid():
            return _page(request, who, about=about, status=422)
        said = about.said
    try:
        with while_it_stands():
            describe(user=who.user, now=now, by=who.by, **said)
    except AgeSaid:
        messages.error(request, _("This cannot be changed by yourself while you are a minor. Who acts for you can."))
    else:
        messages.success(request, _("Saved."))
    return redirect("portal:settings")


def _about(user: User, *, today: date) -> About:
    minor = user.born_on is not None and today < adult_on(user.born_on)
    age = "minor" if minor else "adult" if user.is_adult or user.born_on else ""
    return About(
        today=today,
        initial={"age": age, "born_on": user.born_on if minor else None, "residence": user.residence},
    )


def _page(request: SignedIn, who: Person, *, about: About, status: int = 200) -> HttpResponse:
    fresh = User.objects.get(id=who.user.id)
    return render(
        request,
        "portal/settings.html",
        {
            "who": who,
            "person": fresh,
            "about": about,
        },
        status=status,
    )
