"""The lock: a passphrase without which nobody opens what the vault holds of a person."""

from collections.abc import Callable
from datetime import timedelta

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.models import User
from portal.acting import person
from portal.locker_form import CHOICES, NewPassphrase, Passphrase
from portal.views import SignedIn
from portal.words import moment
from retention.errors import PassphraseWrong, TooManyTries
from retention.lock_up import change_passphrase, close, make_locker, switch, unlock
from retention.lockers import newest


@never_cache
@login_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def locker(request: SignedIn) -> HttpResponse:
    """Show the lock, to who has just shown that it is them; lock, open, close or change at the press of a button."""
    who = person(request)
    if who.by is not None:
        raise PermissionDenied(_("A passphrase is the person's own: nobody sets or opens it for them."))
    if is_reauthentication_required(request, app=""):
        if request.method == "POST":
            return redirect("portal:locker")  # allauth would keep the whole request, passphrase and all
        raise ReauthenticationRequired
    if request.method == "POST":
        act = _ACTS.get(request.POST.get("act", ""))
        if act is None:
            raise BadRequest
        return act(request, who.user)
    return _page(request, who.user)


def _make(request: SignedIn, user: User) -> HttpResponse:
    form = NewPassphrase(request.POST, user=user)
    if not form.is_valid():
        return _page(request, user, new=form, status=422)
    make_locker(user=user, passphrase=form.cleaned_data["passphrase"], now=timezone.now())
    messages.success(request, _("From now on what is taken of you is locked with your passphrase."))
    return redirect("portal:locker")


def _change(request: SignedIn, user: User) -> HttpResponse:
    form = NewPassphrase(request.POST, user=user)
    if not form.is_valid():
        return _page(request, user, new=form, status=422)
    old, new = request.POST.get("old", ""), form.cleaned_data["passphrase"]
    now = timezone.now()
    return _try(
        request,
        user,
        lambda: change_passphrase(user=user, passphrase=old, new=new, now=now),
        _("The passphrase has been changed."),
    )


def _open(request: SignedIn, user: User) -> HttpResponse:
    form = Passphrase(request.POST)
    if not form.is_valid():
        return _page(request, user, form=form, status=422)
    said, now = form.cleaned_data, timezone.now()
    lasts = timedelta(minutes=int(said["lasts"]))
    return _try(
        request,
        user,
        lambda: unlock(user=user, passphrase=said["passphrase"], lasts=lasts, now=now),
        _("It is open. It locks again by itself."),
    )


def _switch(request: SignedIn, user: User) -> HttpResponse:
    on, passphrase, now = request.POST.get("on") == "yes", request.POST.get("passphrase", ""), timezone.now()
    return _try(
        request,
        user,
        lambda: switch(user=user, passphrase=passphrase, on=on, now=now),
        _("What is taken from now on is locked.") if on else _("What is taken from now on is not locked."),
    )


def _close(request: SignedIn, user: User) -> HttpResponse:
    close(user=user, now=timezone.now())
    messages.success(request, _("It is locked again."))
    return redirect("portal:locker")


def _try(request: SignedIn, user: User, verb: Callable[[], object], done: str) -> HttpResponse:
    try:
        verb()
    except PassphraseWrong:
        return _page(request, user, trouble=_("That is not the passphrase. Nothing was changed."), status=422)
    except TooManyTries as tries:
        trouble = _("Too many wrong ones. The next is looked at from %(at)s on.") % {"at": moment(tries.again_at)}
        return _page(request, user, trouble=trouble, status=429)
    messages.success(request, done)
    return redirect("portal:locker")


_ACTS: dict[str, Callable[[SignedIn, User], HttpResponse]] = {
    "make": _make,
    "change": _change,
    "open": _open,
    "switch": _switch,
    "close": _close,
}


def _page(  # noqa: PLR0913 - what a page can have to say
    request: SignedIn,
    user: User,
    *,
    form: Passphrase | None = None,
    new: NewPassphrase | None = None,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    found, now = newest(user_id=user.pk), timezone.now()
    is_open = found is not None and found.unlocked_until is not None and found.unlocked_until > now
    return render(
        request,
        "portal/locker.html",
        {
            "locker": found,
            "is_open": is_open,
            "choices": CHOICES,
            "form": form or Passphrase(),
            "new": new or NewPassphrase(user=user),
            "trouble": trouble,
        },
        status=status,
    )
