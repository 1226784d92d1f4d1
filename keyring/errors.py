"""What can go wrong with keys."""


class KeyringError(Exception):
    """The keyring cannot do what was asked."""


class KeyGone(KeyringError):
    """The key has been destroyed, or never was."""


class KeyStoreBroken(KeyringError):
    """The key store and its key-encryption key do not belong together."""


class SealBroken(KeyringError):
    """The sealed bytes were changed, or belong elsewhere."""
