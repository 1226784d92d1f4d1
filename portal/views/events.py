"""The stream that tells the page of now that something changed (server-sent events, WHATWG HTML section 9.2).

A stream holds a thread, so at most half of a process's threads may stream; who comes then is answered 204, and the page asks for its card
every three seconds instead. A stream ends by itself, when the person has signed out, when the browser has hung up, and when the database
is away; the browser opens it anew, which proves who it is once more. Between two looks no transaction is open; the connection stays the
thread's own, as it does between requests.
"""

import socket
import threading
import time
import weakref
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.models import User
from portal.acting import person
from portal.views.now import shown

STREAMS = 4
"""Half of the threads of a process (deploy/gunicorn.conf.py)."""
LASTS_SECONDS = 55.0
LOOK_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
_room = threading.BoundedSemaphore(STREAMS)


@never_cache
@require_GET
def events(request: HttpRequest) -> HttpResponseBase:
    """Stream, from what the page shows on (`?shown=`, or the last event that the browser heard); 204 where there is no room, or nobody."""
    who = person(request).user if isinstance(request.user, User) else None
    if who is None or not _room.acquire(blocking=False):
        return HttpResponse(status=204)
    return StreamingHttpResponse(
        _Stream(
            user=who,
            sign_in=request.session.session_key,
            seen=request.headers.get("Last-Event-ID") or request.GET.get("shown"),
            peer=request.META.get("gunicorn.socket"),
        ),
        content_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


class _Stream:
    """What one page hears. Its place is given back once: when the response is closed, or whenever nobody holds it any more."""

    def __init__(self, *, user: User, sign_in: str | None, seen: str | None, peer: socket.socket | None) -> None:
        self._user, self._sign_in, self._seen, self._peer = user, sign_in, seen, peer
        self.close = weakref.finalize(self, _room.release)

    def __iter__(self) -> Iterator[bytes]:
        end = time.monotonic() + LASTS_SECONDS
        heard = time.monotonic()
        yield b"retry: 1000\n\n"
        while time.monotonic() < end and not self._has_hung_up():
            try:
                now_shown = shown(user=self._user, sign_in=self._sign_in, now=timezone.now())
            except (OperationalError, InterfaceError):
                return
            if now_shown is None:
                return
            if now_shown != self._seen:
                self._seen, heard = now_shown, time.monotonic()
                yield f"event: changed\nid: {now_shown}\ndata:\n\n".encode()
            elif time.monotonic() - heard >= HEARTBEAT_SECONDS:
                heard = time.monotonic()
                yield b":\n\n"
            time.sleep(LOOK_SECONDS)

    def _has_hung_up(self) -> bool:
        """Look at gunicorn's own socket: without writing, a server does not learn that nobody listens, and the place stays taken."""
        if self._peer is None:
            return False
        try:
            return self._peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except (BlockingIOError, ValueError):  # nothing to read; or TLS, which cannot look ahead
            return False
        except OSError:
            return True
