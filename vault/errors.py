"""What can go wrong with sealed bytes."""

import uuid


class VaultError(Exception):
    """The vault cannot do what was asked."""


class BlobGone(VaultError):
    """The bytes or their key have been destroyed, or never were."""


class BlobLocked(VaultError):
    """The bytes open only with the passphrase of the person they are of."""

    def __init__(self, lock: uuid.UUID) -> None:
        super().__init__(lock)
        self.lock = lock


class StorageAway(VaultError):
    """The storage of sealed bytes does not answer."""
