"""Findings for the tests of how they are written."""

from datetime import UTC, datetime, timedelta

from guard.finding import Act, Finding

NOW = datetime(2026, 3, 1, 2, 30, 0, 125_000, tzinfo=UTC)
WROTE = {
    "process": {
        "pid": 1340,
        "entity_id": "{94325212-f5a5-627b-b809-87f375550000}",
        "name": "python.exe",
        "executable": "C:\\voice\\python.exe",
        "command_line": "python.exe -c x=1",
        "parent": {"pid": 4, "entity_id": "{0}", "executable": "C:\\Windows\\explorer.exe"},
    },
    "file": {"path": "C:\\Temp\\a.exe", "name": "a.exe", "extension": "exe"},
}
CALLED = {
    "process": {"pid": "77", "entity_id": "{7}"},
    "source": {"ip": "10.0.0.8", "port": "41696"},
    "destination": {"ip": "203.0.113.9", "port": 443},
    "network": {"transport": "tcp", "direction": "egress"},
}


def finding(**said):
    facts = {
        "uid": "01a1fc84-0000-7000-8000-000000000001",
        "activity": "create",
        "at": NOW,
        "raised_at": NOW + timedelta(seconds=1),
        "last_at": NOW + timedelta(seconds=9),
        "count": 3,
        "state": "open",
        "level": "critical",
        "slug": "python_writes_program",
        "rule": "5ef1b1d9-2bd2-4c7f-9d0f-000000000001",
        "title": "Python writes a program | here",
        "description": "name=value \\ and\nmore",
        "tags": ("attack.execution", "attack.t1059.006"),
        "tenant": "acme",
        "app": "01a1fc84-0000-7000-8000-000000000002",
        "app_name": "Voice Reader",
        "host": "01a1fc84-0000-7000-8000-000000000003",
        "host_name": "tts-1",
        "entry": "01a1fc84-0000-7000-8000-000000000004",
        "acts": (Act(step="notify", state="done"), Act(step="suspend", state="pending")),
        "events": (WROTE, CALLED),
        "product_version": "0.1.0",
    }
    return Finding(**(facts | said))
