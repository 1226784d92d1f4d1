"""Count a person's entries for their wallet, and sign the count: "this key has n entries below this size".

It is counted from what the service can open, not from the marks in the log. So an entry that was made about the person and not marked for
their wallet shows: the wallet finds fewer marks than were counted, and holds a signed paper that says so. What was erased is counted no more;
of an entry that is neither marked nor counted nobody can know.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from accounts.models import User
from consent.errors import NotClaimed
from consent.models import Binding
from consent.wallets import living
from ledger import signed_json
from ledger.heads import published_checkpoint
from ledger.models import Entry, Log, Opening
from ledger.signing import certifier_of

TYPE: Final = "consonant/subject-count/v1"
IN_FLIGHT: Final = timedelta(minutes=1)
"""What was begun before the claim committed can bear the earlier key: it is counted for neither."""


@dataclass(frozen=True)
class Count:
    """A count, and the signed note over it."""

    body: dict[str, Any]
    note: str


def count_entries(*, user: User, origin: str, now: datetime) -> Count:
    """Return how many entries the service knows that it made under the wallet's key, below the published head.

    Raises:
        NotClaimed: No wallet keeps the person's key in this log.
    """
    subject = living(user=user, origin=origin)
    head = published_checkpoint(Log.objects.get(origin=origin))
    if subject.claimed_at is None or head is None:
        raise NotClaimed
    since = subject.claimed_at.replace(microsecond=0) + IN_FLIGHT
    ties = Binding.objects.filter(subject=subject).values_list("key_name", flat=True)
    holders = {subject.key_name, subject.evidence_name, *ties}
    openings = Opening.objects.filter(log=origin, holder__in=holders, at__gte=since)
    placed = Entry.objects.filter(log=origin, index__lt=head.size, ref__in=openings.values("ref"))
    body = {
        "type": TYPE,
        "v": 1,
        "log": origin,
        "key": bytes(subject.public_key).hex(),
        "since": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "size": head.size,
        "root": head.root.hex(),
        "count": placed.count(),
    }
    signer = certifier_of(origin, now=now)
    return Count(body, signed_json.sign(body, kind=TYPE, identity=str(body["key"]), signer=signer))
