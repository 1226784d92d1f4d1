"""`/metrics`, in the text format of Prometheus: for those who run the service, and for nobody else.

Whoever reads it shows the token of the file `CONSONANT_METRICS_TOKEN`. In local mode alone, a program on this machine needs none. That
something comes from this machine is no proof elsewhere: behind a proxy, everything does.
"""

import hmac
from ipaddress import ip_address
from pathlib import Path

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from ledger.metrics import LogCollector

log = structlog.get_logger(__name__)
SHORTEST_TOKEN = 20
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Serve the gauges."""
    if not _may_read(request):
        return HttpResponse(
            "The token is missing or wrong.\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
        )
    registry = CollectorRegistry()
    registry.register(LogCollector(now=timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    """Say whether the caller shows the token, or needs none."""
    if not settings.METRICS_TOKEN:
        return settings.LOCAL and _is_from_here(request)
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    wanted = _token()
    return bool(wanted) and scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), wanted)


def _token() -> bytes:
    """Return the token, read each time, so that it can be changed; nothing if there is none that is long enough."""
    try:
        token = Path(settings.METRICS_TOKEN).read_bytes().strip()
    except OSError as error:
        log.critical("metrics_token_unreadable", error=type(error).__name__)
        return b""
    if len(token) < SHORTEST_TOKEN:
        log.critical("metrics_token_too_short", shortest=SHORTEST_TOKEN)
        return b""
    return token


def _is_from_here(request: HttpRequest) -> bool:
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_loopback and not any(name in request.headers for name in _FORWARDED)
