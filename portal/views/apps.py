"""My apps: each consent, and the button that ends it."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import consent.withdraw
from consent.errors import GrantEnded, GrantUnknown
from consent.machine import WITHDRAWABLE
from consent.queries import grants_of
from portal.views import SignedIn
from portal.words import purpose, standing

_ENDED_SHOWN = 50


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
