"""A person allows, once or for a term.

One transaction under the request's row lock: binding, grant, answered request, the word to the app, entry. A crash before the commit leaves the request
open and can be repeated; a second answer finds it answered.
"""

from datetime import datetime
from typing import Literal

from django.db import transaction

from accounts.models import User
from consent.bind import bind
from consent.enter import enter_for_grant
from consent.models import ConsentRequest, Grant
from consent.queries import lock_open_request, notice_for
from hooks.notify import notify


def allow(*, token: str, user: User, choice: Literal["once", "term"], locale: str, now: datetime) -> Grant:
    """Answer the request behind `token` with a grant: `term` for as long and often as asked, `once` for one session within it.

    Raises:
        RequestUnknown, RequestAnswered, RequestExpired: It cannot be answered.
        BoundToAnother: The app's user is tied to somebody else.
    """
    with transaction.atomic():
        request = lock_open_request(token=token, now=now)
        notice = notice_for(request=request, locale=locale)
        binding = bind(app=request.app, reference=bytes(request.reference or b""), user=user, now=now)
        grant = Grant.objects.create(
            subject=binding.subject,
            app=request.app,
            binding=binding,
            purpose_id=request.purpose_id,
            operations=request.operations,
            request=request,
            notice=notice,
            valid_from=now,
            valid_until=now + request.term,
            uses_left=1 if choice == "once" else None,
        )
        request.state = ConsentRequest.State.GIVEN
        request.answered_at = now
        request.save(update_fields=["state", "answered_at"])
        notify(
            app=request.app,
            event="consent.given",
            data={
                "request": str(request.id),
                "grant": str(grant.id),
                "operations": grant.operations,
                "valid_until": grant.valid_until.isoformat(),
            },
            now=now,
        )
        enter_for_grant(
            grant=grant,
            kind="consent.given",
            actor="subject",
            payload={
                "request": str(request.id),
                "operations": grant.operations,
                "choice": choice,
                "valid_until": grant.valid_until.isoformat(),
                "notice": notice.shown(),
                "how": "portal",
            },
            now=now,
        )
    return grant
