"""The OpenAPI document, and the page on which its calls can be tried.

The page's script and style are the library's own files, served by us. Its style sheet holds pictures as `data:`; for it alone the
Content-Security-Policy lets those in.
"""

from functools import cache
from threading import Lock

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

_writing = Lock()
"""The library fills its registries while it writes its first document; two threads in it disturb each other."""


@require_safe
def document(_request: HttpRequest) -> HttpResponse:
    """Serve the document."""
    with _writing:
        said = _document()
    return HttpResponse(said, content_type=OpenApiJsonRenderer.media_type)


@cache
def _document() -> bytes:
    with translation.override("en"):
        described = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        return bytes(OpenApiJsonRenderer().render(described))


@csp_update({"img-src": ["data:"]})
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    return render(request, "api/docs.html")
