"""A wallet takes over: from here on entries are marked with its key, and the key that the service held for the person is handed over.

In this order, with what a crash leaves after each step:

1. The question is spent (`take_enrolment.spend`): the wallet asks again.
2. The wallet's marking key is stored, synced, under a new name: a key that nothing names, which `retention.mend` destroys, as the name stands in no row.
3. One transaction: the service's own keys for the person, s and k_u, encrypted to the wallet alone (HPKE, RFC 9180), the wallet's public key,
   and the entry `subject.claimed`, under the wallet's mark. Before it commits nothing has happened. After it the wallet finds what was handed
   over whenever it asks, until it says that it has it.
4. The seed in custody is destroyed, synced. Before that, `end_custody` does it within half a minute.
5. The row says so. Before that, it is done again, which changes nothing.

Another wallet can take the place of one whose words were lost or stolen, in the same steps: there is nothing to hand over, the entry names the
claim before it, and at 4 the marking key of the earlier wallet goes (`retention.mend` does it after a crash: no row names it any more). What bears
the earlier key is proven by the earlier words alone, for ever; nothing new bears it.

The service never sees the wallet's s. It can open what it hands over no more than anybody else: the ephemeral key of HPKE is never stored.
"""

import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from django.db import IntegrityError, transaction

from accounts.models import User
from consent.end_custody import end_custody
from consent.enter import enter
from consent.errors import AlreadyClaimed, KeyUsedBefore, NotClaimed
from consent.models import ReplacedKey, Subject
from consent.wallets import living
from keyring.errors import KeyGone
from keyring.keys import store
from zkp import take_enrolment
from zkp.ask_enrolment import ask_enrolment
from zkp.core.enrol import Enrolled
from zkp.core.group import SCALAR_BYTES
from zkp.errors import EnrolmentRefused, ZkpError
from zkp.models import Enrolment
from zkp.tag import KEY_BYTES, day_tag_of, derive, public_key
from zkp.wallet import CLAIMED, SUITE, handed_info

_USES: Final = frozenset({Enrolment.Use.CLAIM, Enrolment.Use.REPLACE})


@dataclass(frozen=True, repr=False)
class Offer:
    """What a wallet brings: the answer to `ask`, its marking key k_u, and its X25519 public key, 32 bytes each."""

    context: str
    enrolled: Enrolled
    k_u: bytes
    box: bytes


def ask(*, user: User, origin: str, now: datetime, replace: bool = False) -> Enrolment:
    """Ask the wallet to show its key: about the entry that will say so. Only for who has just shown that it is them.

    Args:
        user: Who claims.
        origin: The log.
        now: The time.
        replace: To take the place of a wallet that has claimed.

    Raises:
        NotClaimed: The person is not known in this log, or has no wallet there to replace.
        AlreadyClaimed: A wallet has done so, and is not to be replaced.
    """
    subject = living(user=user, origin=origin)
    use = Enrolment.Use.REPLACE if replace else Enrolment.Use.CLAIM
    _check_standing(subject, use)
    return ask_enrolment(
        origin=origin,
        account=str(subject.id),
        ref=uuid.uuid4(),
        use=use,
        day=now.astimezone(UTC).date(),
        now=now,
    )


def claim(*, user: User, origin: str, offer: Offer, now: datetime) -> Subject:
    """Let the wallet take over. Within a transaction it refuses to run.

    Raises:
        NotClaimed: The person is not known in this log, or has no wallet there to replace.
        AlreadyClaimed: A wallet has done so, and is not to be replaced.
        KeyUsedBefore: The wallet's key stands for somebody, or somebody erased, already.
        zkp.errors.EnrolmentStale, zkp.errors.EnrolmentRefused: The wallet has not shown its key.
    """
    subject = living(user=user, origin=origin)
    asked = take_enrolment.spend(context=offer.context, account=str(subject.id), uses=_USES, now=now)  # 1
    take_enrolment.check(asked=asked, enrolled=offer.enrolled, tag=_tag(offer, asked))
    box = _box(offer.box)
    name = f"wallet:{uuid.uuid4()}"
    store().put({name: offer.k_u}, now=now)  # 2
    try:
        with transaction.atomic():  # 3
            before = _take_over(subject, offer, box, asked, name, now)
    except (AlreadyClaimed, KeyUsedBefore, NotClaimed):  # of any other error nobody knows whether it committed
        store().destroy([name])
        raise
    if before:
        store().destroy([before])  # 4
    end_custody(subject_id=subject.id, now=now)  # 4, 5
    return Subject.objects.get(id=subject.id)


def confirm(*, user: User, origin: str) -> None:
    """Forget what was handed over: the wallet has it.

    Raises:
        NotClaimed: The person is not known in this log.
    """
    subject = living(user=user, origin=origin)
    Subject.objects.filter(id=subject.id).update(handed=None, handed_public_key=None)


def _take_over(  # noqa: PLR0913, PLR0917
    subject: Subject, offer: Offer, box: X25519PublicKey, asked: Enrolment, name: str, now: datetime
) -> str:
    """Let the row say so, and enter it; return the name of the marking key of the wallet that was replaced."""
    locked = Subject.objects.select_for_update(no_key=True, of=("self",)).select_related("tenant")
    subject = locked.get(id=subject.id)
    if subject.retired_at:
        raise NotClaimed
    use, before, said = Enrolment.Use(asked.use), subject.wallet_name, {"subject": str(subject.id)}
    _check_standing(subject, use)
    if use == Enrolment.Use.REPLACE:
        ReplacedKey.objects.create(tenant=subject.tenant, public_key=subject.public_key)
        said["replaces"] = str(subject.claimed_ref)
        subject.handed, subject.handed_public_key, subject.replaced_at = None, None, now
    else:
        subject.handed, subject.handed_public_key = _hand_over(subject, box, asked)
    subject.public_key, subject.wallet_name = offer.enrolled.public_key, name
    subject.claimed_at, subject.claimed_ref = now, asked.ref
    try:
        with transaction.atomic():
            subject.save(
                update_fields=[
                    "handed",
                    "handed_public_key",
                    "public_key",
                    "wallet_name",
                    "claimed_at",
                    "claimed_ref",
                    "replaced_at",
                ]
            )
    except IntegrityError:
        raise KeyUsedBefore from None
    # Asked after the row has the key: whoever gives it up at this moment has committed by then.
    if ReplacedKey.objects.filter(tenant=subject.tenant, public_key=offer.enrolled.public_key).exists():
        raise KeyUsedBefore
    enter(subject=subject, kind=CLAIMED, actor="subject", payload=said, now=now, ref=asked.ref)
    return before


def _check_standing(subject: Subject, use: Enrolment.Use) -> None:
    if use == Enrolment.Use.REPLACE and not subject.claimed_at:
        raise NotClaimed
    if use == Enrolment.Use.CLAIM and subject.claimed_at:
        raise AlreadyClaimed


def _hand_over(subject: Subject, box: X25519PublicKey, asked: Enrolment) -> tuple[bytes | None, bytes | None]:
    """Return s || k_u of the service, encrypted, and its public key; nothing where a restored database names a seed that is gone."""
    try:
        keys = derive(store().get(subject.custody_name), subject.tenant.origin)
    except KeyGone:
        return None, None
    info = handed_info(asked.origin, str(asked.ref))
    return SUITE.encrypt(keys.s + keys.k_u, box, info), public_key(keys.s)


def _box(public: bytes) -> X25519PublicKey:
    try:
        box = X25519PublicKey.from_public_bytes(public)
        SUITE.encrypt(os.urandom(KEY_BYTES + SCALAR_BYTES), box)  # points of small order are refused only here
    except (ValueError, UnsupportedAlgorithm):
        raise EnrolmentRefused from None
    return box


def _tag(offer: Offer, asked: Enrolment) -> bytes:
    try:
        return day_tag_of(public_key=offer.enrolled.public_key, k_u=offer.k_u, day=asked.day)
    except (ZkpError, ValueError):
        raise EnrolmentRefused from None
