"""What proves a consent outlives the voice, and has its own end: recordings of what was spoken, documents of who acted for the person.

From an erasure on they are restricted: nothing here reads them any more. Their day is set in the transaction that forgets the person.
When it has come the row lets go first, then key and bytes go; what a crash leaves between is an orphan, which the sweep destroys.
"""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

import vault.blobs
from accounts.models import User
from consent.delegate_end import drop_document
from consent.models import Binding, Delegation, Statement
from vault.blobs import Kind


def keep(*, bindings: Collection[Binding], user: User | None, until: datetime) -> None:
    """Keep the proof of consents under ties that are being forgotten until then, and what shows who acted for the person."""
    Binding.objects.filter(id__in=[binding.id for binding in bindings]).update(evidence_until=until)
    if user is not None:
        Delegation.objects.filter(principal=user, used_at__isnull=False).update(evidence_until=until)


def drop(*, now: datetime) -> None:
    """Destroy what need not be provable any more. A document stays while anything is known of the person, and while the delegate acts."""
    over = Statement.objects.filter(recording__isnull=False, grant__binding__evidence_until__lte=now)
    for recording in list(over.values_list("recording", flat=True)):
        Statement.objects.filter(recording=recording).update(recording=None)
        if recording:
            drop_recording(recording)
    due = Q(evidence_until__lte=now) | Q(evidence_until=None)  # none: nothing was ever known of the person
    # Unused: its end was killed before the document went.
    over_or_unused = Q(due, principal__subjects=None) | Q(used_at=None)
    kept = Delegation.objects.filter(over_or_unused, state=Delegation.State.ENDED)
    for delegation in kept.exclude(document_type="").distinct():
        Delegation.objects.filter(id=delegation.id).update(document_type="")
        drop_document(delegation)


def drop_recording(recording: uuid.UUID) -> None:
    """Destroy a recording that no row speaks of any more."""
    # Before the key, by which alone the sweep finds what a crash leaves.
    vault.blobs.delete(blobs=[recording], kind=Kind.STATEMENT)
    vault.blobs.shred(blobs=[recording], kind=Kind.STATEMENT)
