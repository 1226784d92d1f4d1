"""Judge what the service itself found out about a host, and raise what it breaks: silence, a file without a record, a break with the days before.

In the caller's transaction, under the host's lock.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from guard.models import Alert, Host
from guard.own_event import own_event
from guard.queries import rules_in_force
from guard.raise_alert import Breach, raise_alerts
from guard.store import Happened, row_of, store_evidence


def notice(
    *, host: Host, action: str, at: datetime, now: datetime, consonant: Mapping[str, Any] | None = None
) -> list[Alert]:
    """Store the event and raise an alert for each rule in force that it breaks; none where an officer turned them off."""
    event = own_event(action, at=at, host_id=host.id, consonant=consonant)
    rules = [rule for rule in rules_in_force().judge(event) if not rule.is_base_only]
    if not rules:
        return []
    evidence = store_evidence(rows=[row_of(host, Happened(at, event), now)])
    breaches = [Breach(rule, at, at, event, evidence=list(evidence)) for rule in rules]
    return raise_alerts(host=host, breaches=breaches, now=now)
