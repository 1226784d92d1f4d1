"""What can go wrong with keys and proofs."""


class ZkpError(Exception):
    """Proofs cannot do what was asked."""


class DegenerateScalar(ZkpError):  # noqa: N818 - an error is named by what is wrong
    """The derived scalar is zero."""


class InvalidScalar(ZkpError):  # noqa: N818
    """A scalar is 32 bytes big-endian, above zero and below the group order."""
