"""The service's one key store, as the settings place it."""

import os
from functools import cache

from django.conf import settings

from keyring.kek import EnvironmentKeks, FileKeks, Provider, Ring
from keyring.local import LocalStore
from keyring.secretfile import read_or_make
from keyring.store import EpochStore


@cache
def store() -> EpochStore:
    """Return the key store of this process."""
    if not settings.KEY_SERVER:
        return LocalStore(settings.KEY_STORE, _ring())
    from keyring.openbao import OpenBaoStore  # only where there is a server: its libraries take their time to load

    return OpenBaoStore(
        address=settings.KEY_SERVER,
        mount=settings.KEY_SERVER_MOUNT,
        token_file=settings.KEY_SERVER_TOKEN_FILE,
        ca_file=settings.KEY_SERVER_CA_FILE,
        ring=_ring(),
    )


@cache
def reference_key() -> bytes:
    """Return the 32-byte key under which apps' names for their users are stored as HMACs."""
    return read_or_make(settings.SECRETS / "reference", lambda: os.urandom(32))


def _ring() -> Ring:
    """Return the key-encryption keys: a token makes new epochs if there is one, else the environment, else a file; all still serve."""
    # An empty environment makes no epoch, and is asked all the same whether it still keeps one.
    providers: list[Provider] = [FileKeks(settings.KEK_FILE)]
    providers.insert(0 if settings.KEK_SECRETS else 1, EnvironmentKeks(settings.KEK_SECRETS))
    if settings.PKCS11_MODULE:
        from keyring.hsm import TokenKeks  # only where there is a token

        providers.insert(
            0,
            TokenKeks(module=settings.PKCS11_MODULE, token=settings.PKCS11_TOKEN, pin_file=settings.PKCS11_PIN_FILE),
        )
    return Ring(*providers)
