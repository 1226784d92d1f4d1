"""Hand an export to the person: by a signed link that is one person's and ends with the export; entered before the first byte."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core import signing
from django.db import transaction

import vault.blobs
from accounts.models import User
from consent import act_for
from consent.enter import enter_for_person
from consent.models import Delegation
from retention.errors import ExportGone, PastTheEnd
from retention.lockers import opener
from retention.make_exports import KEPT, standing
from retention.models import Export
from vault.blobs import Kind
from vault.errors import BlobGone

_SALT: Final = "retention.export"


@dataclass(frozen=True)
class Taken:
    """The bytes of an export, or some of them: the first of them stands at `start` of `total`."""

    pieces: Iterator[bytes]
    start: int
    size: int
    total: int
    made_at: datetime


def link_of(export: Export) -> str:
    """Return the part of an address by which the export is handed to its person, until it goes."""
    return signing.dumps([str(export.id), str(export.user_id)], salt=_SALT)


def take(*, token: str, user: User, by: Delegation | None, start: int = 0, now: datetime) -> Taken:
    """Enter that the person takes it, and from where on, and return it from there. Each time is entered: what goes on is taken, too.

    Raises:
        ExportGone: The link is not one of this person's, or is too old; the export is not ready, or has gone.
        PastTheEnd: It is not so long.
        consent.errors.DelegationUnknown: Who acts for the person may not.
        vault.errors.BlobLocked: It is locked with the person's passphrase.
    """
    try:
        export_id, owner = signing.loads(token, salt=_SALT, max_age=KEPT)
    except (signing.BadSignature, ValueError):
        raise ExportGone from None
    found = standing(user=user, now=now).filter(id=uuid.UUID(export_id), state=Export.State.READY).first()
    if found is None or owner != str(user.pk) or found.blob is None or found.size is None:
        raise ExportGone
    if not 0 <= start < found.size:
        raise PastTheEnd(found.size)
    try:
        # Opened before it is entered: what cannot be opened is not taken.
        plain = vault.blobs.part(
            blob=found.blob, start=start, length=found.size - start, kind=Kind.EXPORT, opener=opener(now=now)
        )
        first = next(plain)
    except BlobGone:
        raise ExportGone from None
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        told = {**({"delegation": str(by.id)} if by else {}), **({"from_byte": start} if start else {})}
        enter_for_person(user=user, kind="access.downloaded", actor=actor, payload=told, now=now)
        Export.objects.filter(id=found.id).update(taken_at=now)
    return Taken(_with(first, plain), start, found.size - start, found.size, found.ready_at or now)


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
