"""Ask to be erased: withdraw first, always; the rest follows by itself.

One transaction: the ties closed, every grant under them withdrawn, the request, entry `erasure.requested`. A crash before the commit
leaves nothing. From the commit on nothing of it can be used, and the sweep finds what has to go; `retention.pursue` sees it through.
"""

import hmac
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from accounts.models import App, User
from consent import act_for
from consent.enter import enter
from consent.models import Binding, Delegation, Subject
from consent.release import release
from hooks.wake import wake
from keyring.keys import reference_key
from retention.ask_holder import ACKNOWLEDGE_WITHIN
from retention.errors import NothingToErase
from retention.models import Erasure

DUE_WITHIN = timedelta(days=30)
"""GDPR 12(3): one month; openings die at the latest then, acknowledged or not."""


def by_subject(*, user: User, app_id: uuid.UUID | None, now: datetime, by: Delegation | None = None) -> list[Erasure]:
    """Erase what one app has of the person, or everything; return one request for each tenant's log. `by`: who acts for the person.

    Raises:
        NothingToErase: No app is tied to the person, or not this one.
        consent.errors.DelegationUnknown: Who acts for the person may not.
    """
    app = App.objects.filter(id=app_id).first() if app_id else None
    if app_id and app is None:
        raise NothingToErase
    subjects = Subject.objects.filter(user=user, retired_at=None).select_related("tenant")
    if app:
        subjects = subjects.filter(tenant=app.tenant_id)
    erasures = []
    for subject in subjects.order_by("id"):
        with transaction.atomic():
            actor = act_for.actor(user=user, by=by, now=now)
            made = _request(subject=subject, app=app, reference=None, actor=actor, now=now)
        if made:
            erasures.append(made)
    if not erasures:
        raise NothingToErase
    return erasures


def by_app(*, app: App, subject_ref: str, now: datetime) -> Erasure:
    """Erase what the app has of its user. Asking again finds the same request while it is under way, and until its certificate goes.

    Raises:
        NothingToErase: The app's user is nobody known.
    """
    reference = Binding.reference_of(app, subject_ref)
    ties = Binding.objects.select_related("subject__tenant").filter(app=app, reference=reference)
    tie = ties.filter(closed_at=None).first()
    made = tie and _request(subject=tie.subject, app=app, reference=reference, actor=f"app:{app.id}", now=now)
    known = Q(bindings__in=ties) | Q(app=app, reference=_asked_again(reference))
    under_way = made or Erasure.objects.filter(known).order_by("-requested_at").first()
    if under_way is None:
        raise NothingToErase
    return under_way


def _asked_again(reference: bytes) -> bytes:
    """Return what stands for the app's user in the request itself: not the bytes that ties and questions held."""
    return hmac.digest(reference_key(), b"erasure" + reference, "sha256")


def _request(
    *, subject: Subject, app: App | None, reference: bytes | None, actor: str, now: datetime
) -> Erasure | None:
    with transaction.atomic():
        bindings = release(subject=subject, app=app, reference=reference, actor=actor, now=now)
        if not bindings:
            return None
        erasure = Erasure.objects.create(
            subject=subject,
            user=subject.user,
            app=app,
            reference=_asked_again(reference) if reference else None,
            asked_by=actor,
            requested_at=now,
            due_at=now + DUE_WITHIN,
            acks_due_at=now + ACKNOWLEDGE_WITHIN,
        )
        erasure.bindings.set(bindings)
        wake("retention.sweep")
        wake("retention.pursue")
        enter(
            subject=subject,
            kind="erasure.requested",
            actor=actor,
            payload={
                "erasure": str(erasure.id),
                "apps": sorted({str(binding.app_id) for binding in bindings}),
                "due_at": erasure.due_at.isoformat(),
            },
            now=now,
        )
    return erasure
