"""What the verbs read of people's locks: with which one something is closed, and which ones are open at this moment."""

import uuid
from collections.abc import Callable, Collection
from datetime import datetime

from keyring.errors import KeyGone
from keyring.keys import store
from retention.models import Locker
from vault.lock import Lock


def locks_on(*, subjects: Collection[uuid.UUID]) -> dict[uuid.UUID, Lock]:
    """Return the lock of each of these subjects whose person locks what comes."""
    rows = Locker.objects.filter(is_on=True, user__subjects__in=subjects)
    return {
        subject: Lock(each, bytes(public))
        for subject, each, public in rows.values_list("user__subjects", "id", "public")
    }


def lock_of(user_id: uuid.UUID) -> Lock | None:
    """Return the lock with which the person's own copy is closed, if they lock what comes."""
    locker = Locker.objects.filter(is_on=True, user=user_id).first()
    return Lock(locker.id, bytes(locker.public)) if locker else None


def opener(*, now: datetime) -> Callable[[uuid.UUID], bytes | None]:
    """Return what gives the private half of a lock that its person has opened, and None of any other."""

    def private(lock: uuid.UUID) -> bytes | None:
        locker = Locker.objects.filter(id=lock, unlocked_until__gt=now).first()
        if locker is None:
            return None
        try:
            return store().get(locker.key_name)
        except KeyGone:
            return None

    return private


def newest(*, user_id: uuid.UUID) -> Locker | None:
    """Return the person's lock, on or off; one that was given up for another is not it."""
    return Locker.objects.filter(user=user_id).order_by("-is_on", "-made_at").first()
