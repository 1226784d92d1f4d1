"""Attest an entry to whom it is about: a receipt, over the one secret by which they have shown that the entry is theirs.

The receipt is the ledger's word. That the entry stands in the log is for the wallet to see before it asks. Nothing is entered, and nothing kept; a crash
leaves a question that was spent.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from consent.attributes import DESTROYED, attributes_of
from consent.wallets import own_entry
from ledger import leaf as leaves
from zkp import take_enrolment
from zkp.ask_enrolment import ask_enrolment
from zkp.core import receipt
from zkp.core.enrol import Enrolled
from zkp.errors import EnrolmentRefused
from zkp.issuer import issuer_of
from zkp.models import Enrolment
from zkp.tag import SALT_BYTES


@dataclass(frozen=True)
class Attested:
    """A receipt, 80 bytes, and what it says."""

    attributes: dict[str, str]
    receipt: bytes


@dataclass(frozen=True)
class Shown:
    """What the wallet shows: the answer to `ask`, and the entry's tag and salt, which open its subject commitment."""

    context: str
    enrolled: Enrolled
    tag: bytes
    salt: bytes


def ask(*, user: User, ref: uuid.UUID, now: datetime) -> Enrolment:
    """Ask the wallet to show the key of an entry.

    Raises:
        consent.errors.EntryNotYours: There is no such entry about the person that can be opened.
    """
    own = own_entry(user=user, ref=ref)
    leaf = leaves.decode(bytes(own.entry.leaf))
    return ask_enrolment(
        origin=leaf.log,
        account=str(own.subject.id),
        ref=ref,
        use=Enrolment.Use.RECEIPT,
        day=leaf.at.date(),
        now=now,
    )


def attest_entry(
    *,
    user: User,
    ref: uuid.UUID,
    shown: Shown,
    in_time: Callable[[uuid.UUID], bool | None],
    now: datetime,
) -> Attested:
    """Return the receipt. The key may be one that the service once held. Within a transaction it refuses to run.

    `in_time` says of a thing whether it was destroyed in time; None where that is not known.

    Raises:
        consent.errors.EntryNotYours: There is no such entry about the person that can be opened.
        zkp.errors.EnrolmentStale, zkp.errors.EnrolmentRefused: The wallet has not shown the key of this entry.
    """
    own = own_entry(user=user, ref=ref)
    asked = take_enrolment.spend(
        context=shown.context, account=str(own.subject.id), uses={Enrolment.Use.RECEIPT}, now=now
    )
    leaf = leaves.decode(bytes(own.entry.leaf))
    if asked.ref != ref or len(shown.salt) != SALT_BYTES:
        raise EnrolmentRefused
    if leaves.commit("subject", shown.salt, shown.tag) != leaf.subject:
        raise EnrolmentRefused
    take_enrolment.check(asked=asked, enrolled=shown.enrolled, tag=shown.tag)
    gone = own.payload.get("artifact") if leaf.kind in DESTROYED else None
    said = attributes_of(
        kind=leaf.kind, at=leaf.at, payload=own.payload, in_time=in_time(uuid.UUID(gone)) if gone else None
    )
    issuer = issuer_of(leaf.log, now=now)
    made = receipt.issue(sk=issuer.sk, pk=issuer.pk, key_commitment=shown.enrolled.key_commitment, attributes=said)
    return Attested(said, made)
