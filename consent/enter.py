"""Enter a fact about a subject, or about no person, into the tenant's log.

Last in the caller's transaction, as `ledger.append` demands. The subject's tag, salt and mark come from the keys the service holds for
them, or from their wallet's marking key once it has claimed (zkp.tag), fresh for every entry: nobody else can tell which entries belong
together.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Model

from accounts.models import Tenant, User
from consent.models import Binding, ConsentRequest, Grant, Subject
from keyring.errors import KeyGone
from keyring.keys import store
from ledger.append import About, Said, append, append_many
from ledger.enter_heads import HOLDER, open_platform_log
from zkp.tag import day_tag_of, derive, mark, subject_salt

_EVIDENCE = ("consent.", "erasure.", "delegation.", "label.")


@dataclass(frozen=True, slots=True)
class Marking:
    """What it takes to mark an entry: the person's public key P and marking key k_u; never s."""

    public_key: bytes
    k_u: bytes = field(repr=False)


def enter(  # noqa: PLR0913
    *,
    subject: Subject,
    kind: str,
    actor: str,
    payload: Mapping[str, Any],
    now: datetime,
    ref: uuid.UUID | None = None,
) -> uuid.UUID:
    """Append an entry about `subject`; `ref`: of the entry to be, where something names it already.

    Consent, erasure, who may act for the person and what became of labels are sealed under the person's evidence key, for they must be
    provable after the voice is gone (GDPR 7(1)); all else under the subject's own.
    """
    marking = _marking(subject)
    return append(
        origin=subject.tenant.origin,
        kind=kind,
        actor=actor,
        payload=payload,
        holder=subject.evidence_name if kind.startswith(_EVIDENCE) else subject.key_name,
        now=now,
        about=_about(ref or uuid.uuid4(), marking, _tag(marking, now)),
    )


@dataclass(frozen=True)
class Fact:
    """What happened under a grant."""

    grant: Grant
    kind: str
    payload: Mapping[str, Any]
    ref: uuid.UUID | None = None
    """Of the entry to be, where something names it already."""

    @property
    def holder(self) -> str:
        """The key that seals what is said of it."""
        evident = self.kind.startswith(_EVIDENCE)
        return self.grant.subject.evidence_name if evident else self.grant.binding.key_name


def enter_for_grant(  # noqa: PLR0913
    *,
    grant: Grant,
    kind: str,
    actor: str,
    payload: Mapping[str, Any],
    now: datetime,
    beside: Model | None = None,
) -> uuid.UUID:
    """Append an entry about what happened under a grant: its ids come with it, and the app's tie to the person seals it.

    `beside`: a new row that comes to be with it.

    What is told of a person who has been forgotten, or is being forgotten at this moment, is entered about no person: nobody can say any
    more who it was.

    Raises:
        keyring.errors.KeyGone: A key is lost, and no erasure has taken it.
    """
    rows = [] if beside is None else [beside]
    [ref] = enter_for_grants(facts=[Fact(grant, kind, payload)], actor=actor, now=now, beside=rows)
    return ref


def enter_for_grants(
    *, facts: Sequence[Fact], actor: str, now: datetime, beside: Sequence[Model] = ()
) -> list[uuid.UUID]:
    """Append many entries at once, each as `enter_for_grant` does; the grants are of one tenant. `beside`: new rows of one table.

    Raises:
        keyring.errors.KeyGone: A key is lost, and no erasure has taken it; nothing is written.
    """
    origin = facts[0].grant.subject.tenant.origin
    try:
        return append_many(origin=origin, entries=_said(facts, actor, now), now=now, beside=beside)
    except KeyGone:
        forgotten = {fact.holder for fact in facts if _is_forgotten(fact)}
        entries = _said(facts, actor, now, forgotten)
        return append_many(origin=origin, entries=entries, now=now, beside=beside)


def _said(facts: Sequence[Fact], actor: str, now: datetime, forgotten: Collection[str] = ()) -> list[Said]:
    known: dict[uuid.UUID, tuple[Marking, bytes]] = {}
    entries = []
    for fact in facts:
        grant = fact.grant
        payload = {**grant.record(), **fact.payload}
        if fact.holder in forgotten:
            entries.append(Said(fact.kind, actor, payload, grant.subject.tenant.key_name))
            continue
        if grant.subject_id not in known:
            marking = _marking(grant.subject)
            known[grant.subject_id] = marking, _tag(marking, now)
        entries.append(
            Said(fact.kind, actor, payload, fact.holder, _about(fact.ref or uuid.uuid4(), *known[grant.subject_id]))
        )
    return entries


def _is_forgotten(fact: Fact) -> bool:
    """Say whether the keys are gone, and whom they are of has been forgotten.

    Raises:
        keyring.errors.KeyGone: They are gone and no erasure has taken them.
    """
    try:
        _marking(fact.grant.subject)
        store().get(fact.holder)
    except KeyGone:
        # Asked anew: the row in hand may be from before the erasure.
        if not Binding.objects.filter(id=fact.grant.binding_id, closed_at__isnull=False).exists():
            raise
        return True
    return False


def enter_for_tenant(*, tenant: Tenant, kind: str, actor: str, payload: Mapping[str, Any], now: datetime) -> uuid.UUID:
    """Append an entry about no person."""
    return append(origin=tenant.origin, kind=kind, actor=actor, payload=payload, holder=tenant.key_name, now=now)


def enter_for_platform(*, kind: str, actor: str, payload: Mapping[str, Any], now: datetime) -> uuid.UUID:
    """Append an entry about the service itself, which is no tenant's, to the platform's log; its caller has seen that there is one."""
    return append(origin=settings.PLATFORM_ORIGIN, kind=kind, actor=actor, payload=payload, holder=HOLDER, now=now)


def enter_for_person(*, user: User, kind: str, actor: str, payload: Mapping[str, Any], now: datetime) -> None:
    """Append an entry about somebody to each log that knows them; where none does, one about no person to the platform's."""
    subjects = list(Subject.objects.select_related("tenant").filter(user=user, retired_at=None).order_by("id"))
    for subject in subjects:
        enter(subject=subject, kind=kind, actor=actor, payload=payload, now=now)
    if not subjects:
        open_platform_log(now=now)
        enter_for_platform(kind=kind, actor=actor, payload=payload, now=now)


def enter_request(*, request: ConsentRequest, kind: str, actor: str, now: datetime) -> uuid.UUID:
    """Append an entry about a consent request: about the person its app's user is tied to, or about no person while there is none."""
    payload = {
        "request": str(request.id),
        "app": str(request.app_id),
        "purpose": request.purpose_id,
        "operations": request.operations,
    }
    bindings = Binding.objects.select_related("subject__tenant").filter(app=request.app_id, closed_at=None)
    binding = bindings.filter(reference=request.reference).first() if request.reference else None
    if binding:
        return enter(subject=binding.subject, kind=kind, actor=actor, payload=payload, now=now)
    return enter_for_tenant(tenant=request.app.tenant, kind=kind, actor=actor, payload=payload, now=now)


_tags: dict[date, dict[bytes, bytes]] = {}
"""Tags of the day by public key: each takes half a millisecond. In memory only, for this day, and of the last so many people."""
_MOST_TAGS = 10_000


def _tag(marking: Marking, now: datetime) -> bytes:
    day = now.astimezone(UTC).date()
    if day not in _tags or len(_tags[day]) >= _MOST_TAGS:
        _tags.clear()
    tags = _tags.setdefault(day, {})
    tag = tags.get(marking.public_key)
    if tag is None:
        tag = tags[marking.public_key] = day_tag_of(public_key=marking.public_key, k_u=marking.k_u, day=day)
    return tag


def _marking(subject: Subject) -> Marking:
    """Return what marks entries about the person now.

    Raises:
        KeyGone: It was destroyed.
    """
    try:
        return _marking_of(subject)
    except KeyGone:
        # The row in hand may be from before a wallet claimed, and the key that it names gone since.
        fresh = Subject.objects.select_related("tenant").filter(id=subject.id).exclude(wallet_name=subject.wallet_name)
        if not (found := fresh.first()):
            raise
        return _marking_of(found)


def _marking_of(subject: Subject) -> Marking:
    key = store().get(subject.marking_name)
    k_u = key if subject.wallet_name else derive(key, subject.tenant.origin).k_u
    return Marking(bytes(subject.public_key), k_u)


def _about(ref: uuid.UUID, marking: Marking, tag: bytes) -> About:
    return About(ref=ref, tag=tag, salt=subject_salt(marking.k_u, ref), mark=mark(marking.k_u, ref))
