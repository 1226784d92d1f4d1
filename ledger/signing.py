"""The signing key of each log: Ed25519, its seed sealed in the key store under the log's name.

It is made with the log and never replaced: an origin's vkey is what verifiers hold.
"""

import re
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keyring.keys import store
from ledger.models import Log
from ledger.note import Signer

_ORIGIN = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*(/[a-z0-9][a-z0-9-]*)*")


def signer_of(origin: str) -> Signer:
    """Return the signer of the log.

    Raises:
        keyring.errors.KeyGone: There is no such log, or its key is lost.
    """
    return Signer(origin, Ed25519PrivateKey.from_private_bytes(store().get(f"log:{origin}")))


def open_log(*, origin: str, now: datetime) -> Log:
    """Return the log `origin`, making it and its key when there is none.

    The key is stored first: a crash between leaves a key without a log, and the next call uses it.
    """
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin is a schema-less URL in lower case")
    store().make(f"log:{origin}", now=now)
    log, _ = Log.objects.get_or_create(origin=origin, defaults={"vkey": signer_of(origin).verifier().vkey})
    return log
