"""The written schedule of retention, for anybody: how long what is made of a voice is kept, and what ends it (740 ILCS 14/15(a))."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from portal.words.schedule import told
from retention.schedule import document, lines


@require_safe
def schedule(request: HttpRequest) -> HttpResponse:
    """Show the schedule as a page; as JSON to who asks for that, by `Accept` or by `?format=json`."""
    asked = request.GET.get("format") == "json" or request.get_preferred_type(["text/html", "application/json"])
    if asked is True or asked == "application/json":
        answer: HttpResponse = JsonResponse(document(now=timezone.now()), json_dumps_params={"indent": 1})
    else:
        answer = render(request, "portal/schedule.html", {"lines": [told(line) for line in lines()]})
    patch_vary_headers(answer, ["Accept"])
    return answer
