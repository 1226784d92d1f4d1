"""Judge a proof: spend the challenge, check everything, and enter in the log that somebody proved something, not who.

The nonce is deleted first, in a transaction of its own, whatever comes of it: a crash afterwards leaves a challenge that was answered and has
no verdict, and the verifier asks anew. The verdict, the pseudonym that it spends and the entry commit together.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Tenant
from ledger import leaf as leaves
from ledger.append import append
from ledger.models import Entry
from zkp import document
from zkp.core import active
from zkp.document import Document
from zkp.errors import ChallengeUnknown
from zkp.issuer import issuer_of
from zkp.models import Challenge, Spent, Verdict
from zkp.wallet import CLAIMED


@dataclass(frozen=True)
class Found:
    """What is wrong, empty where it holds, and what it says."""

    reason: str = ""
    says: dict[str, Any] = field(default_factory=dict)


def judge(*, challenge_id: uuid.UUID, proof: Document, now: datetime) -> Verdict:
    """Return the verdict on an answer to a challenge. Within a transaction it refuses to run.

    Raises:
        ChallengeUnknown: There is none, or it was answered.
    """
    with transaction.atomic(durable=True):
        taken = Challenge.objects.raw("DELETE FROM zkp_challenge WHERE id = %s RETURNING *", [challenge_id])
        challenge = next(iter(taken), None)
    if challenge is None:
        raise ChallengeUnknown
    found = _look(challenge, proof, now)
    with transaction.atomic():
        if not found.reason and proof.pseudonym and not _spend(challenge, proof):
            found = Found("spent")
        holds = not found.reason
        return Verdict.objects.create(
            id=challenge.id,
            holds=holds,
            reason=found.reason,
            says=found.says if holds else {},
            checked_at=now,
            entry=_enter(challenge, now) if holds else None,
        )


def _look(challenge: Challenge, proof: Document, now: datetime) -> Found:
    context = challenge.context()
    if now > challenge.expires_at:
        return Found("expired")
    if proof.context != context:
        return Found("other_context")
    shown = proof.disclosed or {}
    wanted = challenge.wanted_app, challenge.wanted_operation
    if not set(challenge.attributes) <= shown.keys():
        return Found("not_shown")
    if proof.pseudonym and ((shown["app"], shown["operation"]) != wanted or proof.epoch != challenge.epoch):
        return Found("other_scope")
    says = open_entries(challenge.origin, challenge.size, proof) if proof.entries else Found(says={"shown": shown})
    if says.reason:
        return says
    issuer = issuer_of(challenge.origin, now=now).pk
    return says if document.holds(proof, context=context, issuer=issuer, now=now) else Found("not_proven")


def open_entries(origin: str, size: int, proof: Document) -> Found:
    """See that the entries stand in the log below `size` and commit to the tags; say what they are.

    `key` is `wallet` where one of them says that a wallet has claimed: it bears the wallet's own tag, and one secret made all. Otherwise the
    operator may once have held the key.
    """
    wanted = {each.index: each for each in proof.entries}
    rows = Entry.objects.filter(log=origin, index__in=wanted, index__lt=size).order_by("index")
    entries = []
    for row in rows:
        leaf, opened = leaves.decode(bytes(row.leaf)), wanted[row.index]
        if str(leaf.ref) != opened.ref or leaves.commit("subject", opened.salt, opened.tag) != leaf.subject:
            return Found("not_committed")
        entries.append({"index": row.index, "ref": opened.ref, "kind": leaf.kind, "day": leaf.at.date().isoformat()})
    if len(entries) != len(wanted):
        return Found("entry_unknown")
    claimed = any(each["kind"] == CLAIMED for each in entries)
    return Found(says={"entries": entries, "key": "wallet" if claimed else "unknown"})


def _spend(challenge: Challenge, proof: Document) -> bool:
    scope = active.Scope(
        challenge.origin, challenge.verifier, challenge.wanted_app, challenge.wanted_operation, challenge.epoch
    )
    _, made = Spent.objects.get_or_create(
        scope=sha256(scope.octets()).digest(), pseudonym=proof.pseudonym, defaults={"epoch": challenge.epoch}
    )
    return made


def _enter(challenge: Challenge, now: datetime) -> uuid.UUID:
    tenant = Tenant.objects.get(slug=challenge.origin.removeprefix(f"{settings.LOG_ORIGIN}/"))
    return append(
        origin=challenge.origin,
        kind="proof.verified",
        actor=f"app:{challenge.app_id}" if challenge.app_id else "service",
        payload={"statement": challenge.statement, "size": challenge.size},
        holder=tenant.key_name,
        now=now,
    )
