"""A body that nobody read is read to its end, and thrown away, before the answer goes out.

A refusal can come before the body is looked at (no token, no scope). The server keeps the connection open then, but closes it if much of
the body is left, and the client's next request on that connection finds nobody. A body over the bound is left: closing is right there.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError

_PIECE_BYTES = 65_536


class ReadToTheEnd:
    """Middleware, outermost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request, then read what is left of its body."""
        response = self._get_response(request)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and 0 < int(length) <= settings.MAX_UPLOAD_BYTES:
            try:
                while request.read(_PIECE_BYTES):
                    pass
            except UnreadablePostError:
                pass  # the client has gone
        return response
