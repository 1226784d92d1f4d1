"""What can go wrong with points, scalars, relations and proofs."""


class ZkpError(Exception):
    """Proofs cannot do what was asked."""


class InvalidScalar(ZkpError):
    """A scalar is 32 bytes big-endian below the group order, and above zero where it is a secret."""


class InvalidPoint(ZkpError):
    """A point is the one compressed encoding of an element of the prime-order group, and not the identity."""


class InvalidInstance(ZkpError):
    """The relation is not a valid instance."""


class InvalidWitness(ZkpError):
    """The secrets do not satisfy the relation."""


class InvalidCredential(ZkpError):
    """The signature does not hold over these messages."""


class InvalidContext(ZkpError):
    """The context of a proof is not in its one form."""


class InvalidAttributes(ZkpError):
    """Attributes are the texts that their schema names."""
