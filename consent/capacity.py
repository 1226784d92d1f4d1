"""Who may answer for a person: themselves, or a guardian, an attorney, an estate. Pure.

A child below the age of consent answers through a guardian (GDPR 8 and the member states' laws; PIPL 28 and 31: fourteen). Where nobody
said where the child lives, the strictest age holds. A minor above that age answers alone; at eighteen what a guardian allowed has to be
confirmed by the person.
"""

from datetime import date
from enum import StrEnum
from typing import Final

ADULT: Final = 18
_STRICTEST: Final = 18
AGE_OF_CONSENT: Final = {
    # GDPR 8(1) and what member states made of it; for China PIPL 31.
    "CN": 14,
    **dict.fromkeys(("BE", "EE", "FI", "LV", "MT", "PT", "SE"), 13),
    **dict.fromkeys(("AT", "BG", "CY", "ES", "IT", "LT"), 14),
    **dict.fromkeys(("CZ", "DK", "FR", "GR", "SI"), 15),
    **dict.fromkeys(("DE", "HR", "HU", "IE", "LU", "NL", "PL", "RO", "SK"), 16),
    **dict.fromkeys(("IS", "NO"), 13),
    "LI": 16,
    "GB": 13,
}
"""From what age a person consents alone, by ISO 3166 code; where none is named, from eighteen."""


class Capacity(StrEnum):
    """Whether a person can answer alone."""

    ALONE = "alone"
    NEEDS_GUARDIAN = "needs_guardian"
    UNSAID = "unsaid"
    """Nobody has said how old the person is: no answer is taken."""


class Relationship(StrEnum):
    """Who acts."""

    SELF = "self"
    GUARDIAN = "guardian"
    ATTORNEY = "attorney"
    ESTATE = "estate"


def years(born_on: date, today: date) -> int:
    """Return the age in whole years; who is born on 29 February has the birthday on 1 March of other years."""
    return today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))


def adult_on(born_on: date) -> date:
    """Return the eighteenth birthday."""
    try:
        return born_on.replace(year=born_on.year + ADULT)
    except ValueError:  # 29 February
        return date(born_on.year + ADULT, 3, 1)


def capacity(*, born_on: date | None, is_adult: bool, residence: str, today: date) -> Capacity:
    """Return whether a person can answer alone: one who said to be an adult, or one born that day, living there (ISO 3166)."""
    if born_on is None:
        return Capacity.ALONE if is_adult else Capacity.UNSAID
    age = AGE_OF_CONSENT.get(residence.partition("-")[0], _STRICTEST)
    return Capacity.ALONE if years(born_on, today) >= age else Capacity.NEEDS_GUARDIAN
