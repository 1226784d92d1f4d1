"""A person puts the answer off: nothing is decided, and the link still works as long as it did.

One transaction under the request's row lock: state and entry. Answering it later needs nothing more.
"""

from datetime import datetime

from django.db import transaction

from consent.enter import enter_request
from consent.models import ConsentRequest
from consent.queries import lock_open_request


def defer(*, token: str, now: datetime) -> ConsentRequest:
    """Put off the answer to the request behind `token`. Putting it off twice changes nothing.

    Raises:
        RequestUnknown, RequestAnswered, RequestExpired: It cannot be answered.
    """
    with transaction.atomic():
        request = lock_open_request(token=token, now=now)
        if request.state != ConsentRequest.State.DEFERRED:
            request.state = ConsentRequest.State.DEFERRED
            request.save(update_fields=["state"])
            enter_request(request=request, kind="consent.deferred", actor="subject", now=now)
    return request
