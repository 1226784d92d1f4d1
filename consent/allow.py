"""A person allows, once or for a term.

One transaction under the request's row lock: binding, grant, answered request, the word to the app, entry. A crash before the commit leaves the request
open and can be repeated; a second answer finds it answered.
"""

import uuid
from datetime import datetime
from typing import Literal

from django.db import transaction

from accounts.models import User
from consent import act_for
from consent.bind import bind
from consent.capacity import Relationship
from consent.enter import enter_for_grant
from consent.errors import NotExplicit, NoticeChanged, PurposeForbidden, RequestExpired
from consent.interact import interacted
from consent.machine import LIVING
from consent.models import Binding, ConsentRequest, Declaration, Delegation, Grant
from consent.queries import lock_open_request, notice_for
from consent.show import keep_screen
from consent.use_class import RULES, is_forbidden_in
from hooks.notify import notify


def allow(  # noqa: PLR0913
    *,
    token: str,
    user: User,
    choice: Literal["once", "term"],
    locale: str,
    now: datetime,
    notice_id: uuid.UUID | None = None,
    screen: str | None = None,
    by: Delegation | None = None,
) -> Grant:
    """Answer the request behind `token` with a grant: `term` for as long and often as asked, `once` for one session within it.

    `notice_id` and `screen` are what the person read: the notice, and the words of the screen as HTML. `by` is who acts for the person.

    Raises:
        RequestUnknown, RequestAnswered, RequestExpired: It cannot be answered; also where the newest notice does not say all it asks for.
        BoundToAnother: The app's user is tied to somebody else.
        NoticeChanged: What was read is not the newest notice.
        AgeUnsaid, GuardianNeeded, DelegationUnknown: Who answers may not.
        PurposeForbidden: Not where the person may live.
        NotExplicit: To recognise somebody, the screen that was read has to be kept with the answer.
    """
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        act_for.must_be_able(user=user, by=by, now=now)
        request = lock_open_request(token=token, now=now)
        residence = User.objects.values_list("residence", flat=True).get(id=user.id)
        if is_forbidden_in(residence, trades_voiceprints=request.purpose.trades_voiceprints):
            raise PurposeForbidden
        if RULES[request.purpose.use_class].explicit_act and not (notice_id and screen):
            raise NotExplicit
        notice = notice_for(request=request, locale=locale)
        if notice_id not in {None, notice.id}:
            raise NoticeChanged
        if not set(request.operations) <= set(notice.operations):
            raise RequestExpired
        binding = bind(app=request.app, reference=bytes(request.reference or b""), user=user, now=now)
        interacted(binding, now=now)
        grant = Grant.objects.create(
            subject=binding.subject,
            app=request.app,
            binding=binding,
            purpose_id=request.purpose_id,
            operations=request.operations,
            scope=request.scope,
            declaration=Declaration.objects.get(app=request.app_id, purpose=request.purpose_id),
            request=request,
            notice=notice,
            screen=keep_screen(html=screen, now=now) if screen else None,
            actor=by.relationship if by else Relationship.SELF,
            delegation=by,
            jurisdiction=residence,
            replaces=_ended(binding, request),
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
            actor=actor,
            payload={
                "request": str(request.id),
                "operations": grant.operations,
                "scope": grant.scope,
                "choice": choice,
                "valid_until": grant.valid_until.isoformat(),
                "notice": notice.shown(),
                "screen": grant.screen_id,
                "how": "portal",
                **act_for.told(by, app=request.app_id),
            },
            now=now,
        )
    return grant


def _ended(binding: Binding, request: ConsentRequest) -> Grant | None:
    """Return the last consent to some of the same that has ended: one that stands is not replaced."""
    earlier = Grant.objects.filter(
        binding=binding,
        purpose=request.purpose_id,
        operations__overlap=request.operations,
        scope__overlap=request.scope,
    )
    return earlier.exclude(state__in=LIVING).order_by("-id").first()
