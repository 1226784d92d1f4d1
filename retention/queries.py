"""What the verbs, the portal and the admin read of artifacts and erasures."""

import base64
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet

from accounts.models import App, User
from consent.machine import ERASING
from consent.models import Delegation, Statement
from hooks.queries import deliveries_of
from keyring.keys import store
from ledger.prepared import run
from retention.lineage import Source
from retention.models import Artifact, Custody, Disclosure, Erasure, Export, Hold, Kind, Policy, Processor
from vault.blobs import Kind as Stored

_NAMES = [field.attname for field in Policy._meta.concrete_fields]  # noqa: SLF001
LATE = timedelta(minutes=1)
"""What goes later than so long after its deadline goes too late."""
_GONE = Q(state=Artifact.State.ERASED)


def due(*, now: datetime) -> QuerySet[Artifact]:
    """Return what must go, shortest deadline first; what is known to be held is left out, and what waits to be tried again.

    Whatever ends a life earlier has set the deadline: `retention.follow`.
    """
    past = Artifact.objects.filter(_free(now), state__in=Artifact.LIVING, is_held=False, expires_at__lte=now)
    return past.order_by("expires_at")


def next_deadline(*, now: datetime) -> datetime | None:
    """Return when the next thing is due, or None while nothing lives that is not held, or waits to be tried again."""
    living = Artifact.objects.filter(_free(now), state__in=Artifact.LIVING, is_held=False)
    here, there = living.filter(custody=Custody.VAULT), living.exclude(custody=Custody.VAULT)
    # One index each: PostgreSQL reads the first row of both.
    times = [each.order_by("expires_at").values_list("expires_at", flat=True).first() for each in (here, there)]
    return min((at for at in times if at), default=None)


def unfinished(*, now: datetime) -> QuerySet[Artifact]:
    """Return what is on its way out of the vault and nobody is at work on: its key or its bytes may still be there."""
    on_its_way = Artifact.objects.filter(_free(now), custody=Custody.VAULT, state__in=Artifact.ON_ITS_WAY)
    return on_its_way.order_by("retry_at")


def _free(now: datetime) -> Q:
    return Q(retry_at=None) | Q(retry_at__lte=now)


def overlooked(*, now: datetime) -> QuerySet[Artifact]:
    """Return what should be due and is not: whose consent, tie or session has ended. It reads everything that lives."""
    session_over = Q(custody=Custody.NONE, session__closed_at__isnull=False)
    taken_back = Q(grant__state__in=ERASING) | Q(grant__binding__closed_at__isnull=False)
    living = Artifact.objects.filter(state__in=Artifact.LIVING, expires_at__gt=now)
    return living.filter(taken_back | session_over)


ILLINOIS = frozenset({"US-IL", "US"})
"""Who lives there, or may."""


def holds_on(artifact_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Hold]]:
    """Return which of these artifacts a legal hold keeps, and which holds those are, oldest first; the others are absent.

    What shows somebody of Illinois is kept by a warrant or a subpoena alone (740 ILCS 14/15(a)).
    """
    holds = list(Hold.objects.filter(released_at=None).order_by("placed_at", "id"))
    if not holds or not artifact_ids:
        return {}
    rows = Artifact.objects.filter(id__in=artifact_ids).values_list(
        "id", "subject_id", "app_id", "app__tenant_id", "grant__jurisdiction"
    )
    found: dict[uuid.UUID, list[Hold]] = {}
    for artifact, subject, app, tenant, lives_in in rows:
        mine = [
            hold
            for hold in holds
            if hold.tenant_id == tenant
            and hold.artifact_id in {None, artifact}
            and hold.subject_id in {None, subject}
            and hold.app_id in {None, app}
            and (hold.ground in Hold.COURTS or lives_in not in ILLINOIS)
        ]
        if mine:
            found[artifact] = mine
    return found


def in_scope(hold: Hold, states: Collection[str] = Artifact.LIVING) -> QuerySet[Artifact]:
    """Return what lives in the scope of a hold, whether or not it may keep it; or what is in other states there."""
    found = Artifact.objects.filter(state__in=states, app__tenant=hold.tenant_id)
    for name, value in (("id", hold.artifact_id), ("subject", hold.subject_id), ("app", hold.app_id)):
        if value is not None:
            found = found.filter(**{name: value})
    return found


def kept_by(hold: Hold) -> QuerySet[Artifact]:
    """Return what lives and a hold, which stands, keeps or will keep: as `holds_on` says it of each thing."""
    scope = in_scope(hold)
    return scope if hold.ground in Hold.COURTS else scope.exclude(grant__jurisdiction__in=ILLINOIS)


_POLICIES = f"SELECT {', '.join(_NAMES)} FROM retention_policy WHERE kind = ANY(%s) AND (app_id IS NULL OR app_id = %s)"  # noqa: S608


def policies_of(*, app: App, kinds: Collection[str]) -> list[Policy]:
    """Return the policies about such things that can apply to the app."""
    rows = run(_POLICIES, [[str(kind) for kind in kinds], app.id]).fetchall()
    return [Policy.from_db(connection.alias, _NAMES, row) for row in rows]


def sources(*, app: App, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Source]:
    """Return those of the app's artifacts as what something can be made from."""
    if not ids:
        return {}
    rows = Artifact.objects.filter(id__in=ids, app=app).values_list(
        "id",
        "subject_id",
        "session_id",
        "media",
        "standing",
        "grant__purpose__strength",
        "grant__state",
        "grant__binding__closed_at",
        "state",
        "grant_id",
    )
    return {
        row[0]: Source(
            id=row[0],
            subject=row[1],
            session=row[2],
            media=frozenset(row[3]),
            strength=row[5],
            permitted=row[4] != Artifact.Standing.UNPERMITTED,
            taken_back=row[6] in ERASING or row[7] is not None,
            restricted=row[8] == Artifact.State.RESTRICTED,
            grant=row[9],
        )
        for row in rows
    }


def artifacts_of(*, user: User) -> QuerySet[Artifact]:
    """Return the artifacts made of a person's voice, newest first, with what they were made from and what was made of them."""
    return (
        Artifact.objects.select_related("app", "grant__purpose")
        .prefetch_related("parents", "children")
        .filter(subject__user=user)
        .order_by("-recorded_at", "-id")
    )


def gone_in_time(artifact_id: uuid.UUID) -> bool | None:
    """Say whether the key of a thing that lay here was destroyed by its deadline; None where it lay elsewhere, lives, or is unknown."""
    gone = Artifact.objects.filter(id=artifact_id, custody=Custody.VAULT).first()
    if gone is None or gone.key_destroyed_at is None:
        return None
    return gone.key_destroyed_at <= gone.expires_at + LATE


def known(*, ids: Collection[uuid.UUID], kind: Stored = Stored.VOICE) -> set[uuid.UUID]:
    """Return of which of the ids a row says that their bytes may be there."""
    match kind:
        case Stored.VOICE | Stored.FACE | Stored.ARTIFACT:
            return set(Artifact.objects.filter(id__in=ids).exclude(_GONE).values_list("id", flat=True))
        case Stored.DOCUMENT:
            return set(Delegation.objects.filter(id__in=ids).exclude(document_type="").values_list("id", flat=True))
        case Stored.EXPORT:
            living = Export.objects.filter(state__in=[Export.State.MAKING, Export.State.READY], blob__in=ids)
            return {blob for blob in living.values_list("blob", flat=True) if blob}
        case Stored.STATEMENT:
            spoken = Statement.objects.filter(recording__in=ids).values_list("recording", flat=True)
            return {recording for recording in spoken if recording}


def scope_of(erasure: Erasure) -> QuerySet[Artifact]:
    """Return the artifacts that an erasure takes, unless a ground keeps them."""
    if erasure.scope == Erasure.Scope.CONSENT:
        return Artifact.objects.filter(grant__in=erasure.grants.all())
    return Artifact.objects.filter(grant__binding__in=erasure.bindings.all())


def disclosures_of(erasure: Erasure) -> QuerySet[Disclosure]:
    """Return to whom what an erasure takes was passed on."""
    return Disclosure.objects.select_related("processor__app").filter(artifact__in=scope_of(erasure))


def unconfirmed(erasure: Erasure) -> bool:
    """Say whether something that it took is still there, as far as anybody said: at an app, or where it was passed on."""
    kept = erasure.kept.exclude(artifact=None).values("artifact")
    taken = scope_of(erasure).exclude(id__in=kept)
    gone = [Disclosure.State.DONE, Disclosure.State.NOT_FOUND]
    passed_on = Disclosure.objects.filter(artifact__in=taken).exclude(state__in=gone)
    return taken.exclude(state=Artifact.State.ERASED).exists() or passed_on.exists()


@dataclass(frozen=True)
class Recipient:
    """A processor to whom something was passed on that an erasure takes; times are of the last such thing."""

    processor: uuid.UUID
    name: str
    app: uuid.UUID
    total: int
    gone: int
    answered: int
    refused: int
    asked_at: datetime | None
    answered_at: datetime | None
    overdue: bool
    by_letter: bool


def recipients_of(erasure: Erasure) -> list[Recipient]:
    """Return where each recipient stands (GDPR 19)."""
    states = Disclosure.State
    rows = (
        Disclosure.objects.filter(artifact__in=scope_of(erasure))
        .values("processor", "processor__name", "processor__app", "processor__endpoint")
        .annotate(
            total=Count("id"),
            gone=Count("id", filter=Q(state__in=[states.DONE, states.NOT_FOUND])),
            answered=Count("id", filter=Q(state__in=Disclosure.ANSWERED)),
            refused=Count("id", filter=Q(state=states.REFUSED)),
            late=Count("id", filter=Q(state=states.TIMED_OUT)),
            asked=Min("asked_at"),
            last=Max("answered_at"),
        )
        .order_by("processor__name", "processor")
    )
    return [
        Recipient(
            processor=row["processor"],
            name=row["processor__name"],
            app=row["processor__app"],
            total=row["total"],
            gone=row["gone"],
            answered=row["answered"],
            refused=row["refused"],
            asked_at=row["asked"],
            answered_at=row["last"] if row["answered"] == row["total"] else None,
            overdue=row["late"] > 0,
            by_letter=not row["processor__endpoint"],
        )
        for row in rows
    ]


def recipients_known(*, user: User) -> QuerySet[Disclosure]:
    """Return all that was passed on of a person, to whom and on what basis, newest first."""
    return (
        Disclosure.objects.select_related("processor__app", "artifact")
        .filter(artifact__subject__user=user)
        .order_by("-disclosed_at", "-id")
    )


def secret_of_processor(processor: Processor) -> str:
    """Return the processor's secret as Standard Webhooks writes it.

    Raises:
        keyring.errors.KeyGone: It was lost.
    """
    return "whsec_" + base64.b64encode(store().get(processor.key_name)).decode()


_ALONG = """
WITH RECURSIVE along (id) AS (
    SELECT unnest(%s::uuid[])
    UNION
    SELECT made.child_id FROM along JOIN retention_derivation AS made ON made.parent_id = along.id
    WHERE made.policy = 'cascade'
)
SELECT id FROM along
"""


def taken_along(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return these artifacts and all that was made from them and goes with them: what an edge detaches stays, with what was made of it."""
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_ALONG, [list(ids)])
        return {found for (found,) in cursor.fetchall()}


def erasures_of(*, user: User) -> QuerySet[Erasure]:
    """Return the erasures a person asked for or that were asked for them, newest first."""
    return (
        Erasure.objects.select_related("app", "subject__tenant")
        .defer("sealed")
        .filter(user=user)
        .order_by("-requested_at")
    )


@dataclass(frozen=True)
class Holder:
    """Who holds, or held, something that an erasure takes; times are of the last such thing."""

    app: App
    custody: str
    """`vault`: this service, for the app; `app`: the app itself; `none`: nobody."""
    total: int
    gone: int
    asked_at: datetime | None
    delivered_at: datetime | None
    """When the app took the word; None while it has not, or has no hook."""
    delivery_failed: bool
    """Every try has failed."""
    acknowledged_at: datetime | None
    """When all of it was gone; None before."""
    overdue: bool


def holders_of(erasure: Erasure) -> list[Holder]:
    """Return where each holder stands."""
    scope = scope_of(erasure)
    rows = (
        scope.values("app", "custody")
        .annotate(
            total=Count("id"), gone=Count("id", filter=_GONE), asked=Min("erase_requested_at"), last=Max("erased_at")
        )
        .order_by("custody", "app")
    )
    apps = App.objects.in_bulk([row["app"] for row in rows])
    asked = scope.exclude(erase_event=None).values_list("erase_event", "app")
    events = {event: app for event, app in asked if event is not None}
    sent = deliveries_of(events=events)
    holders = []
    for row in rows:
        mine = [
            delivery
            for event, found in sent.items()
            if events[event] == row["app"] and row["custody"] == Custody.APP
            for delivery in found
        ]
        times = [delivery.delivered_at for delivery in mine if delivery.delivered_at]
        done = row["gone"] == row["total"]
        holders.append(
            Holder(
                app=apps[row["app"]],
                custody=row["custody"],
                total=row["total"],
                gone=row["gone"],
                asked_at=row["asked"],
                delivered_at=max(times, default=None),
                delivery_failed=bool(mine) and all(delivery.state == "dead" for delivery in mine),
                acknowledged_at=row["last"] if done else None,
                overdue=not done and erasure.escalated_at is not None and row["custody"] == Custody.APP,
            )
        )
    return holders


def syntheses_of(*, app_id: uuid.UUID, since: datetime, upto: datetime, most: int) -> list[datetime]:
    """Return when the app recorded synthetic speech, after `since` and until `upto`, each act once; the oldest come first."""
    made = Artifact.objects.filter(app=app_id, kind=Kind.SYNTHESIS, recorded_at__gt=since, recorded_at__lte=upto)
    times = made.values("act").annotate(at=Min("recorded_at")).order_by("at").values_list("at", flat=True)
    return list(times[:most])
