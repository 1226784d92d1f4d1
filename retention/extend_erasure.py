"""Extend an erasure's time, with a reason, before the thirtieth day (GDPR 12(3); 11 CCR 7021(b)). Once, and the person is told both.

One transaction: the later day, entry `erasure.extended`. It gives holders more time to answer; our own keys and bytes do not wait for it.
"""

import uuid
from datetime import datetime

from django.db import transaction

from consent.enter import enter
from retention.erasure_clock import LAST_DAY_TO_EXTEND, Law, can_extend
from retention.erasure_machine import CLOSED, State
from retention.errors import ErasureUnknown, ExtensionRefused
from retention.identify_erasure import due_of
from retention.models import Erasure

LONGEST_REASON = 300


def extend(*, erasure_id: uuid.UUID, reason: str, officer: str, now: datetime) -> Erasure:
    """Extend it by what the law allows.

    Raises:
        ErasureUnknown: There is no such erasure.
        ExtensionRefused: Without a reason, too late, a second time, after its end, or by a law that knows none.
    """
    with transaction.atomic():
        erasure = (
            Erasure.objects.select_related("subject__tenant")
            .select_for_update(of=("self",))
            .filter(id=erasure_id)
            .first()
        )
        if erasure is None:
            raise ErasureUnknown
        if why := _objection(erasure, reason.strip(), now):
            raise ExtensionRefused(why)
        erasure.extended_at, erasure.extension_reason = now, reason.strip()
        erasure.due_at = due_of(erasure)
        erasure.save(update_fields=["extended_at", "extension_reason", "due_at"])
        enter(
            subject=erasure.subject,
            kind="erasure.extended",
            actor=f"officer:{officer}",
            payload={
                "erasure": str(erasure.id),
                "due_at": erasure.due_at.isoformat(),
                "reason": erasure.extension_reason,
            },
            now=now,
        )
    return erasure


def _objection(erasure: Erasure, reason: str, now: datetime) -> str:
    """Return why it cannot be extended; nothing where it can."""
    whys = {
        "reason_missing": not reason or len(reason) > LONGEST_REASON,
        "over": erasure.state in {*CLOSED, State.COMPLETED},
        "twice": erasure.extended_at is not None,
        "no_extension_by_law": not can_extend(Law(erasure.law)),
        "too_late": now >= min(erasure.requested_at + LAST_DAY_TO_EXTEND, erasure.due_at),
    }
    return next((why for why, holds in whys.items() if holds), "")
