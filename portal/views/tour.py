"""The last tour: what it made, with links to see it; on a developer's machine only."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.words.tour import last


@never_cache
@require_safe
def tour(request: HttpRequest) -> HttpResponse:
    """Show the last tour, or say how to take one."""
    if not settings.LOCAL:
        raise Http404
    return render(request, "portal/tour.html", {"tour": last(host=request.get_host())})
