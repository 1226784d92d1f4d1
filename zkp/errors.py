"""What can go wrong with keys and proofs."""

from .core.errors import InvalidScalar, ZkpError

__all__ = [
    "ChallengeUnknown",
    "DegenerateScalar",
    "DocumentBroken",
    "EnrolmentRefused",
    "EnrolmentStale",
    "InvalidScalar",
    "LogUnknown",
    "NothingPublished",
    "ZkpError",
]


class DegenerateScalar(ZkpError):
    """The derived scalar is zero."""


class DocumentBroken(ZkpError):
    """This is not a proof in a form that is known here."""


class LogUnknown(ZkpError):
    """There is no such log here, or you have to say which."""


class NothingPublished(ZkpError):
    """The log has published nothing yet. Ask again in a moment."""


class ChallengeUnknown(ZkpError):
    """There is no such challenge: it was answered already, or its time was over."""


class EnrolmentStale(ZkpError):
    """Too late, or asked twice: start again."""


class EnrolmentRefused(ZkpError):
    """The proof does not show that whoever sent it holds the key."""
