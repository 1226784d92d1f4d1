"""The rules in force: those shipped, and those of a folder of the operator's own (`CONSONANT_RULES`), read once a process.

Without Django's models: which of them an officer turned off, `guard.queries` says.
"""

from functools import cache, lru_cache

from django.conf import settings

from guard import sigma
from guard.correlation import Correlation


@cache
def pack() -> sigma.Pack:
    """Return all rules."""
    return sigma.load([sigma.SHIPPED, *([settings.RULES] if settings.RULES else [])])


@lru_cache(maxsize=16)
def pack_without(off: frozenset[str]) -> sigma.Pack:
    """Return the rules without those turned off."""
    return pack().only(set(_by_slug()) - off)


def rule_of(slug: str) -> sigma.Rule | Correlation | None:
    """Return the rule, or the correlation, of that name; None where it is not there any more."""
    return _by_slug().get(slug)


@cache
def _by_slug() -> dict[str, sigma.Rule | Correlation]:
    whole = pack()
    return {**{rule.slug: rule for rule in whole.rules}, **{each.slug: each for each in whole.correlations}}
