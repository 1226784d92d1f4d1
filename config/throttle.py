"""How often an app may call: so many calls a minute, and so many batches (a view with `throttle_scope = "batch"`); and ask for tokens.

Every answer to an app says where it stands, in the fields of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` the quota `q`
and the window `w` in seconds, `RateLimit` what remains `r` and the seconds `t` until the window ends. Over the limit it is 429 with
`Retry-After`, and nothing has been done. Who calls the API without a token is counted by address where the view says so
(`throttle_anyone`), and else not here.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allauth.core.internal.ratelimit import get_ip
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from oauth2_provider.models import AccessToken
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports this module, by its setting

CALLS = "calls"
TOKENS = "tokens"


@dataclass(frozen=True)
class Counted:
    """A call, counted."""

    is_within: bool
    left: int
    """Seconds until the window ends."""
    headers: dict[str, str]


def count(name: str, whom: str) -> Counted | None:
    """Count one more call of `whom` against the rate of that name; None where there is none."""
    rate = settings.API_RATES[name]
    if rate is None:
        return None
    window, left = rate.window(time.time())
    used = cache.hit(f"api:{name}:{whom}:{window}", 2 * rate.seconds)  # type: ignore[attr-defined]
    headers = {
        "RateLimit-Policy": f'"{name}";q={rate.calls};w={rate.seconds}',
        "RateLimit": f'"{name}";r={max(0, rate.calls - used)};t={left}',
    }
    return Counted(used <= rate.calls, left, headers)


def sender(request: HttpRequest) -> str:
    """Return the address of who calls."""
    try:
        return str(get_ip(request))
    except PermissionDenied:  # behind a socket of this machine, without a proxy that says more
        return ""


class PerApp(BaseThrottle):
    """Counts an app's calls in windows of fixed length."""

    _left = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the call, say so in the answer's header, and say whether it is within the limit."""
        if isinstance(request.auth, AccessToken):
            counted = count(getattr(view, "throttle_scope", CALLS), str(request.auth.application_id))
        elif whom := getattr(request.auth, "throttled_as", None):
            counted = count(getattr(view, "throttle_scope", CALLS), whom)
        elif name := getattr(view, "throttle_anyone", None):
            counted = count(name, sender(request))
        else:
            return True
        if counted is None:
            return True
        self._left = counted.left
        view.headers.update(counted.headers)
        return counted.is_within

    def wait(self) -> float:
        """Return how many seconds are left of the window."""
        return self._left
