"""How the portal names places, and who acts for whom."""

from typing import Final

from babel import Locale
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _

from consent.capacity import AGE_OF_CONSENT

_STATES: Final = ("US-CA", "US-CO", "US-IL", "US-TN", "US-TX")
"""Those of the United States whose law on voices asks something of its own (740 ILCS 14, Tenn. Code 47-25-1105)."""
ELSEWHERE: Final = "ZZ"
"""ISO 3166-1 leaves it to users; CLDR reads it as an unknown region."""


def places() -> list[tuple[str, str]]:
    """Return the places one can live in as far as the law makes a difference, by code and name, in the order of their names."""
    names = Locale.parse(to_locale(get_language() or "en")).territories
    countries = sorted((names[code], code) for code in AGE_OF_CONSENT)
    return [
        *((code, name) for name, code in countries),
        *((code, place(code)) for code in _STATES),
        ("US", _("%(country)s: another state") % {"country": names["US"]}),
        (ELSEWHERE, _("Another country")),
    ]


def place(code: str) -> str:
    """Return the name of a place one can live in, or that a policy is about."""
    names = Locale.parse(to_locale(get_language() or "en")).territories
    states = {
        "US-CA": _("California"),
        "US-CO": _("Colorado"),
        "US-IL": _("Illinois"),
        "US-TN": _("Tennessee"),
        "US-TX": _("Texas"),
    }
    if code in states:
        return _("%(country)s: %(state)s") % {"country": names["US"], "state": states[code]}
    return _("European Economic Area") if code == "EU" else names.get(code, code)


def acted(relationship: str) -> str:
    """Return who acted, to the person for whom they did; nothing where it was the person."""
    named = {"guardian": _("Your guardian"), "attorney": _("Your attorney"), "estate": _("The estate")}
    return named.get(relationship, "")
