"""What a receipt says of an entry: few words that many entries share, for whatever is rare identifies."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

_OPERATIONS: Final = {"upload": "upload", "embedding": "embed", "synthesis": "synthesize"}
_STANDINGS: Final = {"artifact.recorded": "permitted", "use.late": "late", "use.unpermitted": "unpermitted"}


DESTROYED: Final = frozenset({"artifact.key_destroyed", "artifact.erased"})
"""Kinds that say that a thing is gone, and so whether in time."""


def attributes_of(
    *, kind: str, at: datetime, payload: Mapping[str, Any], in_time: bool | None = None
) -> dict[str, str]:
    """Return the attributes of an entry, empty where it has none: times are UTC days, ids are those of the app and the purpose alone.

    `status` is how a record stood with consent, or what became of a consent. `within_ttl` is `yes` or `no` of an entry that says that a thing
    is gone: `in_time`, where that is known.
    """
    family, _, end = kind.partition(".")
    return {
        "kind": kind,
        "app": str(payload.get("app") or ""),
        "purpose": str(payload.get("purpose") or ""),
        "operation": _OPERATIONS.get(str(payload.get("artifact_kind", "")), ""),
        "day": at.astimezone(UTC).date().isoformat(),
        "status": end if family == "consent" else _STANDINGS.get(kind, ""),
        "within_ttl": {True: "yes", False: "no", None: ""}[in_time if kind in DESTROYED else None],
    }
