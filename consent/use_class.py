"""What holds for each class of use, and what a purpose of the catalogue may be. Pure.

GB/T 41807 tells three uses of a voiceprint apart: to identify, not to identify, and to experiment; the rules here are this service's own
reading of what follows. To recognise somebody takes an explicit yes (GDPR 9(2)(a)), and what was given for it is never spoken with or
passed on. What was given for an experiment stays in it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from consent.notice_fields import LANGUAGES
from consent.terms import Operation


@dataclass(frozen=True)
class Rules:
    """What holds for a class of use."""

    explicit_act: bool
    """A yes counts only where the screen that showed the notice is kept."""
    never: frozenset[str]
    """Operations that no purpose of the class has."""


RULES: Final = {
    "identification": Rules(
        explicit_act=True, never=frozenset({Operation.SYNTHESIZE, Operation.COMBINE, Operation.PROVIDE})
    ),
    "non-identification": Rules(explicit_act=False, never=frozenset()),
    "experiment": Rules(explicit_act=False, never=frozenset({Operation.COMBINE, Operation.PROVIDE})),
}

FORBIDDEN_IN: Final = frozenset({"", "US", "US-IL"})
"""Where somebody may live in Illinois (ISO 3166)."""

LONGEST_NAME: Final = 60
STRONGEST: Final = 100
_SLUG: Final = re.compile(r"[a-z][a-z0-9-]{1,48}[a-z0-9]")
_TRADE: Final = re.compile(
    r"\b(?:sell|sells|selling|sale|lease|leasing|rent|renting|trade|trading|profit|broker|monetis|monetiz)"
    r"|出售|售卖|销售|出租|租赁|交易|买卖|牟利|盈利|变现",
    re.IGNORECASE,
)
"""Words of trade: 740 ILCS 14/15(c) forbids to sell, lease, trade or otherwise profit from a voiceprint."""


def is_forbidden_in(residence: str, *, trades_voiceprints: bool) -> bool:
    """Say whether the law where a person lives (ISO 3166; empty: unsaid) forbids a purpose: trade, of who may live in Illinois."""
    return trades_voiceprints and residence in FORBIDDEN_IN


def faults(  # noqa: PLR0913
    *,
    slug: str,
    names: Mapping[str, str],
    use_class: str,
    strength: int,
    operations: Collection[str],
    is_sensitive: bool,
    provides: bool,
    trades_voiceprints: bool,
) -> list[str]:
    """Return why the catalogue cannot take this purpose, as codes; nothing where it can.

    A flag for trade cannot be read out of a purpose. But one whose own name speaks of trade and is not flagged is refused.
    """
    known = {operation.value for operation in Operation}
    rules = RULES.get(use_class)
    found = {
        "slug_invalid": not _SLUG.fullmatch(slug),
        "name_missing": not all(0 < len(names.get(locale, "").strip()) <= LONGEST_NAME for locale in LANGUAGES),
        "strength_invalid": not 0 < strength <= STRONGEST,
        "use_class_unknown": rules is None,
        "operations_missing": not operations,
        "operation_unknown": not set(operations) <= known,
        "operation_not_of_class": rules is not None and bool(set(operations) & rules.never),
        "provide_unflagged": (Operation.PROVIDE in operations) != provides,
        "sensitive_unflagged": not is_sensitive and (Operation.EMBED in operations or use_class == "identification"),
        "trade_unflagged": not trades_voiceprints and bool(_TRADE.search(" ".join([slug, *names.values()]))),
    }
    return [fault for fault, is_so in found.items() if is_so]
