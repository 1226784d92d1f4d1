"""Let go of a person: close the ties by which apps name them, withdraw what stood, and at the end forget who it was.

`release` and `forget` run in their caller's transaction. An answer that is being written holds the tie or the subject locked: `release`
waits for it and then finds its grant, so that nothing given before is left standing and nothing given after is taken.
"""

import os
from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from accounts.models import App
from consent import lock
from consent.machine import WITHDRAWABLE, Event
from consent.models import Binding, ConsentRequest, Grant, Subject
from consent.move import move
from zkp.models import Enrolment


def release(*, subject: Subject, app: App | None, reference: bytes | None, actor: str, now: datetime) -> list[Binding]:
    """Close the subject's ties to `app`, or that one under `reference`, or without an app all; return those that were open.

    Every grant under them that can be withdrawn is. A subject without an open tie is retired.
    """
    subject = Subject.objects.select_for_update(no_key=True).get(id=subject.id)
    ties = Binding.objects.filter(subject=subject, closed_at=None)
    wanted = ties if app is None else ties.filter(app=app)
    if reference is not None:
        wanted = wanted.filter(reference=reference)
    closing = list(wanted.select_for_update(no_key=True).order_by("id"))
    Binding.objects.filter(id__in=[tie.id for tie in closing]).update(closed_at=now)
    if closing and not ties.exists():
        Subject.objects.filter(id=subject.id).update(retired_at=now)
    standing = Grant.objects.filter(binding__in=closing, state__in=WITHDRAWABLE)
    for grant_id in standing.order_by("id").values_list("id", flat=True):
        grant = lock.for_ending(grant_id)
        if grant.state in WITHDRAWABLE:
            reason = "withdrawn_with_erasure" if actor.startswith("app:") else f"withdrawn_by_{actor}"
            move(grant=grant, event=Event.WITHDRAW, reason=reason, actor=actor, now=now)
    return closing


def is_last(*, subject: Subject, bindings: Collection[Binding]) -> bool:
    """Say whether nothing remains of a retired subject once these ties are forgotten."""
    others = subject.bindings.exclude(id__in=[binding.id for binding in bindings])
    return subject.retired_at is not None and not others.exclude(reference=None).exists()


def forget(
    *, subject: Subject, bindings: Collection[Binding], evidence_until: datetime | None, now: datetime
) -> Subject:
    """Cut the ties from apps' users to the subject; with `evidence_until`, also from the subject to the person, else the ties' rows.

    What an app's requests say of their user goes too. The proof of consent is kept until `evidence_until`. Returns the subject, nobody's
    by now, whose the rows are.
    """
    for binding in bindings:
        asked = ConsentRequest.objects.filter(app=binding.app_id, reference=binding.reference)
        # One that was open when the tie was closed belongs to what came after.
        past = Q(grant__binding=binding) | Q(grant=None, answered_at__lte=binding.closed_at) | Q(state="expired")
        asked.filter(past).update(reference=None, return_url="", client_state="")
    closed = Binding.objects.filter(id__in=[binding.id for binding in bindings])
    closed.update(reference=None)
    Grant.objects.filter(binding__in=closed).update(delegation=None)  # which names the person
    if evidence_until is not None:
        Subject.objects.filter(id=subject.id).update(
            user=None,
            evidence_until=evidence_until,
            # P stays, which leads to no entry; what says when and where a wallet claimed would lead to one.
            wallet_name="",
            handed=None,
            handed_public_key=None,
            claimed_at=None,
            claimed_ref=None,
            replaced_at=None,
            custody_ended_at=None,
        )
        Enrolment.objects.filter(account=str(subject.id)).delete()
        return subject
    # Other ties still lead to the person, so these rows become a stranger's: one without a key, and of no point on the curve.
    stranger = Subject.objects.create(
        tenant_id=subject.tenant_id, public_key=os.urandom(48), created_at=now, retired_at=now
    )
    Grant.objects.filter(binding__in=closed).update(subject=stranger)
    closed.update(subject=stranger)
    return stranger
