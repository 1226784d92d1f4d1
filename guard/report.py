"""What a SIEM, a hook or a command says of an alert: its row, its rule and its events, as one value."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from guard.finding import Act, Activity, Finding
from guard.models import Alert, Answer, Event
from guard.pack import rule_of

MOST_EVENTS = 20
_ACTIVITY: Mapping[str, Activity] = {"raised": "create", "answered": "update", "undone": "update", "closed": "close"}


def activity_of(act: str) -> Activity:
    """Return what a change of an alert is to a SIEM."""
    return _ACTIVITY[act]


def standing(alert: Alert) -> Activity:
    """Return what an alert is to a SIEM that first hears of it now."""
    return "close" if alert.state == Alert.State.CLOSED else "create"


def finding_of(alert: Alert, activity: Activity) -> Finding:
    """Return an alert as it stands now; of its events those that are still kept, else what the alert itself says."""
    rule = rule_of(alert.rule)
    kept: list[dict[str, Any]] = list(
        Event.objects.filter(id__in=alert.evidence[:MOST_EVENTS]).order_by("id").values_list("data", flat=True)
    )
    answers = Answer.objects.filter(alert=alert).order_by("order")
    return Finding(
        uid=str(alert.id),
        activity=activity,
        at=alert.at,
        raised_at=alert.raised_at,
        last_at=alert.last_at,
        count=alert.count,
        state=alert.state,
        level=alert.level,
        slug=alert.rule,
        rule=str(rule.id) if rule else alert.rule,
        title=rule.title if rule else alert.rule,
        description=rule.description if rule else "",
        tags=tuple(rule.tags) if rule else (),
        tenant=alert.host.tenant.slug,
        app=str(alert.app_id),
        app_name=str(alert.app),
        host=str(alert.host_id),
        host_name=alert.host.name,
        entry=str(alert.entry),
        acts=tuple(Act(step=answer.step, state=answer.state) for answer in answers),
        events=tuple(kept or ([alert.summary] if alert.summary else [])),
        product_version=settings.VERSION,
    )
