"""Which deadline holds: the shortest wins. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from retention.errors import NoPolicy


@dataclass(frozen=True)
class Rule:
    """What one policy row says; `for_app` is true for a row about this app alone."""

    ttl: timedelta
    longest_seconds: float
    lowest_rate: int
    for_app: bool


def resolve(rules: Iterable[Rule], *, asked: timedelta | None) -> Rule:
    """Return what holds: the shortest life among all rules and what the app asked for; an officer's limits for the app before the general.

    Raises:
        NoPolicy: There is no rule.
    """
    rows = sorted(rules, key=lambda rule: rule.for_app, reverse=True)
    if not rows:
        raise NoPolicy
    lives = [rule.ttl for rule in rows] + ([asked] if asked is not None else [])
    return Rule(min(lives), rows[0].longest_seconds, rows[0].lowest_rate, rows[0].for_app)
