"""What a person's wallet reads here: where the person is known, and everything that can be opened about them, always the whole of it."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q

from accounts.models import User
from consent.errors import EntryNotYours, NotClaimed
from consent.models import Binding, Grant, Subject
from consent.queries import DECIDING, Record, records_of
from consent.terms import Permit, decide
from keyring.errors import KeyGone
from keyring.keys import store
from keyring.seal import unseal
from ledger.models import Entry, Log, Opening
from zkp.issuer import issuer_of

BATCH = 500


@dataclass(frozen=True)
class OwnEntry:
    """An entry about the person, opened."""

    subject: Subject
    entry: Entry
    payload: dict[str, Any]


def logs_of(*, user: User | None, now: datetime) -> list[dict[str, Any]]:
    """Return the logs and their keys, and of each that knows the person how the person stands there."""
    known = Subject.objects.select_related("tenant").filter(user=user, retired_at=None) if user else ()
    subjects = {subject.tenant.origin: subject for subject in known}
    logs = Log.objects.exclude(origin=settings.PLATFORM_ORIGIN).order_by("origin")
    return [
        {
            "origin": log.origin,
            "address": f"/log/{log.origin}/",
            "vkey": log.vkey,
            "issuer": issuer_of(log.origin, now=now).pk.hex(),
            **(_standing(subjects[log.origin]) if log.origin in subjects else {}),
        }
        for log in logs
    ]


def living(*, user: User, origin: str) -> Subject:
    """Return whom the person is in a log.

    Raises:
        NotClaimed: The person is not known there.
    """
    for subject in Subject.objects.select_related("tenant").filter(user=user, retired_at=None):
        if subject.tenant.origin == origin:
            return subject
    raise NotClaimed


def records_in(*, user: User, origin: str) -> Iterator[Record]:
    """Return every entry about the person in a log that can be opened and has its place."""
    before: datetime | None = None
    while page := records_of(user=user, limit=BATCH, before=before):
        yield from (record for record in page if record.origin == origin and record.index is not None)
        before = page[-1].at


def own_entry(*, user: User, ref: uuid.UUID) -> OwnEntry:
    """Return an entry about the person.

    Raises:
        EntryNotYours: There is none, it has no place yet, or it cannot be opened any more.
    """
    opening = Opening.objects.filter(ref=ref).first()
    entry = Entry.objects.filter(ref=ref).first()
    if opening is None or entry is None:
        raise EntryNotYours
    kind, _, rest = opening.holder.partition(":")
    mine = Subject.objects.select_related("tenant").filter(user=user)
    ties = Binding.objects.filter(subject__user=user, key_name=opening.holder).values("subject")
    named = Q(id__in=ties)
    if kind in {"subject", "evidence"}:
        named |= Q(id=uuid.UUID(rest))
    subject = mine.filter(named).first()
    if subject is None or subject.tenant.origin != opening.log_id:
        raise EntryNotYours
    try:
        said = json.loads(unseal(store().get(opening.holder), bytes(opening.sealed), context=ref.bytes))
    except KeyGone:
        raise EntryNotYours from None
    return OwnEntry(subject, entry, json.loads(said["payload"][1]))


def grants_in(*, user: User, origin: str, now: datetime) -> list[Grant]:
    """Return the person's grants in a log under which a use would be allowed now."""
    grants = Grant.objects.select_related("subject__tenant", *DECIDING).filter(
        subject__user=user, subject__retired_at=None, state__in=["given", "renewed"]
    )
    return [
        grant
        for grant in grants.order_by("id")
        if grant.subject.tenant.origin == origin
        and isinstance(decide(grant.facts(), operations=grant.operations, now=now), Permit)
    ]


def _standing(subject: Subject) -> dict[str, Any]:
    return {
        "account": str(subject.id),
        "held": "wallet" if subject.claimed_at else "custodial",
        "public_key": bytes(subject.public_key).hex(),
        "claimed_at": subject.claimed_at.isoformat() if subject.claimed_at else None,
        "claimed_ref": str(subject.claimed_ref) if subject.claimed_ref else None,
        "handed": bytes(subject.handed).hex() if subject.handed else None,
        "handed_public_key": bytes(subject.handed_public_key).hex() if subject.handed_public_key else None,
    }
