"""Tie an app's user to a person, once, by the person's own answer; and make the person a subject of the tenant's log."""

import os
from datetime import datetime

from accounts.models import App, Tenant, User
from consent.errors import BoundToAnother
from consent.models import Binding, Subject
from keyring.keys import store
from zkp.tag import derive, public_key


def bind(*, app: App, reference: bytes, user: User, now: datetime) -> Subject:
    """Return the subject that `reference` is tied to, tying it to `user` when it is free. Runs in the caller's transaction.

    Raises:
        BoundToAnother: It is tied to somebody else.
    """
    binding = Binding.objects.select_related("subject__tenant").filter(app=app, reference=reference).first()
    if binding is None:
        subject = _subject(tenant=app.tenant, user=user, now=now)
        binding, _ = Binding.objects.get_or_create(
            app=app, reference=reference, defaults={"subject": subject, "bound_at": now}
        )
    if binding.subject.user_id != user.id:
        raise BoundToAnother
    return binding.subject


def _subject(*, tenant: Tenant, user: User, now: datetime) -> Subject:
    """Return the person's subject in this tenant, making it: keys first, synced, then the row; a crash between leaves unused keys."""
    found = Subject.objects.filter(tenant=tenant, user=user).first()
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
    made, _ = Subject.objects.get_or_create(
        tenant=tenant,
        user=user,
        defaults={"id": subject.id, "public_key": subject.public_key, "created_at": now},
    )
    return made
