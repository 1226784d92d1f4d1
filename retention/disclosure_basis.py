"""On what a thing may be passed on: one of four bases, and no other (740 ILCS 14/15(d)). Pure.

What people are recognised by, or could be, is of the highest level of a bank's data (JR/T 0171-2020, C3): it is shared only where the law or a warrant
demands it, whatever the person has agreed to.
"""

from enum import StrEnum

from consent.terms import Refusal


class Basis(StrEnum):
    """Why something was passed on."""

    CONSENT = "consent"
    TRANSACTION = "transaction"
    """It completes a transaction that the person asked for."""
    LAW = "law"
    WARRANT = "warrant"
    """Or a subpoena, of a court."""


REFERENCE_MISSING = Refusal(
    "reference_missing",
    "What is passed on for a transaction, by law or on a warrant takes its reference.",
    "Say which transaction, law or warrant it is.",
)
PROCESSOR_ENDED = Refusal(
    "processor_ended", "Nothing is passed on to this processor any more.", "Register the processor that is used now."
)
NOT_SHARED = Refusal(
    "not_shared",
    "What people are recognised by, or could be, is passed on only by law or on a warrant.",
    "Do not pass it on.",
)


def objection(basis: Basis, *, reference: str, recognises: bool, ended: bool) -> Refusal | None:
    """Return why a thing may not be passed on so, if so. `recognises`: it is of class C3."""
    if ended:
        return PROCESSOR_ENDED
    if basis != Basis.CONSENT and not reference:
        return REFERENCE_MISSING
    if recognises and basis in {Basis.CONSENT, Basis.TRANSACTION}:
        return NOT_SHARED
    return None
