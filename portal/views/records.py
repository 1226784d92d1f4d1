"""My records: every entry about the person, what was made of their voice, and the button that lets one thing go."""

import uuid
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from consent.queries import records_of
from portal.acting import person, while_it_stands
from portal.views import SignedIn
from portal.words.things import lineage
from retention import discard, restrict
from retention.errors import ArtifactUnknown, NotRestricted
from retention.models import Artifact
from retention.queries import artifacts_of

RECORDS_A_PAGE = 50
THINGS_SHOWN = 50


@never_cache
@login_required
@require_safe
def records(request: SignedIn) -> HttpResponse:
    """Show the entries about the person, newest first, a page at a time; on the first page also what was made of their voice."""
    now, user = timezone.now(), person(request).user
    before = _time_of(request.GET.get("before"))
    page = records_of(user=user, limit=RECORDS_A_PAGE, before=before)
    # Entries of one moment stay together on a page, so the next page begins before this one's last moment.
    last = page[-1].at if page else None
    older = last if last and records_of(user=user, limit=1, before=last) else None
    artifacts = [] if before else list(artifacts_of(user=user)[: THINGS_SHOWN + 1])
    things = lineage(artifacts[:THINGS_SHOWN], now)
    return render(
        request,
        "portal/records.html",
        {
            "now": now,
            "records": page,
            "older": older,
            "before": before,
            "origins": sorted({record.origin for record in page}),
            "things": [thing for thing in things if thing.lives],
            "gone": [thing for thing in things if not thing.lives],
            "more_things": len(artifacts) > THINGS_SHOWN,
        },
    )


@never_cache
@login_required
@require_POST
def erase_one(request: SignedIn, artifact_id: uuid.UUID) -> HttpResponse:
    """Let one thing go, with what was made from it: no question is asked."""
    who, now = person(request), timezone.now()
    try:
        with while_it_stands():
            artifact = discard.by_subject(user=who.user, artifact_id=artifact_id, now=now, by=who.by)
    except ArtifactUnknown:
        raise Http404 from None
    if artifact.expires_at == now:
        messages.success(request, _("Being erased, with all that was made from it."))
    else:
        messages.info(request, _("This had gone already."))
    return redirect("portal:records")


@never_cache
@login_required
@require_POST
def restrict_one(request: SignedIn, artifact_id: uuid.UUID) -> HttpResponse:
    """Keep one thing, and let nobody use it, for one of the reasons that the law knows (GDPR 18)."""
    who, reason = person(request), request.POST.get("reason", "")
    if reason not in Artifact.Restriction.values:
        raise Http404
    try:
        with while_it_stands():
            restrict.by_subject(
                user=who.user,
                artifact_id=artifact_id,
                reason=Artifact.Restriction(reason),
                now=timezone.now(),
                by=who.by,
            )
        messages.success(request, _("Nobody may use it from now on, nor what was made from it. It goes in its time."))
    except ArtifactUnknown:
        raise Http404 from None
    except NotRestricted:
        messages.info(request, _("This cannot be restricted: it is going, or is restricted already."))
    return redirect("portal:records")


def _time_of(said: str | None) -> datetime | None:
    try:
        at = parse_datetime(said) if said else None
    except ValueError:
        raise Http404 from None
    if said and (at is None or at.tzinfo is None):
        raise Http404
    return at
