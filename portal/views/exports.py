"""Take out what is known: ask for it, see how far it is, load it by a link of one's own, let it go."""

import re
import uuid
from typing import Final

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.acting import person, while_it_stands
from portal.views import SignedIn
from portal.words import moment
from portal.words.exports import left_out
from retention.errors import ExportGone, ExportRefused, PastTheEnd
from retention.export import export
from retention.make_exports import drop, standing
from retention.models import Export
from retention.take_export import link_of, take
from vault.errors import BlobLocked

_RANGE: Final = re.compile(r"bytes=(\d{1,19})-")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def exports(request: SignedIn) -> HttpResponse:
    """Say what it holds and show those there are, to who has just shown that it is them; at the press of the button, ask for one."""
    who, now = person(request), timezone.now()
    if is_reauthentication_required(request, app=""):
        if request.method == "POST":
            return redirect("portal:export")  # allauth would keep the whole request, addresses and all
        raise ReauthenticationRequired
    if request.method == "POST":
        try:
            with while_it_stands():
                export(user=who.user, by=who.by, now=now)
        except ExportRefused as refused:
            return _page(request, refused=refused, status=429)
        return redirect("portal:export")
    return _page(request)


@never_cache
@login_required
@require_GET
def take_it(request: SignedIn, token: str) -> HttpResponse | StreamingHttpResponse:
    """Hand it out, from where it broke off if the browser says so. To look at its head would be entered as having been taken."""
    if is_reauthentication_required(request, app=""):
        raise ReauthenticationRequired
    who, now = person(request), timezone.now()
    # What an address hands out never changes. A browser goes on only with what says by a tag of its own that it is still the same.
    tag = f'"{token.rpartition(":")[2]}"'
    same = request.headers.get("If-Range", tag) == tag
    asked = _RANGE.fullmatch(request.headers.get("Range", "")) if same else None
    try:
        with while_it_stands():
            taken = take(token=token, user=who.user, by=who.by, start=int(asked[1]) if asked else 0, now=now)
    except PastTheEnd as end:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{end.total}"})
    except ExportGone:
        raise Http404 from None
    except BlobLocked:
        if who.by is not None:
            messages.error(request, _("The file is locked with the passphrase of the person: nobody else can load it."))
            return redirect("portal:export")
        messages.error(request, _("The file is locked with your passphrase. Open it here, then load it again."))
        return redirect("portal:locker")
    headers = {
        "Content-Disposition": f'attachment; filename="my-voice-{taken.made_at:%Y-%m-%d}.zip"',
        "Content-Length": str(taken.size),
        "Accept-Ranges": "bytes",
        "ETag": tag,
    }
    if asked:
        headers["Content-Range"] = f"bytes {taken.start}-{taken.total - 1}/{taken.total}"
    status = 206 if asked else 200
    return StreamingHttpResponse(taken.pieces, status=status, content_type="application/zip", headers=headers)


@never_cache
@login_required
@require_POST
def let_go(request: SignedIn, export_id: uuid.UUID) -> HttpResponse:
    """Destroy one now."""
    try:
        drop(user=person(request).user, export_id=export_id, now=timezone.now())
    except ExportGone:
        raise Http404 from None
    messages.success(request, _("The file has been destroyed."))
    return redirect("portal:export")


def _page(request: SignedIn, *, refused: ExportRefused | None = None, status: int = 200) -> HttpResponse:
    found = list(standing(user=person(request).user, now=timezone.now()))
    again = refused and refused.again_at
    return render(
        request,
        "portal/export.html",
        {
            "exports": [
                (each, link_of(each) if each.state == Export.State.READY else "", left_out(each.left_out))
                for each in found
            ],
            "under_way": any(each.state in {Export.State.WAITING, Export.State.MAKING} for each in found),
            "refused": again and moment(again),
        },
        status=status,
    )
