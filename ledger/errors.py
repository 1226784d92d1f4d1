"""The ledger's errors. The docstring of a class is its message; a detail may follow it."""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger refused."""

    def __init__(self, detail: str = "") -> None:
        message = (type(self).__doc__ or "").strip()
        super().__init__(f"{message[:-1]}: {detail}" if detail else message)
        self.detail = detail


class InvalidProof(LedgerError):
    """The proof does not hold."""


class InvalidNote(LedgerError):
    """The signed note is malformed."""


class InvalidSignature(InvalidNote):
    """A signature by a known key does not verify."""


class UnsignedNote(InvalidNote):
    """No known key signed the note."""


class InvalidKey(LedgerError):
    """The verifier key is not acceptable."""


class InvalidCheckpoint(LedgerError):
    """The checkpoint is malformed."""


class InvalidPolicy(LedgerError):
    """The policy is malformed."""


class InvalidRequest(LedgerError):
    """The request to a witness is malformed."""


class InvalidTile(LedgerError):
    """The tile or entry bundle is malformed."""


class InvalidLeaf(LedgerError):
    """The leaf is not in the canonical form."""


class Behind(LedgerError):
    """The database is older than the published log."""


class LogIncomplete(Behind):
    """A published file that the signed head needs is missing."""


class Diverged(LedgerError):
    """The database holds what was never signed: it is no beginning of the signed log."""


class FileDiffers(LedgerError):
    """A published file would get other bytes."""


class StoreAway(LedgerError, OSError):
    """The store of the published log does not answer as it should."""


class AnchorFailed(LedgerError):
    """No evidence was obtained."""


class InvalidDocument(LedgerError):
    """The signed file is not as it must be."""


class InvalidEvidence(LedgerError):
    """The evidence does not hold."""


class ExportFailed(LedgerError):
    """The copy is not as it should be."""


class EntryUnknown(LedgerError):
    """There is no such entry."""


class NotSealed(LedgerError):
    """No signed checkpoint covers the entry yet."""


class IdempotencyKeyInvalid(LedgerError):
    """An Idempotency-Key is 1 to 255 visible ASCII characters, bare or as a quoted string."""


class IdempotencyKeyInUse(LedgerError):
    """A request with this Idempotency-Key is being worked on."""


class IdempotencyKeyReused(LedgerError):
    """This Idempotency-Key was used for another request."""
