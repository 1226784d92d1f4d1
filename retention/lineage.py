"""What a thing was made of, and what its sources forbid. Pure.

A thing shows whatever any of its sources shows, to the first one. What shows a face and a voice is a combination, whatever else it is:
it takes a session that was opened to combine exactly its sources (faces and voices are never linked by themselves). A source that was
collected for a weaker purpose feeds no stronger one, and one that may not exist, or may not be used, feeds nothing.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from consent.terms import (
    COMBINATION_NOT_ALLOWED,
    PURPOSE_EXCEEDED,
    SOURCE_RESTRICTED,
    SOURCE_UNPERMITTED,
    Operation,
    Refusal,
)

BOTH = frozenset({"portrait", "voice"})


@dataclass(frozen=True)
class Source:
    """A thing that something was made from."""

    id: uuid.UUID
    subject: uuid.UUID
    session: uuid.UUID
    media: frozenset[str]
    strength: int
    """Of the purpose under which it was collected."""
    permitted: bool
    taken_back: bool
    """Its consent has been withdrawn, or has otherwise fallen."""
    restricted: bool = False
    """It is kept, and may not be used."""
    grant: uuid.UUID | None = None
    """The consent under which it was made."""


@dataclass(frozen=True)
class Room:
    """The session in which something was made."""

    id: uuid.UUID
    operations: Collection[str]
    combines: Collection[uuid.UUID]
    strength: int
    """Of its purpose."""


def media_of(sources: Iterable[Source], *, said: Collection[str], scope: Collection[str]) -> frozenset[str]:
    """Return what a thing shows: what its sources show and what the app says; where neither says, what the consent is about."""
    media = frozenset(said).union(*(source.media for source in sources))
    return media or (frozenset(scope) if len(scope) == 1 else frozenset({"voice"}))


def operation_of(usual: Operation, media: Collection[str]) -> Operation:
    """Return what making such a thing is: to put a face and a voice together is an operation of its own."""
    return Operation.COMBINE if set(media) >= BOTH else usual


def objection(sources: Collection[Source], *, media: Collection[str], room: Room) -> Refusal | None:
    """Return why something that shows `media` may not have been made of these sources of one person in this session, if so."""
    if set(media) >= BOTH and not _combines(sources, room):
        return COMBINATION_NOT_ALLOWED
    if any(source.strength < room.strength for source in sources):
        return PURPOSE_EXCEEDED
    if not all(source.permitted for source in sources):
        return SOURCE_UNPERMITTED
    if any(source.restricted for source in sources):
        return SOURCE_RESTRICTED
    return None


def _combines(sources: Collection[Source], room: Room) -> bool:
    named = all(source.id in room.combines or (source.session == room.id and source.permitted) for source in sources)
    whole = frozenset().union(*(source.media for source in sources)) >= BOTH
    return Operation.COMBINE in room.operations and named and whole and not any(source.taken_back for source in sources)
