"""Where an app gets and ends its tokens (RFC 6749, RFC 7009), with a limit on how often one may try: each try costs slow hashes.

Counted is the sender's address, for who calls is not known yet. It is kept nowhere: the count lies under a keyed hash of it
(config/counts.py), and ends by itself.
"""

from collections.abc import Callable
from functools import wraps

from django.db import DataError
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from oauth2_provider.views import RevokeTokenView, TokenView
from rest_framework.exceptions import Throttled

from config.problems import answer
from config.throttle import TOKENS, count, sender

View = Callable[..., HttpResponseBase]


def _counted(view: View) -> View:
    @wraps(view)
    def call(request: HttpRequest) -> HttpResponseBase:
        counted = count(TOKENS, sender(request))
        if counted is None:
            return _told(view, request)
        response = _told(view, request) if counted.is_within else answer(Throttled(wait=counted.left))
        for name, value in counted.headers.items():
            response.headers[name] = value
        return response

    return call


def _told(view: View, request: HttpRequest) -> HttpResponseBase:
    try:
        return view(request)
    except DataError:  # the library looks up what no text of the database can be
        return JsonResponse({"error": "invalid_request"}, status=400)


token = _counted(TokenView.as_view())
revoke = _counted(RevokeTokenView.as_view())
