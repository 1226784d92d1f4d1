"""A person locks what the vault takes of them with a passphrase, so that nobody opens it without them, this service included.

The passphrase opens the private half of a lock (`keyring.passphrase`); the public half locks (`vault.lock`), also while the person is not
there. It is known nowhere: who loses it loses what is locked, though that still ends on time, and can be erased. What apps hold is theirs
to lock, what they send is open while it is sent, and what proves a consent is not locked.

To open it, the person lets the service have the private half for up to an hour. It lies in the key store so long, sealed as every key is;
it is destroyed when the time is over (`close_over`), and reading stops by the clock. Each act is entered, and none of them holds a word of it.
"""

import os
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import transaction

from accounts.models import User
from consent.enter import enter_for_person
from keyring.errors import SealBroken
from keyring.keys import store
from keyring.passphrase import open_under, seal_under
from retention.errors import PassphraseWrong, TooManyTries
from retention.lockers import newest
from retention.models import Locker

LONGEST: Final = timedelta(hours=1)
MOST_TRIES: Final = 5
"""Wrong ones in a row; then a minute has to pass, and each more costs another."""
_PAUSE: Final = timedelta(minutes=1)
_CONTEXT: Final = b"consonant/locker/v1"


def make_locker(*, user: User, passphrase: str, now: datetime) -> Locker:
    """Lock what comes with a new lock. What an earlier one closes stays closed with that one, and its key is destroyed."""
    private = X25519PrivateKey.from_private_bytes(os.urandom(32))
    locker = Locker(user=user, public=private.public_key().public_bytes_raw(), made_at=now)
    locker.sealed = seal_under(passphrase, private.private_bytes_raw(), context=_CONTEXT + locker.id.bytes)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(id=user.id)
        given_up = [old.key_name for old in Locker.objects.select_for_update().filter(user=user)]
        Locker.objects.filter(user=user).update(is_on=False, unlocked_until=None)
        locker.save()
        enter_for_person(user=user, kind="locker.made", actor="subject", payload={"locker": str(locker.id)}, now=now)
    store().destroy(given_up)
    return locker


def unlock(*, user: User, passphrase: str, lasts: timedelta, now: datetime) -> Locker:
    """Let the service open what is locked, for `lasts`, an hour at most.

    Raises:
        PassphraseWrong: It is another one, or there is no lock.
        TooManyTries: Too many wrong ones: a minute has to pass.
    """
    locker, private = _opened(user, passphrase, now)
    until = now + min(lasts, LONGEST)
    with transaction.atomic():
        # The row first: what a crash leaves is a row without a key, which opens nothing, never a key that no row ends.
        Locker.objects.filter(id=locker.id).update(unlocked_until=until)
        locker.unlocked_until = until
        payload = {"locker": str(locker.id), "until": until.isoformat()}
        enter_for_person(user=user, kind="locker.opened", actor="subject", payload=payload, now=now)
    store().put({locker.key_name: private}, now=now)
    return locker


def close(*, user: User, now: datetime) -> None:
    """Lock again now: the row first, without which the key opens nothing; what a crash leaves of that, `close_over` destroys."""
    with transaction.atomic():
        closed = list(Locker.objects.select_for_update().filter(user=user, unlocked_until__isnull=False))
        for locker in closed:
            Locker.objects.filter(id=locker.id).update(unlocked_until=None)
            enter_for_person(
                user=user, kind="locker.closed", actor="subject", payload={"locker": str(locker.id)}, now=now
            )
    store().destroy(locker.key_name for locker in closed)


def close_over(*, now: datetime) -> int:
    """Destroy the keys of those whose time is over, and those that no row speaks of; return how many."""
    with transaction.atomic():  # whoever opens one of them again waits, and stores the key after it was destroyed
        over = list(Locker.objects.select_for_update(skip_locked=True).filter(unlocked_until__lte=now))
        if over:
            store().destroy(locker.key_name for locker in over)
            Locker.objects.filter(id__in=[locker.id for locker in over]).update(unlocked_until=None)
    for names in store().older_than(now, prefix="unlocked:"):
        ids = {name.partition(":")[2] for name in names}
        known = Locker.objects.filter(id__in=ids, unlocked_until__gt=now).values_list("id", flat=True)
        store().destroy(f"unlocked:{each}" for each in ids - {str(locker) for locker in known})
    return len(over)


def switch(*, user: User, passphrase: str, on: bool, now: datetime) -> Locker:
    """Lock what comes from now on, or no more; what is locked stays so. Errors as for `unlock`."""
    locker, _ = _opened(user, passphrase, now)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(id=user.id)
        if newest(user_id=user.pk) != locker:
            raise PassphraseWrong  # a new one has just taken its place
        Locker.objects.filter(id=locker.id).update(is_on=on)
        locker.is_on = on
        payload = {"locker": str(locker.id), "on": on}
        enter_for_person(user=user, kind="locker.switched", actor="subject", payload=payload, now=now)
    return locker


def change_passphrase(*, user: User, passphrase: str, new: str, now: datetime) -> Locker:
    """Put another passphrase in its place; nothing that is locked has to be touched. Errors as for `unlock`."""
    locker, private = _opened(user, passphrase, now)
    sealed = seal_under(new, private, context=_CONTEXT + locker.id.bytes)
    with transaction.atomic():
        Locker.objects.filter(id=locker.id).update(sealed=sealed)
        payload = {"locker": str(locker.id)}
        enter_for_person(user=user, kind="locker.changed", actor="subject", payload=payload, now=now)
    return locker


def _opened(user: User, passphrase: str, now: datetime) -> tuple[Locker, bytes]:
    """Return the person's lock and its private half; a wrong passphrase counts, also where the caller's transaction fails."""
    with transaction.atomic():
        locker = newest(user_id=user.pk)
        if locker is None:
            raise PassphraseWrong
        locker = Locker.objects.select_for_update().get(id=locker.id)
        over = locker.failures - MOST_TRIES + 1
        if over > 0 and locker.failed_at and now < locker.failed_at + _PAUSE * over:
            raise TooManyTries(locker.failed_at + _PAUSE * over)
        try:
            private = open_under(passphrase, bytes(locker.sealed), context=_CONTEXT + locker.id.bytes)
        except SealBroken:
            private = None
        failures = 0 if private else min(locker.failures + 1, MOST_TRIES + 60)
        Locker.objects.filter(id=locker.id).update(failures=failures, failed_at=None if private else now)
    if private is None:
        raise PassphraseWrong
    return locker, private
