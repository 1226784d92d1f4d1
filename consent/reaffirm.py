"""A person confirms a consent anew: what went stale permits again, under the notice as it is now.

One transaction under the grant's exclusive lock. What is recorded as read is what was on the screen. A yes that a guardian gave and the
person, grown up, confirms, is the person's own from then on.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import User
from consent import act_for, lock
from consent.capacity import Relationship
from consent.errors import GrantEnded, GrantUnknown, NoticeChanged, PurposeForbidden
from consent.interact import interacted
from consent.machine import Event, MoveForbidden
from consent.models import Delegation, Grant, Notice
from consent.move import exhaust, move
from consent.queries import newest_notice
from consent.show import keep_screen


def reaffirm(  # noqa: PLR0913
    *, grant_id: uuid.UUID, user: User, notice_id: uuid.UUID, screen: str, now: datetime, by: Delegation | None = None
) -> Grant:
    """Confirm one of the person's grants, having read the notice `notice_id` on `screen` (its HTML); the term stays as it was.

    Raises:
        GrantUnknown: The person has no such grant.
        GrantEnded: It cannot be confirmed any more.
        NoticeChanged: That notice is not the newest.
        DelegationUnknown, AgeUnsaid, GuardianNeeded: Who confirms may not.
        PurposeForbidden: Not where the person lives now.
    """
    if not Grant.objects.filter(id=grant_id, subject__user=user).exists():
        raise GrantUnknown
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        act_for.must_be_able(user=user, by=by, now=now)
        grant = lock.for_ending(grant_id)
        if grant.facts().place_forbids:
            raise PurposeForbidden
        notice = Notice.objects.filter(id=notice_id).first()
        if notice is None or notice != newest_notice(
            app_id=grant.app_id, purpose_id=grant.purpose_id, locale=notice.locale
        ):
            raise NoticeChanged
        if now >= grant.valid_until or not set(grant.operations) <= set(notice.operations):
            raise GrantEnded
        interacted(grant.binding, now=now)
        grant.screen = keep_screen(html=screen, now=now)
        grant.actor = by.relationship if by else Relationship.SELF
        grant.delegation = by
        told = {
            "notice": notice.shown(),
            "screen": grant.screen_id,
            "how": "portal",
            **act_for.told(by, app=grant.app_id),
        }
        try:
            move(
                grant=grant,
                event=Event.REAFFIRM,
                reason=f"reaffirmed_by_{actor}",
                actor=actor,
                now=now,
                notice=notice,
                told=told,
            )
        except MoveForbidden:
            raise GrantEnded from None
        exhaust(grant=grant, now=now)  # its one use was in a session that ended meanwhile
    return grant
