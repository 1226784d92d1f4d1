"""What can go wrong with keys."""


class KeyringError(Exception):
    """The keyring cannot do what was asked."""


class KeyGone(KeyringError):
    """The key has been destroyed, or never was."""


class KeyStoreBroken(KeyringError):
    """The key store and its key-encryption key do not belong together, or one of them cannot be used."""


class KeyStoreAway(KeyStoreBroken):
    """The server of keys or the hardware token does not answer, or refuses us."""


class SealBroken(KeyringError):
    """The sealed bytes were changed, or belong elsewhere."""


class SelfTestFailed(KeyringError):
    """A cipher of this machine does not compute what its standard says: nothing may be sealed or opened with it."""


class NotOurs(KeyringError):
    """The key-encryption key is made and unmade by whoever runs the service, not by the service."""
