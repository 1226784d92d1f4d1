"""An alert as an OCSF 1.5.0 Detection Finding (class 2004, category 2). Pure.

Source: schema.ocsf.io/1.5.0/classes/detection_finding; times are milliseconds since 1970.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from guard.finding import Finding, at

VERSION: Final = "1.5.0"
CLASS: Final = 2004
_ACTIVITY: Final = {"create": (1, "Create"), "update": (2, "Update"), "close": (3, "Close")}
_STATUS: Final = {
    "open": (1, "New"),
    "answered": (2, "In Progress"),
    "undone": (3, "Suppressed"),
    "closed": (4, "Resolved"),
}
_SEVERITY: Final = ("Unknown", "Informational", "Low", "Medium", "High", "Critical")
_TECHNIQUE: Final = re.compile(r"attack\.(t\d{4})(?:\.(\d{3}))?\Z", re.IGNORECASE)
_DIRECTION: Final = {"inbound": 1, "ingress": 1, "outbound": 2, "egress": 2}
_RULE, _STATISTICAL = 1, 3
_COUNTED: Final = frozenset({"night_rate", "night_rate_records", "baseline_break"})
_SERVER, _REGULAR_FILE = 1, 1


def encode(finding: Finding) -> dict[str, Any]:
    """Return it as the JSON object that OCSF describes."""
    activity, activity_name = _ACTIVITY[finding.activity]
    status, status_name = _STATUS[finding.state]
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"Detection Finding: {activity_name}",
        "time": _ms(finding.last_at),
        "start_time": _ms(finding.at),
        "end_time": _ms(finding.last_at),
        "count": finding.count,
        "severity_id": finding.severity,
        "severity": _SEVERITY[finding.severity],
        "status_id": status,
        "status": status_name,
        "is_alert": True,
        "message": finding.title,
        "metadata": {
            "version": VERSION,
            "uid": finding.uid,
            "tenant_uid": finding.tenant,
            "log_name": "guard",
            "logged_time": _ms(finding.raised_at),
            "product": {"name": "Consonant", "vendor_name": "Consonant", "version": finding.product_version},
        },
        "finding_info": {
            "uid": finding.uid,
            "title": finding.title,
            "desc": finding.description,
            "created_time": _ms(finding.raised_at),
            "first_seen_time": _ms(finding.at),
            "last_seen_time": _ms(finding.last_at),
            "types": [finding.slug],
            "analytic": {
                "uid": finding.rule,
                "name": finding.slug,
                "type_id": _STATISTICAL if finding.slug in _COUNTED else _RULE,
                "type": "Statistical" if finding.slug in _COUNTED else "Rule",
            },
            **({"attacks": attacks} if (attacks := _attacks(finding.tags)) else {}),
        },
        "device": {"uid": finding.host, "hostname": finding.host_name, "type_id": _SERVER, "type": "Server"},
        "resources": [{"uid": finding.app, "name": finding.app_name, "type": "voice app"}],
        "evidences": [_evidence(event, finding) for event in finding.events] or [_device(finding)],
        "unmapped": {"ledger_entry": finding.entry, "answers": {act.step: act.state for act in finding.acts}},
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _attacks(tags: tuple[str, ...]) -> list[dict[str, Any]]:
    found = []
    for tag in tags:
        if match := _TECHNIQUE.match(tag):
            technique, sub = match[1].upper(), match[2]
            attack: dict[str, Any] = {"technique": {"uid": technique}}
            if sub:
                attack["sub_technique"] = {"uid": f"{technique}.{sub}"}
            found.append(attack)
    return found


def _device(finding: Finding) -> dict[str, Any]:
    return {"device": {"uid": finding.host, "hostname": finding.host_name, "type_id": _SERVER}}


def _evidence(event: Mapping[str, Any], finding: Finding) -> dict[str, Any]:
    """Return what is said of an event's process, file and connection; at the least on which device it was."""
    evidence = _device(finding)
    if process := _process(event, "process"):
        evidence["process"] = process
    if (path := at(event, "file.path")) or at(event, "file.name"):
        evidence["file"] = _said(
            name=at(event, "file.name") or path, path=path, ext=at(event, "file.extension"), type_id=_REGULAR_FILE
        )
    for ours, theirs in (("source", "src_endpoint"), ("destination", "dst_endpoint")):
        if ip := at(event, f"{ours}.ip"):
            evidence[theirs] = _said(ip=ip, port=_number(at(event, f"{ours}.port")))
    if transport := at(event, "network.transport"):
        direction = _DIRECTION.get(str(at(event, "network.direction")), 0)
        evidence["connection_info"] = {"protocol_name": transport, "direction_id": direction}
    return evidence


def _process(event: Mapping[str, Any], path: str) -> dict[str, Any]:
    parent = _process(event, f"{path}.parent") if at(event, f"{path}.parent") else None
    said = _said(
        pid=_number(at(event, f"{path}.pid")),
        uid=at(event, f"{path}.entity_id"),
        name=at(event, f"{path}.name"),
        path=at(event, f"{path}.executable"),
        cmd_line=at(event, f"{path}.command_line"),
        working_directory=at(event, f"{path}.working_directory"),
        parent_process=parent or None,
    )
    return said if {"pid", "uid"} & said.keys() else {}


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else None


def _said(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}
