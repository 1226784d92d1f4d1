"""A page of the portal or the admin while the database, or the store of the published logs, is away: 503 and one sentence, not a stack trace."""

from collections.abc import Callable

import structlog
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from ledger.errors import StoreAway

log = structlog.get_logger(__name__)


class Outage:
    """Middleware that answers for views whose database or store is away."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer for an outage; log what nobody expected, by its route; the page for it is Django's."""
        if not isinstance(error, OperationalError | InterfaceError | StoreAway):
            if not isinstance(error, Http404 | PermissionDenied | SuspiciousOperation | BadRequest):
                match = request.resolver_match
                log.error("unexpected", route=match.view_name if match else None, exc_info=error)
            return None
        log.error("unavailable", error=type(error).__name__)
        sentence = _("The service cannot answer now. Nothing was changed, or all of it. Please try again.")
        return HttpResponse(
            sentence, status=503, content_type="text/plain; charset=utf-8", headers={"Retry-After": "1"}
        )
