"""Events as CloudEvents 1.0 in structured JSON. Pure.

They name requests, sessions, grants, artifacts and hosts by id, by which the app knows its user; nothing in them says who a person is.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

CONTENT_TYPE = "application/cloudevents+json"
EVENTS = (
    "consent.given",
    "consent.refused",
    "consent.withdrawn",
    "consent.expired",
    "consent.stale",
    "consent.paused",
    "consent.resumed",
    "consent.renewed",
    "consent.revoked",
    "consent.invalidated",
    "session.ended",
    "artifact.erase_requested",
    "artifact.erased",
    "app.suspended",
    "app.resumed",
    "alert.raised",
    "host.isolate",
    "host.release",
)
CHALLENGE = "hook.challenge"


def encode(*, event_id: uuid.UUID, source: str, event: str, data: Mapping[str, Any], now: datetime) -> str:
    """Return the event as the text that is signed and sent."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": str(event_id),
            "source": source,
            "type": event,
            "time": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": data,
        },
        separators=(",", ":"),
    )
