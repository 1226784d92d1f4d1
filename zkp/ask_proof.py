"""Ask for a proof: a challenge that is bound to a published head of the log, and answered once, within ten minutes."""

import os
import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from accounts.models import App
from ledger.heads import published_checkpoint
from ledger.models import Log
from zkp.core import active
from zkp.core.errors import InvalidContext
from zkp.errors import LogUnknown, NothingPublished
from zkp.models import Challenge, epoch_of

LIVES: Final = timedelta(minutes=10)
TURNS: Final = re.compile("[\u2028-\u202e\u2066-\u2069]")
"""What breaks a line or turns its direction: by that a purpose could look like another."""


def link_to(challenge_id: uuid.UUID) -> str:
    """Return where a person answers it.

    The id stands behind the #, which no browser sends: who opens it does not tell the service which question they were asked.
    """
    return f"{settings.PUBLIC_URL}/wallet/prove#challenge={challenge_id}"


@dataclass(frozen=True)
class Wanted:
    """What a proof has to show.

    Args:
        statement: own, receipt or active.
        attributes: Of a receipt: which must be shown.
        app: Of active: which app's grant, by its id.
        operation: Of active: for what.
    """

    statement: str
    attributes: Collection[str] = ()
    app: str = ""
    operation: str = ""

    @property
    def shown(self) -> list[str]:
        """Which attributes must be shown."""
        return sorted(active.ALWAYS if self.statement == active.STATEMENT else set(self.attributes))


def ask_proof(  # noqa: PLR0913
    *, origin: str | None, wanted: Wanted, purpose: str, verifier: str, app: App | None, now: datetime
) -> Challenge:
    """Return the challenge.

    Args:
        origin: The log; None: the only one.
        wanted: What the proof has to show.
        purpose: Why, in words for the person.
        verifier: Who asks, as an origin such as https://example.com.
        app: Who asks, where it has shown its credentials.
        now: The time.

    Raises:
        LogUnknown: There is no such log, or there are several.
        NothingPublished: There is nothing yet that could be proven.
        zkp.core.errors.InvalidContext: A text cannot be bound.
    """
    if TURNS.search(purpose):
        raise InvalidContext
    log = _log(origin)
    head = published_checkpoint(log)
    if head is None or not head.size:
        raise NothingPublished
    challenge = Challenge(
        origin=log.origin,
        nonce=os.urandom(32),
        verifier=verifier,
        app=app,
        statement=wanted.statement,
        purpose=purpose,
        size=head.size,
        root=head.root,
        epoch=epoch_of(now),
        attributes=wanted.shown,
        wanted_app=wanted.app,
        wanted_operation=wanted.operation,
        expires_at=(now + LIVES).replace(microsecond=0),
    )
    challenge.context()  # which refuses what cannot be bound
    challenge.save(force_insert=True)
    return challenge


def _log(origin: str | None) -> Log:
    logs = Log.objects.exclude(origin=settings.PLATFORM_ORIGIN).order_by("origin")
    found = list((logs if origin is None else logs.filter(origin=origin))[:2])
    if len(found) != 1:
        raise LogUnknown
    return found[0]
