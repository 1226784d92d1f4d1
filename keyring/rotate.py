"""Epochs of the key-encryption key: begin one and wrap every key under it; destroy those that are over.

No data is touched: what is sealed under a key stays as it is, and only the key's own wrapping is renewed.

`rotate` makes the new key, lists its epoch, wraps every key anew, and notes that it is through. A crash before the listing leaves an
unused key that the next call takes; a crash after it leaves keys under both epochs, all of which open, and the next call goes on
with the same epoch instead of beginning another.

`destroy_epochs` destroys a key-encryption key, then notes it. A crash between leaves an epoch whose key is gone and wrapped
nothing; the next call notes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from keyring.backup import BACKUPS_LIVE
from keyring.errors import KeyStoreBroken, NotOurs
from keyring.kek import Epoch
from keyring.store import EpochStore

EPOCHS_LIVE = timedelta(days=30)


@dataclass(frozen=True)
class Rotated:
    """What a rotation did."""

    epoch: int
    resumed: bool
    rewrapped: int


@dataclass(frozen=True)
class Ended:
    """What became of an epoch that is over: destroyed, or why not."""

    epoch: int
    refused: str = ""


@dataclass(frozen=True)
class Standing:
    """One epoch, and how many keys it wraps. Nothing here is secret."""

    epoch: Epoch
    keys: int
    there: bool
    newest: bool


def rotate(
    *, store: EpochStore, now: datetime, say: Callable[[int], None] = lambda _: None, batch: int = 500
) -> Rotated:
    """Wrap every key under a new epoch, or go on where an earlier call ended; `say` hears how many were done, often.

    Raises:
        NotOurs: The environment has no key for the new epoch yet.
        KeyStoreBroken: A key does not open; everything stays as it is from there on.
    """
    epochs = store.epochs()
    resumed = len(epochs) > 1 and epochs[-1].rewrapped_at is None
    if not resumed:
        number = epochs[-1].number + 1 if epochs else 1
        store.add_epoch(store.ring.begin(number, now=now))  # if another call was first, its epoch stands
    newest = store.epochs()[-1].number
    rewrapped = 0
    for done in store.rewrap(batch=batch):
        rewrapped += done
        say(rewrapped)
    store.note_rewrapped(newest, now=now)
    return Rotated(newest, resumed, rewrapped)


def destroy_epochs(*, store: EpochStore, now: datetime) -> list[Ended]:
    """Destroy the keys of epochs that are over; say of each what became of it.

    An epoch is over when it is 30 days old, wraps no key, and was replaced so long ago that no backup of the store needs it any more.
    """
    counts = store.counts()
    ended = []
    epochs = store.epochs()
    for epoch, following in pairwise(epochs):
        if epoch.destroyed_at is not None or not _is_over(epoch, following, now=now) or counts.get(epoch.number):
            continue
        try:
            store.ring.destroy(epoch)
        except (NotOurs, KeyStoreBroken) as error:
            ended.append(Ended(epoch.number, str(error)))
            continue
        store.note_destroyed(epoch.number, now=now)
        ended.append(Ended(epoch.number))
    return ended


def status(*, store: EpochStore) -> list[Standing]:
    """Return every epoch that ever was."""
    counts, epochs = store.counts(), store.epochs()
    return [
        Standing(epoch, counts.get(epoch.number, 0), store.ring.has(epoch), newest=epoch == epochs[-1])
        for epoch in epochs
    ]


def _is_over(epoch: Epoch, following: Epoch, *, now: datetime) -> bool:
    """Say whether the times allow it. What replaced an epoch must be through: until then the old wrappings are in new backups."""
    if following.rewrapped_at is None:
        return False
    return (
        now.timestamp() - epoch.made_at >= EPOCHS_LIVE.total_seconds()
        and now.timestamp() - following.rewrapped_at >= BACKUPS_LIVE.total_seconds()
    )
