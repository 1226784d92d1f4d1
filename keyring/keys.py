"""The service's one key store, as the settings place it."""

import os
from functools import cache

from django.conf import settings

from keyring.secretfile import read_or_make
from keyring.store import KeyStore


@cache
def store() -> KeyStore:
    """Return the key store of this process."""
    return KeyStore(settings.KEY_STORE, settings.KEK_FILE)


@cache
def reference_key() -> bytes:
    """Return the 32-byte key under which apps' names for their users are stored as HMACs."""
    return read_or_make(settings.SECRETS / "reference", lambda: os.urandom(32))
