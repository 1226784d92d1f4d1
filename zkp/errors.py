"""What can go wrong with keys and proofs."""


class ZkpError(Exception):
    """Proofs cannot do what was asked."""


class DegenerateScalar(ZkpError):
    """The derived scalar is zero."""


class InvalidScalar(ZkpError):
    """A scalar is 32 bytes big-endian, above zero and below the group order."""
