"""A person refuses.

One transaction under the request's row lock. Who refused is tied to the app's user like who allows: the app learns the answer of one
person, and that person sees it among their records.
"""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from consent import act_for
from consent.bind import bind
from consent.enter import enter
from consent.models import ConsentRequest, Delegation
from consent.queries import lock_open_request, notice_for
from hooks.notify import notify


def refuse(*, token: str, user: User, locale: str, now: datetime, by: Delegation | None = None) -> ConsentRequest:
    """Answer the request behind `token` with no.

    Raises:
        RequestUnknown, RequestAnswered, RequestExpired: It cannot be answered.
        BoundToAnother: The app's user is tied to somebody else.
        DelegationUnknown: Who acts for the person may not.
    """
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        request = lock_open_request(token=token, now=now)
        notice = notice_for(request=request, locale=locale)
        binding = bind(app=request.app, reference=bytes(request.reference or b""), user=user, now=now)
        request.state = ConsentRequest.State.REFUSED
        request.answered_at = now
        request.save(update_fields=["state", "answered_at"])
        notify(app=request.app, event="consent.refused", data={"request": str(request.id)}, now=now)
        enter(
            subject=binding.subject,
            kind="consent.refused",
            actor=actor,
            payload={
                "request": str(request.id),
                "app": str(request.app_id),
                "purpose": request.purpose_id,
                "operations": request.operations,
                "notice": notice.shown(),
                "how": "portal",
                **act_for.told(by, app=request.app_id),
            },
            now=now,
        )
    return request
