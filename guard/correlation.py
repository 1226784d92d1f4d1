"""What many matches of rules make together: Sigma's correlations, counted here. Pure.

A window is half-open: `timespan` before the match that ends it, up to that match. Matches may come late and in any order. A group that hits
begins anew after it, so that it hits once a window and not once a match.

https://github.com/SigmaHQ/sigma-specification/blob/main/specification/sigma-correlation-rules-specification.md
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from guard.view import look_up, text_of

OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}
KINDS: Final = ("event_count", "value_count", "temporal", "temporal_ordered")


@dataclass(frozen=True, slots=True)
class Correlation:
    """What is counted, over which time."""

    slug: str
    id: str
    title: str
    title_zh: str
    level: str
    description: str
    description_zh: str
    tags: tuple[str, ...]
    falsepositives: tuple[str, ...]
    references: tuple[str, ...]
    text: str = field(repr=False)
    kind: str
    rules: tuple[str, ...]
    """Slugs, in order."""
    group_by: tuple[str, ...]
    timespan: timedelta
    operator: str = "gte"
    count: float = 1
    value: str | None = None
    """The field whose distinct values `value_count` counts."""
    is_base_only: bool = False


def values_of(correlations: Iterable[Correlation], rule: str, event: Mapping[str, Any]) -> dict[str, str]:
    """Return all by which correlations that count a rule (its slug) group its matches, and what they count, of one event."""
    names = {name for each in correlations if rule in each.rules for name in (*each.group_by, each.value) if name}
    return {name: _joined(text_of(look_up(event, name))) for name in sorted(names)}


def group_of(correlation: Correlation, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the group of a match by its `values_of`."""
    return tuple(values.get(name, "") for name in correlation.group_by)


def _joined(text: str | tuple[str, ...] | None) -> str:
    return "" if text is None else text if isinstance(text, str) else ",".join(text)


@dataclass(frozen=True, slots=True)
class Match:
    """A rule matched an event."""

    rule: str
    at: datetime
    group: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """Of `values_of`."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A correlation holds."""

    correlation: Correlation
    group: tuple[str, ...]
    at: datetime
    """Of the match that made it hold."""
    count: int


def judge(correlation: Correlation, matches: Iterable[Match], now: datetime) -> list[Hit]:
    """Return where `correlation` holds among what matched until `now`, oldest first."""
    groups: dict[tuple[str, ...], list[Match]] = {}
    for match in sorted(
        (each for each in matches if each.at <= now and each.rule in correlation.rules), key=lambda each: each.at
    ):
        groups.setdefault(match.group, []).append(match)
    hits = [hit for group, members in groups.items() for hit in _slide(correlation, group, members)]
    return sorted(hits, key=lambda hit: hit.at)


def _slide(correlation: Correlation, group: tuple[str, ...], members: list[Match]) -> Iterable[Hit]:
    window: list[Match] = []
    for match in members:
        window = [each for each in window if match.at - each.at < correlation.timespan]
        window.append(match)
        if (count := _holds(correlation, window)) is not None:
            yield Hit(correlation, group, match.at, count)
            window = []


def _holds(correlation: Correlation, window: list[Match]) -> int | None:
    """Return how much of it there is, where that is enough."""
    if correlation.kind == "event_count":
        count = len(window)
    elif correlation.kind == "value_count":
        count = len({value for match in window if (value := match.values.get(correlation.value or ""))})
    elif correlation.kind == "temporal":
        return len(window) if {match.rule for match in window} >= set(correlation.rules) else None
    else:
        return len(window) if _in_order(correlation.rules, window) else None
    return count if OPERATORS[correlation.operator](count, correlation.count) else None


def _in_order(rules: tuple[str, ...], window: list[Match]) -> bool:
    """Whether the rules matched one after another, whatever else matched between."""
    reached = 0
    for match in window:
        if reached < len(rules) and match.rule == rules[reached]:
            reached += 1
    return reached == len(rules)
