"""Ask somebody to show the key of an account: a nonce, once, for ten minutes."""

import os
import uuid
from datetime import date, datetime, timedelta
from typing import Final

from zkp.models import Enrolment

LIVES: Final = timedelta(minutes=10)


def ask_enrolment(  # noqa: PLR0913
    *, origin: str, account: str, ref: uuid.UUID, use: Enrolment.Use, day: date, now: datetime
) -> Enrolment:
    """Return what the wallet must answer: with the tag of `day`, about the entry `ref`."""
    return Enrolment.objects.create(
        nonce=os.urandom(32),
        origin=origin,
        account=account,
        ref=ref,
        use=use,
        day=day,
        expires_at=(now + LIVES).replace(microsecond=0),
    )
