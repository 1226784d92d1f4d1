"""Verify, for anybody: hand in a file or a text, and read what it shows and what it does not.

What is handed in stays in memory for as long as the answer takes. It is stored nowhere, and no log names it.
"""

from allauth.core import ratelimit
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from portal.exhibit import Kind, look
from portal.words.verify import tell
from retention.errors import ClipBusy


@never_cache
@csrf_exempt  # `_verify` is protected: a body that is too large must be refused before its token can be looked for
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Show the form; take a file or a text, and say what it shows."""
    try:
        request.POST  # noqa: B018 - reads the body
    except RequestDataTooBig:
        return _trouble(
            request, _("This is too large: a file may have 16 MB, a text 1 MB. Hand in a long text as a file."), 413
        )
    return _verify(request)


@csrf_protect
def _verify(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "portal/verify.html")
    limited: HttpResponse | None = ratelimit.consume_or_429(request, action="verify")
    if limited is not None:
        return limited
    file = request.FILES.get("file")
    # A browser writes the lines of a text field as HTTP does; what was pasted had none of that.
    data = file.read() if file else request.POST.get("text", "").replace("\r\n", "\n").encode("utf-8", "replace")
    if not data.strip():
        return _trouble(request, _("Nothing was handed in. Choose a file, or paste a text."), 422)
    try:
        exhibit = look(data, now=timezone.now())
    except ClipBusy:
        return _trouble(request, _("Other files are being read at this moment. Try again."), 503)
    status = 422 if exhibit.kind == Kind.UNKNOWN else 200
    return render(request, "portal/verify.html", {"told": tell(exhibit)}, status=status)


def _trouble(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    return render(request, "portal/verify.html", {"trouble": sentence}, status=status)
