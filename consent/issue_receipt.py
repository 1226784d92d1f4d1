"""Issue a receipt: the record of a consent as it is now, with the entries that a published checkpoint covers, signed.

Nothing is written. What no checkpoint covers yet is told and not shown: a receipt that is taken again a moment later shows it.
"""

from datetime import datetime

from uuid_utils.compat import uuid7

from consent import receipt
from consent.consent_record import tell
from consent.models import Grant
from ledger.show import show
from ledger.signing import certifier_of


def issue_receipt(*, grant: Grant, now: datetime) -> bytes:
    """Return the receipt of a grant as a file.

    Raises:
        keyring.errors.KeyGone: The proof of consent was destroyed.
    """
    origin = grant.subject.tenant.origin
    told = tell(grant)
    entries, checkpoint = show(origin=origin, openings=told.openings)
    body = receipt.build(told.facts, receipt=uuid7(), log=origin, entries=entries, checkpoint=checkpoint, now=now)
    return receipt.sign(body, signer=certifier_of(origin, now=now))
