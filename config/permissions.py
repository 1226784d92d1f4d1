"""What a page may use of the device: nothing, but for the pages that read a code with the camera (W3C Permissions Policy)."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

NOTHING: Final = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
CAMERA: Final = NOTHING.replace("camera=()", "camera=(self)")
_SCANS: Final = {"portal:prove", "portal:verify", "portal:wallet_offline_page"}


class Permissions:
    """Middleware that says so with every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on, and add the header."""
        response = self._get_response(request)
        match = request.resolver_match
        response.headers["Permissions-Policy"] = CAMERA if match and match.view_name in _SCANS else NOTHING
        return response
