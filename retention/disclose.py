"""Note that an app passes a thing on to a registered processor, on one of four bases (740 ILCS 14/15(d); GDPR 28; PIPL 21).

One transaction under the grant's lock: the row, entry `disclosure.made`. An app asks before it passes anything on: what has no basis is refused, and
nothing is written. The row is the recipient whom the person can see, and who is asked to erase when the thing goes.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import App
from consent import lock, terms
from consent.enter import enter_for_grant
from consent.terms import Refusal
from retention.disclosure_basis import Basis, objection
from retention.errors import ArtifactGone, ArtifactUnknown, ProcessorUnknown
from retention.levels import C3
from retention.models import Artifact, Disclosure, Probe, Processor

_ANY_STATE = frozenset({Basis.LAW, Basis.WARRANT})


def disclose(  # noqa: PLR0913
    *, app: App, artifact_id: uuid.UUID, processor_id: uuid.UUID, basis: Basis, reference: str, now: datetime
) -> Disclosure | Refusal:
    """Note it, and return the row; the same one where it was noted before, which begins anew if the processor had answered already.

    Raises:
        ArtifactUnknown, ProcessorUnknown: The app has none such.
        ArtifactGone: It is destroyed, or due to be: nothing of it may go anywhere.
    """
    glimpsed = Artifact.objects.filter(id=artifact_id, app=app).values_list("grant", flat=True).first()
    if glimpsed is None:
        raise ArtifactUnknown
    processor = Processor.objects.filter(id=processor_id, app=app).first()
    if processor is None:
        raise ProcessorUnknown
    with transaction.atomic():
        grant = lock.for_use(glimpsed)  # a withdrawal waits, and then finds the recipient
        artifact = Artifact.objects.select_for_update(of=("self",)).get(id=artifact_id)
        known = Disclosure.objects.select_for_update().filter(artifact=artifact, processor=processor).first()
        if known is not None and known.state not in Disclosure.ANSWERED:
            return known
        forced = basis in _ANY_STATE
        living = artifact.state == Artifact.State.ACTIVE or (forced and artifact.state in Artifact.LIVING)
        if not living or (now >= artifact.expires_at and not forced):
            raise ArtifactGone
        refusal = objection(
            basis, reference=reference, recognises=artifact.level == C3, ended=processor.ended_at is not None
        ) or (None if forced else _standing(terms.stands(grant.facts(), now=now)))
        if refusal:
            return refusal
        # What it answered was about what it had then: from here on it has the thing again.
        row = known or Disclosure(artifact=artifact, processor=processor)
        row.basis, row.reference, row.disclosed_at = basis, reference, now
        row.state, row.tries, row.event = Disclosure.State.QUEUED, 0, None
        row.asked_at = row.next_try_at = row.answered_at = row.deleted_at = row.overdue_at = None
        row.save()
        Probe.objects.filter(disclosure=row).delete()
        enter_for_grant(
            grant=grant,
            kind="disclosure.made",
            actor=f"app:{app.id}",
            payload={
                **artifact.record(),
                "disclosure": str(row.id),
                "processor": str(processor.id),
                "name": processor.name,
                "basis": basis.value,
                "reference": reference or None,
            },
            now=now,
        )
    return row


def _standing(decision: terms.Permit | Refusal) -> Refusal | None:
    """Without the person's standing consent nothing is passed on, unless law or court demand it."""
    return decision if isinstance(decision, Refusal) else None
