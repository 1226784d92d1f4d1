"""Give the answers of a playbook, after the alert's commit: by the task that it woke, or by the next look.

For each: (1) transaction: it is taken up, with a lease; (2) the act itself, which can be repeated; (3) transaction: `done`, with the entry
`alert.answered`. A crash anywhere is resumed through the same steps once the lease is over; what cannot be done is tried again after a
pause, and keeps no other waiting. What an officer undid meanwhile is lifted again (`guard.lift`).
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import F

from consent.enter import enter_for_tenant
from consent.suspend import suspend
from guard.lift import lift
from guard.models import Alert, Answer, Host, Step
from guard.queries import answers_left
from guard.ship import ship
from guard.write_letters import write_letters
from hooks.notify import notify
from retention.hasten import hasten

log = structlog.get_logger(__name__)
LEASE: Final = timedelta(seconds=30)
"""How long whoever took it up has it alone."""
PAUSES: Final = (2, 5, 15, 60, 300)
"""Seconds before the next try; the last again and again."""


ACTS: Final = (Step.SUSPEND, Step.ISOLATE, Step.HASTEN)
"""What waits for nobody. A mail server that does not answer holds up none of it: letters have workers of their own."""
LETTERS: Final = (Step.NOTIFY,)


def answer(*, clock: Callable[[], datetime], steps: Collection[str] = (*ACTS, *LETTERS)) -> int:
    """Give every answer of these steps that is due; return how many were given."""
    given = 0
    if Step.SUSPEND in steps:
        _lift_left(clock())
    for answer_id in list(answers_left(now=clock()).filter(step__in=steps).values_list("id", flat=True)):
        given += give(answer_id=answer_id, clock=clock)
    return given


def give(*, answer_id: int, clock: Callable[[], datetime]) -> bool:
    """Give one answer, if it is due and nobody else is at it; say whether that was done."""
    taken = _take_up(answer_id, clock())
    if taken is None:
        return False
    try:
        touched = _act(taken, clock)
        return _done(taken, touched, clock())
    except Exception as error:
        log.exception("not_answered", step=taken.step, alert=str(taken.alert_id), error=type(error).__name__)
        pause = timedelta(seconds=PAUSES[min(taken.tries, len(PAUSES)) - 1])
        left = Answer.objects.filter(id=answer_id, state__in=Answer.OPEN)
        left.update(state=Answer.State.FAILED, due_at=clock() + pause)
        return False


def _lift_left(now: datetime) -> None:
    """Lift what was undone while it was being given, by somebody who crashed before noticing."""
    left = Answer.objects.filter(
        step=Step.SUSPEND,
        state=Answer.State.UNDONE,
        done_at=None,
        due_at__lte=now,
        began_at__isnull=False,
        alert__app__suspended_at=F("began_at"),
    )
    for row in left.select_related("alert"):
        with transaction.atomic():
            hosts = Host.objects.select_for_update(of=("self",), no_key=True).select_related("app")
            host = hosts.get(id=row.alert.host_id)
            lift(row, host=host, app_id=row.alert.app_id, officer=row.undone_by, now=now)


@transaction.atomic
def _take_up(answer_id: int, now: datetime) -> Answer | None:
    rows = Answer.objects.select_related("alert__host__tenant", "alert__app")
    taken = rows.select_for_update(of=("self",), skip_locked=True).filter(id=answer_id).first()
    if taken is None or not taken.is_due(now):
        return None
    taken.began_at = taken.began_at or now
    taken.due_at, taken.tries = now + LEASE, taken.tries + 1
    taken.save(update_fields=["began_at", "due_at", "tries"])
    return taken


def _act(taken: Answer, clock: Callable[[], datetime]) -> int:
    """Do it; return how many it touched. To isolate is a row and a hook, which come with the entry."""
    alert = taken.alert
    if taken.step == Step.SUSPEND and taken.began_at:
        suspend(app_id=alert.app_id, reason=alert.rule, actor="guard", now=taken.began_at)
    elif taken.step == Step.HASTEN:
        return (taken.touched or 0) + hasten(app_id=alert.app_id, now=clock())
    elif taken.step == Step.NOTIFY:
        return write_letters(alert)
    return 1


@transaction.atomic
def _done(taken: Answer, touched: int, now: datetime) -> bool:
    host = Host.objects.select_for_update(of=("self",), no_key=True).select_related("app").get(id=taken.alert.host_id)
    alert = Alert.objects.select_for_update(of=("self",)).select_related("host__tenant", "app").get(id=taken.alert_id)
    row = Answer.objects.select_for_update().get(id=taken.id)
    if row.state not in Answer.OPEN:
        lift(row, host=host, app_id=alert.app_id, officer=row.undone_by, now=now)
        return False
    if row.step == Step.ISOLATE and host.isolated_at is None:
        host.isolated_at = row.began_at
        host.save(update_fields=["isolated_at"])
        notify(app=host.app, event="host.isolate", data={"host": str(host.id), "alert": str(alert.id)}, now=now)
    row.state, row.done_at, row.touched = Answer.State.DONE, now, touched
    row.entry = enter_for_tenant(
        tenant=alert.host.tenant,
        kind="alert.answered",
        actor="guard",
        payload={
            "alert": str(alert.id),
            "app": str(alert.app_id),
            "host": str(host.id),
            "rule": alert.rule,
            "step": row.step,
            "touched": touched,
        },
        now=now,
    )
    row.save(update_fields=["state", "done_at", "touched", "entry"])
    left = Answer.objects.filter(alert=alert, state__in=Answer.OPEN).exists()
    if not left and alert.state == Alert.State.OPEN:
        alert.state = Alert.State.ANSWERED
        alert.save(update_fields=["state"])
    ship(alert=alert, act="answered", answer=row, now=now)
    return True
