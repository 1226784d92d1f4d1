"""After a restore from before a claim: the row names a marking key that was destroyed since, and the wallet's is in no row.

Each such person gets a key in custody once more, so that entries about them can be marked, and claims anew, also with the same words. What was
entered in between the wallet goes on finding by itself. As after a replacement there are no credentials for a day: nobody here knows which
key, and so which pseudonym, was shown since the backup. The row comes first: a crash before the key is stored leaves one that is still gone.
"""

import os
from datetime import datetime

from consent.models import Subject
from keyring.keys import store
from zkp.tag import derive, public_key


def restore_custody(*, now: datetime) -> int:
    """Take the people into custody whose marking key is gone while their other keys live; return how many. It can be repeated."""
    found = 0
    for subject in Subject.objects.select_related("tenant").filter(retired_at=None).exclude(user=None).order_by("id"):
        if store().has(subject.marking_name) or not store().has(subject.key_name):
            continue
        seed = os.urandom(32)
        Subject.objects.filter(id=subject.id).update(
            public_key=public_key(derive(seed, subject.tenant.origin).s),
            wallet_name="",
            handed=None,
            handed_public_key=None,
            claimed_at=None,
            claimed_ref=None,
            custody_ended_at=None,
            replaced_at=now,
        )
        store().put({subject.custody_name: seed}, now=now)
        found += 1
    return found
