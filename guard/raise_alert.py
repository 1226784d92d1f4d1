"""Raise alerts, in the transaction that stores what they are about, under the host's lock.

A new one: the row, the answers of its playbook, to be given after the commit, and the entry `alert.raised`. What breaks the same rule on the
same host again within five minutes of the last time is counted on the alert that lives; where somebody meanwhile reinstated the app, or
released the host, without undoing the alert, that answer is given again (docs/adr/0047-answers-after-the-alert.md).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from uuid_utils.compat import uuid7

from accounts.models import App
from consent.enter import enter_for_tenant
from guard import ocsf
from guard.models import Alert, Answer, Host, Step
from guard.queries import playbook_for
from guard.report import finding_of
from guard.ship import ship
from hooks.models import Subscription
from hooks.notify import notify
from hooks.wake import wake

TOGETHER: Final = timedelta(minutes=5)
MOST_EVIDENCE: Final = 50
LONGEST_TEXT: Final = 500
"""Characters of one value of a summary."""
_SHOWN: Final = ("event", "process", "file", "source", "destination", "network", "consonant")


class Broken(Protocol):
    """A rule, or a correlation of rules."""

    @property
    def slug(self) -> str:
        """Its short name."""

    @property
    def level(self) -> str:
        """How bad it is."""


@dataclass
class Breach:
    """A rule was broken: the first event of it, how often, and the ids of the events that show it."""

    rule: Broken
    at: datetime
    last_at: datetime
    event: Mapping[str, Any]
    count: int = 1
    evidence: list[int] = field(default_factory=list)


def raise_alerts(*, host: Host, breaches: Sequence[Breach], now: datetime) -> list[Alert]:
    """Raise an alert for each, or count it on the one that lives; return them. The caller holds the host's lock."""
    raised = [_raise(host, breach, now) for breach in breaches]
    if raised:
        wake("guard.answer")
        wake("guard.tell")
    return raised


def _raise(host: Host, breach: Breach, now: datetime) -> Alert:
    living = Alert.objects.filter(
        host=host, rule=breach.rule.slug, state__in=Alert.LIVING, last_counted_at__gt=now - TOGETHER
    )
    alert = living.select_for_update().order_by("-raised_at").first()
    if alert is None:
        return _new(host, breach, now)
    alert.count += breach.count
    alert.last_at, alert.last_counted_at = max(alert.last_at, breach.last_at), now
    alert.evidence = [*alert.evidence, *breach.evidence][:MOST_EVIDENCE]
    alert.save(update_fields=["count", "last_at", "last_counted_at", "evidence"])
    _answer_again(host, alert, now)
    return alert


def _new(host: Host, breach: Breach, now: datetime) -> Alert:
    rule = breach.rule
    plan = playbook_for(rule.slug, rule.level)
    steps = plan.steps if plan.enabled else []
    alert_id = uuid.UUID(str(uuid7()))
    # An entry takes no lock, so that it may come first; the row names it.
    entry = enter_for_tenant(
        tenant=host.tenant,
        kind="alert.raised",
        actor="guard",
        payload={
            "alert": str(alert_id),
            "host": str(host.id),
            "app": str(host.app_id),
            "rule": rule.slug,
            "level": rule.level,
            "steps": steps,
        },
        now=now,
    )
    alert = Alert.objects.create(
        id=alert_id,
        host=host,
        app_id=host.app_id,
        rule=rule.slug,
        level=rule.level,
        at=breach.at,
        raised_at=now,
        count=breach.count,
        last_at=breach.last_at,
        last_counted_at=now,
        summary=summary_of(breach.event),
        evidence=breach.evidence[:MOST_EVIDENCE],
        entry=entry,
    )
    Answer.objects.bulk_create(
        Answer(alert=alert, step=step, order=order, made_at=now, due_at=now) for order, step in enumerate(steps)
    )
    if Step.NOTIFY in steps:
        _tell_apps(alert, now)
    ship(alert=alert, act="raised", now=now)
    return alert


def _tell_apps(alert: Alert, now: datetime) -> None:
    """Tell those of the organisation's apps that listen, as a SIEM would read it."""
    listening = Subscription.objects.filter(
        app__tenant=alert.host.tenant_id, event="alert.raised", state=Subscription.State.ACTIVE
    )
    for app in App.objects.filter(id__in=listening.values("app")).order_by("id"):
        notify(app=app, event="alert.raised", data=ocsf.encode(finding_of(alert, "create")), now=now)


def _answer_again(host: Host, alert: Alert, now: datetime) -> None:
    lifted = {
        Step.SUSPEND: not App.objects.filter(id=alert.app_id, suspended_at__isnull=False).exists(),
        Step.ISOLATE: host.isolated_at is None,
    }
    steps = [step for step, is_lifted in lifted.items() if is_lifted]
    done = Answer.objects.filter(alert=alert, state=Answer.State.DONE, step__in=steps)
    if done.update(state=Answer.State.PENDING, due_at=now, began_at=None, done_at=None, tries=0):
        Alert.objects.filter(id=alert.id).update(state=Alert.State.OPEN)


def summary_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a page and an export show of an event after it has gone; long texts are cut."""
    return {name: _cut(event[name]) for name in _SHOWN if name in event}


def _cut(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _cut(each) for name, each in value.items() if name != "place"}
    return value[:LONGEST_TEXT] if isinstance(value, str) else value
