"""Reserve an idempotency key first in a request, and keep the first answer (draft-ietf-httpapi-idempotency-key-header).

`take`, the work and `keep` share the caller's one transaction: a crash anywhere leaves neither the effect nor the reservation. While
it runs an advisory lock holds the key; a second request with it does not wait. Nothing of a request stands in the table: its key is an
HMAC under the service's key; its body is an HMAC under a key that also needs the Idempotency-Key, so that who holds the database and
the service's key cannot try a guessed recording against it; the answer is sealed under `holder`, and dies with that key.
"""

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from accounts.models import App
from keyring.keys import reference_key, store
from keyring.seal import seal, unseal
from ledger.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from ledger.models import Reservation

KEPT_FOR = timedelta(days=7)
_KEY, _BODY = b"consonant/once/key", b"consonant/once/body"


@dataclass(frozen=True)
class Taken:
    """A key that is this transaction's. `answer` is the first answer, None when this request is the first."""

    key: bytes
    body: bytes
    answer: bytes | None


def take(*, app: App, key: str, body: bytes) -> Taken:
    """Take the app's Idempotency-Key for a request that is `body` in canonical form. First in the caller's transaction.

    Raises:
        IdempotencyKeyInUse: A request with this key is being worked on.
        IdempotencyKeyReused: It was used for another request.
        keyring.errors.KeyGone: The first answer was sealed under a key that has been destroyed.
    """
    name = app.id.bytes + key.encode()
    key_mac = hmac.digest(reference_key(), _KEY + name, "sha256")
    body_mac = hmac.digest(hmac.digest(reference_key(), _BODY + name, "sha256"), body, "sha256")
    # Two numbers of 32 bits: a space of their own, apart from the locks of grants. Two keys that collide only refuse each other.
    halves = [int.from_bytes(key_mac[at : at + 4], "big", signed=True) for at in (0, 4)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", halves)
        if not cursor.fetchone()[0]:
            raise IdempotencyKeyInUse
    kept = Reservation.objects.filter(
        key=key_mac
    ).first()  # a statement of its own: it sees what committed before the lock was free
    if kept is None:
        return Taken(key_mac, body_mac, None)
    if not hmac.compare_digest(bytes(kept.body), body_mac):
        raise IdempotencyKeyReused
    return Taken(key_mac, body_mac, unseal(store().get(kept.holder), bytes(kept.sealed), context=key_mac + body_mac))


def keep(*, taken: Taken, answer: bytes, holder: str, now: datetime) -> None:
    """Keep the first answer, sealed under the key named `holder`. Last in the transaction that took the key.

    Raises:
        keyring.errors.KeyGone: The holder's key was destroyed; nothing is written.
    """
    sealed = seal(store().get(holder), answer, context=taken.key + taken.body)
    Reservation.objects.create(key=taken.key, body=taken.body, holder=holder, sealed=sealed, made_at=now)


def forget(*, holders: Collection[str]) -> None:
    """Delete the answers kept under these keys."""
    Reservation.objects.filter(holder__in=holders).delete()


def expire(*, now: datetime) -> None:
    """Delete the answers that were kept long enough."""
    Reservation.objects.filter(made_at__lt=now - KEPT_FOR).delete()
