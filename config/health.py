"""Is it alive, is it ready? Ready: the database answers, the broker answers, and no log is behind what was published.

The answers name what is away, never an address or an error's text.
"""

from collections.abc import Callable

from celery import current_app
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from ledger.barrier import refuse_if_any_is_behind
from ledger.errors import LedgerError


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")


def _broker() -> None:
    with current_app.connection_for_write(connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)


_CHECKS: dict[str, Callable[[], None]] = {"database": _database, "broker": _broker, "logs": refuse_if_any_is_behind}


@never_cache
@require_safe
def alive(_request: HttpRequest) -> JsonResponse:
    """Say that this process answers."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """Say whether work can be done: 200, or 503 and what is away."""
    away = []
    for name, check in _CHECKS.items():
        try:
            check()
        except (Error, LedgerError, OSError, OperationalError):
            away.append(name)
    return JsonResponse({"status": "away" if away else "ready", "away": away}, status=503 if away else 200)
