"""What can go wrong with sealed bytes."""


class VaultError(Exception):
    """The vault cannot do what was asked."""


class BlobGone(VaultError):
    """The bytes or their key have been destroyed, or never were."""
