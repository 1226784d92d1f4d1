"""What the service itself finds out about a host, as an event that the rules judge like any other. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

FROM_SIDECAR: Final = frozenset({"file.seen", "file.gone", "residue.removed", "residue.left", "port.open"})
"""What a host may say under our name; the rest only the service can know."""


def own_event(
    action: str, *, at: datetime, host_id: object, consonant: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return it as ECS."""
    return {
        "@timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "event": {"module": "consonant", "dataset": "consonant.guard", "action": action},
        "host": {"id": str(host_id)},
        "consonant": dict(consonant or {}),
    }
