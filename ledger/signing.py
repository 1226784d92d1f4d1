"""The signing keys of each log: Ed25519, their seeds sealed in the key store under the log's name.

One signs the log's heads, the other certificates about what is in it. They are made with the log and never replaced: their vkeys are what
verifiers hold.
"""

import re
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keyring.errors import KeyGone
from keyring.keys import store
from ledger.models import Log
from ledger.note import Signer, Verifier

_ORIGIN = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*(/[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*)*")


def signer_of(origin: str) -> Signer:
    """Return the signer of the log.

    Raises:
        keyring.errors.KeyGone: There is no such log, or its key is lost.
    """
    return Signer(origin, Ed25519PrivateKey.from_private_bytes(store().get(f"log:{origin}")))


def certifier_of(origin: str, *, now: datetime) -> Signer:
    """Return the signer of certificates about what is in the log, making its key on first use.

    A key of its own: what signs a log's head signs nothing else.
    """
    return Signer(
        f"{origin}/certificates", Ed25519PrivateKey.from_private_bytes(store().make(f"certificates:{origin}", now=now))
    )


def published_certifier(origin: str) -> Verifier | None:
    """Return the public half of the key that signs certificates, or None while there is none."""
    try:
        seed = store().get(f"certificates:{origin}")
    except KeyGone:
        return None
    return Signer(f"{origin}/certificates", Ed25519PrivateKey.from_private_bytes(seed)).verifier()


def open_log(*, origin: str, now: datetime) -> Log:
    """Return the log `origin`, making it and its key when there is none.

    The key is stored first: a crash between leaves a key without a log, and the next call uses it.
    """
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin is a schema-less URL in lower case")
    store().make(f"log:{origin}", now=now)
    certifier_of(origin, now=now)
    log, _ = Log.objects.get_or_create(origin=origin, defaults={"vkey": signer_of(origin).verifier().vkey})
    return log
