"""Tell the SIEM: what waits, in its order, over TLS (RFC 5425), at least once.

One transaction under a lock that only one holds: (1) read what waits; (2) connect, send a frame for each, close in order; (3) delete
them. Syslog has no acknowledgement; that the SIEM has closed in its turn, or has hung up after all was read, is as much as it says. A
crash, or a SIEM that is away, leaves all of it to the next round, which sends it again: a finding's `uid` tells that it is the same.
"""

import json
import socket
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import connection, transaction

from guard import cef, ecs_event, ocsf, syslog
from guard.finding import Finding
from guard.models import Shipment
from guard.report import activity_of, finding_of

log = structlog.get_logger(__name__)
A_ROUND = 500
SECONDS = 10.0
VERDICT_SECONDS = 2.0
"""How long a SIEM that says nothing has to refuse our certificate."""
PORT = 6514
"""Syslog over TLS (RFC 5425, 4.1)."""
_LOCK = 0x6755_6172_6453_4945


def written(finding: Finding, form: str) -> str:
    """Return a finding as one line: `ocsf` and `ecs` are JSON, `cef` is CEF."""
    if form == "cef":
        return cef.encode(finding)
    said = ecs_event.encode(finding) if form == "ecs" else ocsf.encode(finding)
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


@transaction.atomic
def export(*, clock: Callable[[], datetime]) -> int:
    """Send a round of what waits; return how much was sent, 0 where the SIEM is away or somebody else is at it."""
    if not settings.SIEM_URL:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    waiting = Shipment.objects.select_related("alert__host__tenant", "alert__app").order_by("id")
    rows = list(waiting[:A_ROUND])
    if not rows:
        return 0
    frames = [_frame(row, now=clock()) for row in rows]
    try:
        _send(frames)
    except (OSError, ssl.SSLError) as error:
        log.warning("siem_away", error=type(error).__name__, waiting=len(rows))
        return 0
    Shipment.objects.filter(id__in=[row.id for row in rows]).delete()
    return len(rows)


def _frame(row: Shipment, *, now: datetime) -> bytes:
    activity = activity_of(row.act)
    finding = finding_of(row.alert, activity)
    return syslog.frame(
        written(finding, settings.SIEM_FORMAT),
        severity=finding.severity,
        at=min(row.at, now),
        hostname=urlsplit(settings.PUBLIC_URL).hostname or "",
        kind=f"alert.{activity}",
    )


def _send(frames: list[bytes]) -> None:
    """Send them over one connection.

    Raises:
        OSError: The SIEM is away, is not who it should be, does not take our certificate, or broke off.
    """
    target = urlsplit(settings.SIEM_URL)
    context = ssl.create_default_context(cafile=settings.SIEM_CA or None)
    if settings.SIEM_CERT:
        context.load_cert_chain(settings.SIEM_CERT, settings.SIEM_KEY or None)
    with (
        socket.create_connection((target.hostname or "", target.port or PORT), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=target.hostname) as secure,
    ):
        _await_verdict(secure)
        for frame in frames:
            secure.sendall(frame)
        try:
            secure.unwrap().close()
        except (ssl.SSLEOFError, TimeoutError):
            log.info("siem_closed_abruptly")  # it hung up after it had read, or reads on


def _await_verdict(secure: ssl.SSLSocket) -> None:
    """Wait until we are let in: in TLS 1.3 that comes after the handshake, as a ticket, or as an alert (RFC 8446, 4.6.1 and 6.2).

    Raises:
        OSError: We are not.
    """
    secure.settimeout(0.1)
    until = time.monotonic() + VERDICT_SECONDS
    while time.monotonic() < until and not (secure.session and secure.session.has_ticket):
        try:
            if not secure.recv(1):
                raise ConnectionAbortedError
        except TimeoutError:
            continue
    secure.settimeout(SECONDS)
