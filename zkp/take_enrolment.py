"""Take an answer to `ask_enrolment`: the nonce is spent first, whatever comes of it."""

import json
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from zkp.core import enrol
from zkp.errors import EnrolmentRefused, EnrolmentStale
from zkp.models import Enrolment


def spend(*, context: str, account: str, uses: Collection[Enrolment.Use], now: datetime) -> Enrolment:
    """Return what was asked, which nobody can answer any more: it commits by itself, and within a transaction it refuses to run.

    Raises:
        EnrolmentStale: It was not asked here, was answered, is too late, or was asked of another account or for something else.
    """
    try:
        nonce = bytes.fromhex(json.loads(context)["nonce"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise EnrolmentStale from None
    with transaction.atomic(durable=True):
        taken = Enrolment.objects.raw("DELETE FROM zkp_enrolment WHERE nonce = %s RETURNING *", [nonce])
        asked = next(iter(taken), None)
    if asked is None or now > asked.expires_at or asked.account != account or asked.use not in uses:
        raise EnrolmentStale
    if asked.bound().octets() != context.encode():
        raise EnrolmentStale
    return asked


def check(*, asked: Enrolment, enrolled: enrol.Enrolled, tag: bytes) -> None:
    """See that one secret made the key, its commitment and the tag, and that its holder answered what was asked.

    Raises:
        EnrolmentRefused: It did not.
    """
    if not enrol.verify(enrolled=enrolled, tag=tag, context=asked.bound()):
        raise EnrolmentRefused
