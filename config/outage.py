"""A page of the portal or the admin while the database, or the store of the published logs, is away: 503 and one sentence, not a stack trace."""

from collections.abc import Callable

import structlog
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import Error, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from config.problems import answer
from ledger.barrier import refuse_if_database_is_restored
from ledger.errors import Behind, LedgerError, StoreAway

log = structlog.get_logger(__name__)
_ALWAYS = ("/healthz", "/readyz", "/metrics", "/log/", "/api/schema/")
"""What tells of health, the published log's own files, and the description of the interface: nothing of the database."""


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


class Restored:
    """Middleware that lets nothing answer from a database that is older than what was signed: it may not know what was taken back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on, or answer 503: a problem document to programs, a sentence to people."""
        if not request.path.startswith(_ALWAYS):
            try:
                refuse_if_database_is_restored()
            except (LedgerError, OSError) as error:  # whoever cannot tell says nothing
                return self._refusal(request, error)
            except Error as error:  # the view that needs the database says so in its own words
                log.warning("not_looked_whether_restored", error=type(error).__name__)
        return self._get_response(request)

    def _refusal(self, request: HttpRequest, error: Exception) -> HttpResponse:
        log.error("restored", error=type(error).__name__)
        if request.path.startswith(("/api/", "/v1/", "/oauth/")):
            return answer(error if isinstance(error, StoreAway) else Behind())
        sentence = _(
            "The service was restored from a backup and is not ready yet. Nothing can be read or changed until it is."
        )
        return HttpResponse(
            sentence, status=503, content_type="text/plain; charset=utf-8", headers={"Retry-After": "60"}
        )
