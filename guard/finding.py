"""What an alert says to a SIEM, whatever the format. Pure.

It names hosts, apps and rules; its events are desensitised ECS (guard.desensitise), and no person is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Activity = Literal["create", "update", "close"]
LEVELS = ("informational", "low", "medium", "high", "critical")
"""Sigma's levels, mildest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a playbook did: a step and where it stands."""

    step: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An alert as it stands. Times are UTC."""

    uid: str
    activity: Activity
    at: datetime
    """Of the event that raised it."""
    raised_at: datetime
    last_at: datetime
    """Of the newest event that it counts."""
    count: int
    state: str
    """`open`, `answered`, `undone` or `closed`."""
    level: str
    slug: str
    """The rule's short name."""
    rule: str
    """The rule's id, as Sigma has it."""
    title: str
    description: str
    tags: tuple[str, ...]
    """Sigma's: `attack.t1059.006`."""
    tenant: str
    app: str
    app_name: str
    host: str
    host_name: str
    entry: str
    """The ledger's entry that says that it was raised."""
    acts: tuple[Act, ...]
    events: tuple[Mapping[str, Any], ...]
    """What raised it, as nested ECS."""
    product_version: str

    @property
    def severity(self) -> int:
        """Return the level's place, 1 to 5; 0 where Sigma has no such level."""
        return LEVELS.index(self.level) + 1 if self.level in LEVELS else 0


def at(event: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dotted path of a nested event; None where nothing does."""
    found: Any = event
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found
