"""Keep events for their day, by COPY; what raised an alert row by row, for its ids."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from guard.models import Event, Host
from ledger.prepared import insert

_SUSPECT: Final = ("\\u0000", "\\ud")
"""PostgreSQL takes no character zero in a text, and no half of a pair."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, as ECS, and when it was."""

    at: datetime
    data: dict[str, Any]


def row_of(host: Host, event: Happened, now: datetime) -> dict[str, Any]:
    """Return the event as a row of the table, its data as JSON."""
    process = event.data.get("process", {})
    about = event.data.get("event", {})
    return {
        "host_id": host.id,
        "at": event.at,
        "received_at": now,
        "code": _short(about.get("code") or about.get("action"), 20),
        "entity": _short(process.get("entity_id"), 80),
        "parent": _short(process.get("parent", {}).get("entity_id"), 80),
        "data": _json(event.data),
    }


def store(*, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store rows of `row_of`."""
    insert(Event, rows)


def store_evidence(*, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Store rows of `row_of`, and return their ids."""
    made = Event.objects.bulk_create(Event(**{**row, "data": json.loads(row["data"])}) for row in rows)
    return [event.id for event in made]


def _json(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, separators=(",", ":"))
    return json.dumps(clean(data), separators=(",", ":")) if any(each in text for each in _SUSPECT) else text


def clean(value: Any) -> Any:
    """Return a value without what PostgreSQL does not take."""
    if isinstance(value, dict):
        return {clean(name): clean(each) for name, each in value.items()}
    if isinstance(value, list):
        return [clean(each) for each in value]
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    return value


def _short(text: object, most: int) -> str:
    return str(clean(str(text or "")))[:most]
