"""Undo what was done about an alert, with a reason: the app works again, the host is released. What was destroyed stays destroyed.

One transaction: the answers, what they held, and the entry `alert.undone`. What was not given yet is not given any more. Sessions that were
ended stay ended; an app that another alert keeps suspended, or that an officer suspended, stays so.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consent.enter import enter_for_tenant
from guard.errors import AlertUnknown, NothingToUndo
from guard.lift import lift
from guard.models import Alert, Answer, Host, Reason, Step
from guard.ship import ship

LASTING = (Step.NOTIFY, Step.HASTEN)
"""Who was told knows it, and what was destroyed is gone."""


@dataclass(frozen=True)
class Undone:
    """What became of it: whether the app works again and the host is free, and how many things stay destroyed."""

    alert: Alert
    reinstated: bool
    released: bool
    destroyed: int


def undo(*, alert_id: uuid.UUID, reason: str, note: str = "", officer: str, now: datetime) -> Undone:
    """Undo it.

    Args:
        alert_id: Which alert.
        reason: `Reason`; the entry says it.
        note: The officer's own words, at most 200 characters; no entry holds them.
        officer: The officer's id.
        now: When.

    Raises:
        AlertUnknown: There is no such alert.
        NothingToUndo: It was undone already.
        ValueError: There is no such reason.
    """
    said = Reason(reason)
    with transaction.atomic():
        found = Alert.objects.filter(id=alert_id).values_list("host_id", flat=True).first()
        if found is None:
            raise AlertUnknown
        host = Host.objects.select_for_update(of=("self",), no_key=True).select_related("app", "tenant").get(id=found)
        alert = Alert.objects.select_for_update(of=("self",)).select_related("host__tenant", "app").get(id=alert_id)
        if alert.state == Alert.State.UNDONE:
            raise NothingToUndo
        answers = list(Answer.objects.select_for_update().filter(alert=alert).order_by("order"))
        taken_back = [each for each in answers if each.state in Answer.OPEN or each.step not in LASTING]
        for each in taken_back:
            each.state, each.undone_at, each.undone_by = Answer.State.UNDONE, now, officer
            each.save(update_fields=["state", "undone_at", "undone_by"])
        lifted = {
            each.step for each in taken_back if lift(each, host=host, app_id=alert.app_id, officer=officer, now=now)
        }
        alert.state, alert.undone_for, alert.note = Alert.State.UNDONE, said, note[:200]
        alert.save(update_fields=["state", "undone_for", "note"])
        destroyed = sum(each.touched or 0 for each in answers if each.step == Step.HASTEN)
        entry = enter_for_tenant(
            tenant=alert.host.tenant,
            kind="alert.undone",
            actor=f"officer:{officer}",
            payload={
                "alert": str(alert_id),
                "rule": alert.rule,
                "reason": said.value,
                "steps": [each.step for each in taken_back],
                "reinstated": Step.SUSPEND in lifted,
                "released": Step.ISOLATE in lifted,
                "hastened": destroyed,
            },
            now=now,
        )
        Answer.objects.filter(id__in=[each.id for each in taken_back]).update(undo_entry=entry)
        ship(alert=alert, act="undone", now=now)
    return Undone(alert, Step.SUSPEND in lifted, Step.ISOLATE in lifted, destroyed)
