"""How the portal names places, and who acts for whom."""

from typing import Final

from babel import Locale
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _

from consent.capacity import AGE_OF_CONSENT

_STATES: Final = ("US-IL", "US-TN")
"""Those of the United States whose law on voices asks something of its own (740 ILCS 14, Tenn. Code 47-25-1105)."""
ELSEWHERE: Final = "ZZ"
"""ISO 3166-1 leaves it to users; CLDR reads it as an unknown region."""


def places() -> list[tuple[str, str]]:
    """Return the places one can live in as far as the law makes a difference, by code and name, in the order of their names."""
    names = Locale.parse(to_locale(get_language() or "en")).territories
    countries = sorted((names[code], code) for code in AGE_OF_CONSENT)
    states = {"US-IL": _("Illinois"), "US-TN": _("Tennessee")}
    return [
        *((code, name) for name, code in countries),
        *((code, _("%(country)s: %(state)s") % {"country": names["US"], "state": states[code]}) for code in _STATES),
        ("US", _("%(country)s: another state") % {"country": names["US"]}),
        (ELSEWHERE, _("Another country")),
    ]


def acted(relationship: str) -> str:
    """Return who acted, to the person for whom they did; nothing where it was the person."""
    named = {"guardian": _("Your guardian"), "attorney": _("Your attorney"), "estate": _("The estate")}
    return named.get(relationship, "")
