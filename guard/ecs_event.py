"""An alert as an ECS 8 document of kind `alert`. Pure.

Source: elastic.co/guide/en/ecs, fieldsets event, rule, threat; times are RFC 3339.
"""

from datetime import UTC, datetime
from typing import Any, Final

from guard.finding import Finding

VERSION: Final = "8.17.0"
_KEPT: Final = ("process", "file", "source", "destination", "network")
_TYPE: Final = {"create": "start", "update": "change", "close": "end"}
_TACTICS: Final = "attack.t"


def encode(finding: Finding) -> dict[str, Any]:
    """Return it as nested ECS; of what raised it, the first event's process, file and connection."""
    event = finding.events[0] if finding.events else {}
    techniques = [tag.removeprefix("attack.").upper() for tag in finding.tags if tag.lower().startswith(_TACTICS)]
    return {
        "@timestamp": _time(finding.last_at),
        "ecs": {"version": VERSION},
        "message": finding.title,
        "event": {
            "id": finding.uid,
            "kind": "alert",
            "category": ["intrusion_detection"],
            "type": [_TYPE[finding.activity]],
            "action": finding.slug,
            "module": "consonant",
            "dataset": "consonant.guard",
            "severity": finding.severity,
            "start": _time(finding.at),
            "end": _time(finding.last_at),
            "created": _time(finding.raised_at),
            "outcome": "unknown",
        },
        "rule": {"id": finding.slug, "uuid": finding.rule, "name": finding.title, "description": finding.description},
        **({"threat": {"framework": "MITRE ATT&CK", "technique": {"id": techniques}}} if techniques else {}),
        "host": {"id": finding.host, "name": finding.host_name},
        "service": {"id": finding.app, "name": finding.app_name},
        "organization": {"id": finding.tenant},
        **{name: event[name] for name in _KEPT if name in event},
        "consonant": {
            "count": finding.count,
            "level": finding.level,
            "state": finding.state,
            "entry": finding.entry,
            "answers": [{"step": act.step, "state": act.state} for act in finding.acts],
        },
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
