"""After a restore: a dead key means erased. What the database brought back from before an erasure goes again.

A key that is gone from the key store was destroyed. So an artifact of the vault whose key is dead is taken out on the ordinary path, a
tie whose key is dead is closed and forgotten, as the erasure did which this database does not remember, and openings under dead keys are
deleted. A marking key alone goes with a claim too, so who lacks nothing else gets another. Each is a transaction of its own and can be repeated.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

import vault.blobs
from consent.models import Binding, Subject
from consent.release import forget, is_last, release
from consent.restore_custody import restore_custody
from keyring.errors import KeyStoreBroken
from keyring.keys import store
from ledger.models import Opening
from ledger.queries import logs
from ledger.recover import LOST
from retention import evidence
from retention.certify import EVIDENCE_KEPT, cut
from retention.models import Artifact, Custody

BATCH = 500


@dataclass(frozen=True)
class Buried:
    """How many artifacts, ties and openings went."""

    artifacts: int
    ties: int
    openings: int


def bury(*, now: datetime) -> Buried:
    """Take out what belongs to keys that are dead.

    Raises:
        KeyStoreBroken: The key store lacks what is never destroyed, so it is not the service's own: what it lacks proves nothing.
    """
    refuse_a_strange_key_store()
    restore_custody(now=now)
    dead_ties = [tie for tie in Binding.objects.exclude(reference=None).order_by("id") if not store().has(tie.key_name)]
    for tie in dead_ties:
        _forget(tie, now=now)
    holders = Opening.objects.exclude(holder=LOST).values_list("holder", flat=True).distinct()
    dead = [holder for holder in holders if not store().has(holder)]
    openings, _ = Opening.objects.filter(holder__in=dead).delete()
    return Buried(_artifacts(), len(dead_ties), openings)


def refuse_a_strange_key_store() -> None:
    """Let nobody go on who would destroy what the key store knows no key of, while it lacks keys that are never destroyed.

    Raises:
        KeyStoreBroken: It lacks one.
    """
    if not all(store().has(f"log:{log.origin}") for log in logs()):
        raise KeyStoreBroken("it lacks the keys of the logs: bring the service's own key store back first")


def _artifacts() -> int:
    found = 0
    living = Artifact.objects.filter(custody=Custody.VAULT, state__in=Artifact.LIVING)
    ids = list(living.order_by("id").values_list("id", flat=True))
    for start in range(0, len(ids), BATCH):
        batch = set(ids[start : start + BATCH])
        dead = batch - vault.blobs.alive(blobs=batch)
        found += living.filter(id__in=dead).update(state=Artifact.State.ERASING)
    return found


@transaction.atomic
def _forget(tie: Binding, *, now: datetime) -> None:
    subject = Subject.objects.select_for_update(no_key=True).get(id=tie.subject_id)
    if tie.reference is not None and tie.closed_at is None:
        release(subject=subject, app=tie.app, reference=bytes(tie.reference), actor="service", now=now)
        tie.refresh_from_db()
        subject.refresh_from_db()
    last = is_last(subject=subject, bindings=[tie])
    if last:
        store().destroy({subject.key_name, *subject.marking_names})
    evidence.keep(bindings=[tie], user=subject.user, until=now + EVIDENCE_KEPT)
    stranger = forget(subject=subject, bindings=[tie], evidence_until=now + EVIDENCE_KEPT if last else None, now=now)
    cut(bindings=[tie], stranger=stranger)
