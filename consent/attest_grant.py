"""Attest to a person that a grant of theirs stands at this moment: a credential for five minutes at most, over their wallet's key alone.

It is issued under the grant's lock: what is issued was issued before a withdrawal committed, and after it nothing is. So a credential outlives
its grant by five minutes at most. Nothing is entered, and nothing kept; a crash leaves a question that was spent.

A wallet that took another's place gets none for a day and what a challenge lives: the same person would have two pseudonyms in one epoch.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction

from accounts.models import User
from consent import lock
from consent.errors import GrantUnknown, NotClaimed, Refused, ReplacedJustNow
from consent.models import Grant, Subject
from consent.terms import TERM_OVER, Refusal, decide
from consent.wallets import living
from keyring.errors import KeyGone
from keyring.keys import store
from zkp import take_enrolment
from zkp.ask_enrolment import ask_enrolment
from zkp.ask_proof import LIVES
from zkp.core import active
from zkp.core.enrol import Enrolled
from zkp.errors import EnrolmentRefused
from zkp.issuer import issuer_of
from zkp.models import Enrolment
from zkp.tag import day_tag_of

_EPOCH: Final = timedelta(days=1)


@dataclass(frozen=True)
class Credential:
    """A credential, 80 bytes, and what it says."""

    attributes: dict[str, str]
    issued: bytes


def ask(*, user: User, origin: str, now: datetime) -> Enrolment:
    """Ask the wallet to show its key.

    Raises:
        NotClaimed: No wallet keeps the person's key in this log.
        ReplacedJustNow: It took the place of another just now.
    """
    subject = living(user=user, origin=origin)
    _check_standing(subject, now)
    return ask_enrolment(
        origin=origin,
        account=str(subject.id),
        ref=uuid.uuid4(),
        use=Enrolment.Use.ACTIVE,
        day=now.astimezone(UTC).date(),
        now=now,
    )


def attest_grant(  # noqa: PLR0913
    *, user: User, origin: str, grant_id: uuid.UUID, operation: str, context: str, enrolled: Enrolled, now: datetime
) -> Credential:
    """Return the credential. Within a transaction it refuses to run.

    Raises:
        NotClaimed: No wallet keeps the person's key in this log.
        ReplacedJustNow: It took the place of another just now.
        GrantUnknown: The person has no such grant there.
        Refused: It does not stand, or not for this operation.
        zkp.errors.EnrolmentStale, zkp.errors.EnrolmentRefused: The wallet has not shown its key.
    """
    subject = living(user=user, origin=origin)
    asked = take_enrolment.spend(context=context, account=str(subject.id), uses={Enrolment.Use.ACTIVE}, now=now)
    _check_standing(subject, now)
    _check(subject, asked, enrolled)
    issuer = issuer_of(origin, now=now)
    with transaction.atomic():
        grant = lock.for_use(grant_id)
        if grant.subject_id != subject.id:
            raise GrantUnknown
        said = active.attributes(
            app=str(grant.app_id), operation=operation, purpose=grant.purpose_id, until=_until(grant, operation, now)
        )
        issued = active.issue(
            sk=issuer.sk, pk=issuer.pk, key_commitment=enrolled.key_commitment, attributes=said, now=now
        )
    return Credential(said, issued)


def _check_standing(subject: Subject, now: datetime) -> None:
    if not subject.claimed_at:
        raise NotClaimed
    if subject.replaced_at and now < subject.replaced_at + _EPOCH + LIVES:
        raise ReplacedJustNow


def _check(subject: Subject, asked: Enrolment, enrolled: Enrolled) -> None:
    """See that it is the wallet that keeps the key now: of what is to come no earlier key says anything."""
    key = bytes(subject.public_key)
    if enrolled.public_key != key:
        raise EnrolmentRefused
    try:
        k_u = store().get(subject.wallet_name)
    except KeyGone:  # another wallet took its place, or an erasure came, a moment ago
        raise EnrolmentRefused from None
    tag = day_tag_of(public_key=key, k_u=k_u, day=asked.day)
    take_enrolment.check(asked=asked, enrolled=enrolled, tag=tag)


def _until(grant: Grant, operation: str, now: datetime) -> datetime:
    facts = grant.facts()
    decision = decide(facts, operations=[operation], now=now)
    if isinstance(decision, Refusal):
        raise Refused(decision, entered=False)
    ends = min(facts.valid_until, facts.guardian_until or facts.valid_until)
    until = min(active.valid_until(now), ends.replace(second=0, microsecond=0))
    if until < now:
        raise Refused(TERM_OVER, entered=False)
    return until.astimezone(UTC)
