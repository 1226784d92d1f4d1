"""Ask to be erased: withdraw first, always; the rest follows by itself.

Who has just shown that it is them, or an app that names its own user, is answered in one transaction: the ties closed, every grant under
them withdrawn, the request, entry `erasure.requested`. A crash before the commit leaves nothing. From the commit on nothing of it can be
used, and the sweep finds what has to go; `retention.pursue` sees it through.

Of whom it is not sure that they asked (GDPR 12(6)) nothing is destroyed: every use is paused at once, and the request waits until the person
has shown who they are (`retention.identify_erasure`) or takes it back.
"""

import hmac
import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import App, User
from consent import act_for, lock
from consent.enter import enter
from consent.machine import PERMITTING
from consent.machine import Event as Turn
from consent.models import Binding, Delegation, Grant, Subject
from consent.move import move as turn
from keyring.keys import reference_key
from retention.ask_holder import ACKNOWLEDGE_WITHIN
from retention.decide_erasure import decide, enter_decision, holds_something
from retention.erasure_clock import law_of
from retention.erasure_machine import UNDECIDED, Event, State, move
from retention.errors import NothingToErase
from retention.identify_erasure import due_of, identify
from retention.models import Erasure


def by_subject(
    *,
    user: User,
    app_id: uuid.UUID | None,
    now: datetime,
    by: Delegation | None = None,
    shown: str = "fresh_sign_in",
) -> list[Erasure]:
    """Erase what one app has of the person, or everything; return one request for each tenant's log. `by`: who acts for the person.

    `shown`: how it is known who asks (`fresh_sign_in`, `second_factor`); empty where it is not, and then the request waits for it. A request
    that waits already is returned instead of a second one.

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
            made = _request(subject=subject, app=app, reference=None, actor=actor, shown=shown, now=now)
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
    made = tie and _request(
        subject=tie.subject, app=app, reference=reference, actor=f"app:{app.id}", shown="app", now=now
    )
    known = Q(bindings__in=ties) | Q(app=app, reference=_asked_again(reference))
    past = Erasure.objects.filter(known).exclude(scope=Erasure.Scope.CONSENT).exclude(state__in=UNDECIDED)
    under_way = made or past.order_by("-requested_at").first()
    if under_way is None:
        raise NothingToErase
    return under_way


def new_erasure(*, subject: Subject, app: App | None, scope: str, actor: str, now: datetime) -> Erasure:
    """Return a request of that moment, not saved, its clock set by where the person lives."""
    erasure = Erasure(
        subject=subject,
        user=subject.user,
        app=app,
        scope=scope,
        asked_by=actor,
        law=law_of(subject.user.residence if subject.user else ""),
        requested_at=now,
        acks_due_at=now + ACKNOWLEDGE_WITHIN,
    )
    erasure.due_at = due_of(erasure)
    return erasure


def enter_request(*, erasure: Erasure, actor: str, apps: set[uuid.UUID], now: datetime) -> uuid.UUID:
    """Enter that it was asked for."""
    return enter(
        subject=erasure.subject,
        kind="erasure.requested",
        actor=actor,
        payload={
            "erasure": str(erasure.id),
            "scope": erasure.scope,
            "apps": sorted(str(app) for app in apps),
            "due_at": erasure.due_at.isoformat(),
            "identity": erasure.identified_by or "asked",
        },
        now=now,
    )


def _asked_again(reference: bytes) -> bytes:
    """Return what stands for the app's user in the request itself: not the bytes that ties and questions held."""
    return hmac.digest(reference_key(), b"erasure" + reference, "sha256")


def _request(  # noqa: PLR0913
    *, subject: Subject, app: App | None, reference: bytes | None, actor: str, shown: str, now: datetime
) -> Erasure | None:
    with transaction.atomic():
        Subject.objects.select_for_update(no_key=True).get(id=subject.id)
        waiting = Erasure.objects.filter(subject=subject, app=app, state=State.IDENTITY_PENDING).first()
        if waiting is not None and shown != "app":
            return identify(erasure_id=waiting.id, shown=shown, actor=actor, now=now) if shown else waiting
        ties = Binding.objects.filter(subject=subject, closed_at=None)
        if app:
            ties = ties.filter(app=app)
        if reference is not None:
            ties = ties.filter(reference=reference)
        apps = set(ties.values_list("app", flat=True))
        if not apps:
            return None
        scope = Erasure.Scope.APP if app else Erasure.Scope.EVERYTHING
        erasure = new_erasure(subject=subject, app=app, scope=scope, actor=actor, now=now)
        erasure.reference = _asked_again(reference) if reference else None
        if not shown:
            erasure.state = move(erasure.state, Event.DOUBT)
            erasure.identity_asked_at = now
            erasure.save()
            erasure.bindings.set(ties)
            _pause(ties, actor=actor, now=now)
        else:
            erasure.state = move(erasure.state, Event.STRONG_SESSION)
            erasure.identified_at, erasure.identified_by = now, shown
            erasure.save()
            decide(erasure=erasure, actor=actor, reference=reference, now=now)
        enter_request(erasure=erasure, actor=actor, apps=apps, now=now)
        if holds_something(erasure):
            enter_decision(erasure=erasure, now=now)
    return erasure


def _pause(ties: QuerySet[Binding], *, actor: str, now: datetime) -> None:
    """Stop every use without destroying anything."""
    standing = Grant.objects.filter(binding__in=ties, state__in=PERMITTING)
    for grant_id in standing.order_by("id").values_list("id", flat=True):
        grant = lock.for_ending(grant_id)
        if grant.state in PERMITTING:
            turn(grant=grant, event=Turn.PAUSE, reason=f"paused_by_{actor}", actor=actor, now=now)
