"""What can go wrong with keys and proofs."""

from zkp.core.errors import InvalidScalar, ZkpError

__all__ = ["DegenerateScalar", "InvalidScalar", "ZkpError"]


class DegenerateScalar(ZkpError):
    """The derived scalar is zero."""
