"""Tie an app's user to a person, once, by the person's own answer; and make the person a subject of the tenant's log.

Keys are stored, synced, before the row that names them: a crash between leaves keys that nothing names.
"""

import os
import uuid
from datetime import datetime

from accounts.models import App, Tenant, User
from consent.errors import BoundToAnother
from consent.models import Binding, Subject
from keyring.keys import store
from zkp.tag import derive, public_key


def bind(*, app: App, reference: bytes, user: User, now: datetime) -> Binding:
    """Return the tie of `reference`, tying it to `user` when it is free. Runs in the caller's transaction.

    Raises:
        BoundToAnother: It is tied to somebody else.
    """
    open_ties = Binding.objects.select_related("subject__tenant").filter(closed_at=None)
    # Locked, so that no erasure closes it before the answer is written; the erasure then finds the grant.
    binding = open_ties.select_for_update(of=("self",), no_key=True).filter(app=app, reference=reference).first()
    if binding is None:
        subject = _subject(tenant=app.tenant, user=user, now=now)
        key_name = f"subject:{uuid.uuid4()}"
        store().put({key_name: os.urandom(32)}, now=now)
        binding, _ = open_ties.get_or_create(
            app=app, reference=reference, defaults={"subject": subject, "key_name": key_name, "bound_at": now}
        )
    if binding.subject.user_id != user.id:
        raise BoundToAnother
    return binding


def _subject(*, tenant: Tenant, user: User, now: datetime) -> Subject:
    """Return the person's living subject in this tenant, making it; locked against being retired until the answer is written."""
    living = Subject.objects.filter(retired_at=None)
    found = living.select_for_update(no_key=True).filter(tenant=tenant, user=user).first()
    if found:
        return found
    subject = Subject(tenant=tenant, user=user, created_at=now)
    seed = os.urandom(32)
    store().put(
        {subject.key_name: os.urandom(32), subject.evidence_name: os.urandom(32), subject.custody_name: seed},
        now=now,
    )
    subject.public_key = public_key(derive(seed, tenant.origin).s)
    # Two first answers at once: the second finds the first's row and leaves its own keys unused.
    made, _ = living.get_or_create(
        tenant=tenant,
        user=user,
        defaults={"id": subject.id, "public_key": subject.public_key, "created_at": now},
    )
    return made
