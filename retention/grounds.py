"""Why something is not erased: the exceptions of GDPR 17(3), and what stands beside them in other laws. Pure.

Each thing that is kept has one ground. The person is told which, and until when; by what reference (of a warrant, say) is for officers.
"""

from enum import StrEnum


class Ground(StrEnum):
    """An exception, by its letter."""

    EXPRESSION = "17_3_a"
    """Freedom of expression and information."""
    LEGAL_OBLIGATION = "17_3_b"
    """A legal obligation, or a task in the public interest: a warrant, a subpoena, a duty to keep a log."""
    PUBLIC_HEALTH = "17_3_c"
    ARCHIVING = "17_3_d"
    """Archiving in the public interest, research, statistics."""
    LEGAL_CLAIMS = "17_3_e"
    """Legal claims: to establish, exercise or defend them."""

    @property
    def cited(self) -> str:
        """Return it as a certificate cites it."""
        return f"GDPR 17(3)({self[-1]})"


def ground_of(kind: str) -> Ground:
    """Return the ground of a legal hold by what it is for; one that nobody has named otherwise is for claims."""
    obliged = {"warrant", "subpoena", "court_order", "regulator", "law", "legal_obligation", "investigation"}
    if kind in set(Ground):
        return Ground(kind)
    return Ground.LEGAL_OBLIGATION if kind in obliged else Ground.LEGAL_CLAIMS
