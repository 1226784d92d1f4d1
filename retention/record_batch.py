"""Record many things that were made of voices, in one transaction, each with a verdict of its own.

Locks first, in the order of the grants' ids. Then what is known of sessions, sources and policies is read at once, each record is judged
in its turn, and artifacts and entries are written together, the entries last. A record that cannot be taken drops no other: its verdict
says why. A crash leaves all or nothing.

What an app made is a fact, and facts are never dropped: after the session's end it is entered as `use.late`, without permission as
`use.unpermitted` and with the duty to destroy it at once.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.models import App
from consent import lock
from consent.admit import judge, spend
from consent.enter import Fact, enter_for_grants
from consent.errors import ConsentError, SessionUnknown
from consent.models import Grant, Session
from consent.terms import SESSION_ENDED, Operation, Permit, Refusal, was_admitted
from hooks.wake import wake
from ledger.prepared import insert
from retention import lineage, waive_label
from retention.errors import LineageUnknown, RetentionError, SubjectTwice
from retention.levels import level_of
from retention.lineage import Room, Source
from retention.marks import Mark, Waiver
from retention.models import Artifact, Custody, Derivation, Kind, Place, Policy
from retention.policy import Life, Moments, Since, covers, deadline, latest, resolve, shortest
from retention.queries import policies_of, sources

_OPERATION = {
    Kind.UPLOAD: Operation.UPLOAD,
    Kind.EMBEDDING: Operation.EMBED,
    Kind.SYNTHESIS: Operation.SYNTHESIZE,
    Kind.MODEL: Operation.EMBED,
    Kind.FEATURES: Operation.EMBED,
    Kind.TRANSCRIPT: Operation.UPLOAD,
}
_ON_THE_WAY = {Kind.FEATURES, Kind.TRANSCRIPT}
"""What comes on the way to something else, and so takes no use of a consent for one."""
_ENTRY = {
    Artifact.Standing.PERMITTED: "artifact.recorded",
    Artifact.Standing.LATE: "use.late",
    Artifact.Standing.UNPERMITTED: "use.unpermitted",
}


@dataclass(frozen=True)
class Facts:
    """What an app says of what it made. Milliseconds, hertz, and the length of a vector."""

    duration_ms: int | None = None
    sample_rate: int | None = None
    dimensions: int | None = None
    model: str = ""
    mark: Mark | None = None
    feature: str = ""
    """Of what features are: `mfcc`."""
    embedded: bool = False
    """The vault's copy has a C2PA manifest that names the entry."""


@dataclass(frozen=True)
class Draft:
    """What an app made in one act, in one session, or in several of different people."""

    kind: Kind
    sessions: Sequence[uuid.UUID]
    custody: Custody
    facts: Facts
    derived_from: Collection[uuid.UUID] = ()
    media: Collection[str] = ()
    """What it shows, where its sources do not say all."""
    ttl: timedelta | None = None
    ids: Sequence[uuid.UUID] = ()
    """Of the artifacts to be, where the vault holds their bytes already; one for each session."""
    refs: Sequence[uuid.UUID] = ()
    """Of the entries to be, where those bytes name them."""
    places: Collection[bytes] = ()
    """Where the voice host keeps it: `retention.models.Place`."""


@dataclass(frozen=True)
class Recorded:
    """An artifact, the entry that says so, what it was made from, and the key that seals what is kept about it."""

    artifact: Artifact
    entry: uuid.UUID
    holder: str
    sources: Sequence[uuid.UUID] = ()


@dataclass(frozen=True)
class Made:
    """What was recorded of one act: an artifact for each person. `refusal` says why it was not permitted, if it was not."""

    recorded: list[Recorded] = field(default_factory=list)
    refusal: Refusal | None = None


Verdict = Made | RetentionError | ConsentError


def record_all(*, app: App, drafts: Sequence[Draft], now: datetime) -> list[Verdict]:
    """Record them, and return a verdict on each: what was recorded, or the error for which it could not be.

    SessionUnknown: The app has no such session. SubjectTwice: Two sessions are about one person. LineageUnknown: A source is not this
    app's, or is of nobody whose session this is. NoPolicy: Nothing says how long such a thing may be kept, so it may not be.

    Raises:
        keyring.errors.KeyGone: A person's key is lost, and no erasure has taken it; nothing is written.
    """
    with transaction.atomic():
        known = Known.locked(app, drafts)
        judged: list[_Act | RetentionError | ConsentError] = []
        for draft in drafts:
            try:
                judged.append(_judge(draft, known, now))
            except (RetentionError, ConsentError) as refused:
                judged.append(refused)
        parts = [part for each in judged if isinstance(each, list) for part in each]
        entries = iter(_write(parts, app=app, now=now))
        return [_made(each, entries) if isinstance(each, list) else each for each in judged]


@dataclass(frozen=True)
class Known:
    """What some drafts are judged by."""

    sessions: dict[uuid.UUID, Session]
    sources: dict[uuid.UUID, Source]
    policies: list[Policy]
    lives: dict[tuple[object, ...], Life] = field(default_factory=dict)

    @classmethod
    def locked(cls, app: App, drafts: Sequence[Draft]) -> "Known":
        """Read it under the grants' locks."""
        ids = {session for draft in drafts for session in draft.sessions}
        return cls._of(app, drafts, lock.sessions_for_use(app=app, ids=ids))

    @classmethod
    def glimpsed(cls, app: App, drafts: Sequence[Draft]) -> "Known":
        """Read it without a lock: it decides nothing."""
        ids = {session for draft in drafts for session in draft.sessions}
        found = Session.objects.select_related("grant").filter(id__in=ids, app=app)
        return cls._of(app, drafts, {session.id: session for session in found})

    @classmethod
    def _of(cls, app: App, drafts: Sequence[Draft], sessions: dict[uuid.UUID, Session]) -> "Known":
        ids = {source for draft in drafts for source in draft.derived_from}
        policies = policies_of(app=app, kinds={draft.kind for draft in drafts})
        return cls(sessions, sources(app=app, ids=ids), policies)

    def sessions_of(self, draft: Draft) -> list[Session]:
        """Return the draft's sessions in the order of their grants."""
        found = [self.sessions[each] for each in set(draft.sessions) if each in self.sessions]
        if len(found) != len(set(draft.sessions)):
            raise SessionUnknown
        if len({session.grant.subject_id for session in found}) != len(draft.sessions):
            raise SubjectTwice
        return sorted(found, key=lambda session: session.grant_id)

    def sources_of(self, draft: Draft, sessions: Iterable[Session]) -> list[Source]:
        """Return what it was made from."""
        people = {session.grant.subject_id for session in sessions}
        found = [self.sources[each] for each in sorted(set(draft.derived_from)) if each in self.sources]
        if len(found) != len(set(draft.derived_from)) or not all(source.subject in people for source in found):
            raise LineageUnknown
        return found

    def life(self, draft: Draft, sessions: Iterable[Session], media: Iterable[str]) -> Life:
        """Return what holds for all of these people, and all that it shows: the shortest."""
        return shortest(self._life(draft, session.grant, medium) for session in sessions for medium in media)

    def _life(self, draft: Draft, grant: Grant, medium: str) -> Life:
        purpose, place = grant.purpose_id, grant.jurisdiction
        named = (draft.kind, draft.custody, purpose, place, medium, draft.ttl)
        if named not in self.lives:
            rules = [
                policy.rule()
                for policy in self.policies
                if policy.kind == draft.kind
                and policy.custody in {"", draft.custody}
                and policy.purpose_id in {None, purpose}
                and policy.medium in {"", medium}
                and covers(policy.residence, place)
            ]
            self.lives[named] = resolve(rules, asked=draft.ttl)
        return self.lives[named]


@dataclass(frozen=True)
class _Part:
    """What was made of one person, judged."""

    artifact: Artifact
    session: Session
    sources: list[uuid.UUID]
    refusal: Refusal | None
    entry: dict[str, Any]
    """What the entry says."""
    spent: bool
    ref: uuid.UUID | None = None
    waiver: Waiver | None = None
    apart: frozenset[uuid.UUID] = frozenset()
    """Of the sources those under another consent: it stays when they go."""
    places: frozenset[bytes] = frozenset()


_Act = list[_Part]
"""What was made of one draft: a part for each person."""


def _judge(draft: Draft, known: Known, now: datetime) -> _Act:
    sessions = known.sessions_of(draft)
    made_from = known.sources_of(draft, sessions)
    media = lineage.media_of(made_from, said=draft.media, scope=sessions[0].grant.scope)
    life = known.life(draft, sessions, media)
    operation = lineage.operation_of(_OPERATION[draft.kind], media)
    own = [[source for source in made_from if source.subject == each.grant.subject_id] for each in sessions]
    stands = [_stand(each, mine, media, operation, now) for each, mine in zip(sessions, own, strict=True)]
    kept_back = draft.custody == Custody.VAULT and any(refusal for refusal, _ in stands)
    must_go = kept_back or any(standing == Artifact.Standing.UNPERMITTED for _, standing in stands)
    fixed = now if must_go else max(now, latest(life, recorded=now, until=min(_end(draft, each) for each in sessions)))
    facts, act = draft.facts, uuid.uuid4()
    parts = []
    ids = draft.ids or [uuid7() for _ in sessions]
    refs: Sequence[uuid.UUID | None] = draft.refs or [None for _ in sessions]
    for session, mine, (refusal, standing), artifact_id, ref in zip(sessions, own, stands, ids, refs, strict=True):
        artifact = Artifact(  # by ids: to set the things themselves takes Django three times as long
            id=artifact_id,
            kind=draft.kind,
            media=sorted(media),
            custody=Custody.APP if kept_back else draft.custody,
            standing=standing,
            act=act,
            subject_id=session.grant.subject_id,
            app_id=session.app_id,
            grant_id=session.grant_id,
            session_id=session.id,
            recorded_at=now,
            **times(life, fixed=fixed, session=session, now=now),
            level=level_of(kind=draft.kind, use_class=session.grant.purpose.use_class),
            duration_ms=facts.duration_ms,
            sample_rate=facts.sample_rate,
            dimensions=facts.dimensions,
            marking=facts.mark.kind if facts.mark else "",
            audible_label=facts.mark.audible_label if facts.mark else "",
        )
        sources_of_it = [source.id for source in mine]
        permitted = standing != Artifact.Standing.UNPERMITTED
        parts.append(
            _Part(
                artifact,
                session,
                sources_of_it,
                refusal,
                said(artifact, sources_of_it, facts, refusal),
                permitted and draft.kind not in _ON_THE_WAY and spend(session=session, operation=operation),
                ref,
                facts.mark.waiver if facts.mark else None,
                frozenset(source.id for source in mine if source.grant not in {None, session.grant_id}),
                frozenset(draft.places),
            )
        )
    return parts


def times(life: Life, *, fixed: datetime, session: Session, now: datetime) -> dict[str, Any]:
    """Return an artifact's deadline as it is known now, and what may yet move it."""
    binding = session.grant.binding
    moments = Moments(fixed, session.closed_at or session.expires_at, binding.last_interaction_at or binding.bound_at)
    return {
        "expires_at": max(now, deadline(life, moments)),
        "latest_at": fixed,
        "after_processing": life.ttls.get(Since.PROCESSED),
        "after_session": life.ttls.get(Since.SESSION),
        "after_interaction": life.ttls.get(Since.INTERACTION),
        "after_purpose": life.ttls.get(Since.PURPOSE),
    }


def _made(act: _Act, entries: Iterator[uuid.UUID]) -> Made:
    """Return what was recorded, with as many of the entries as it has parts."""
    recorded = [
        Recorded(part.artifact, next(entries), part.session.grant.binding.key_name, part.sources) for part in act
    ]
    refusals = sorted((part.refusal for part in act if part.refusal), key=lambda refusal: refusal == SESSION_ENDED)
    return Made(recorded, next(iter(refusals), None))


def _stand(
    session: Session, own: Collection[Source], media: Collection[str], operation: Operation, now: datetime
) -> tuple[Refusal | None, Artifact.Standing]:
    """Return why it was not permitted in this session, if it was not, and what that makes of it."""
    room = Room(session.id, session.operations, session.combines, session.grant.purpose.strength)
    if objection := lineage.objection(own, media=media, room=room):
        return objection, Artifact.Standing.UNPERMITTED
    decision = judge(session=session, operation=operation, about=media, now=now)
    if isinstance(decision, Permit):
        return None, Artifact.Standing.PERMITTED
    over = not session.is_live(now) and session.grant.binding.closed_at is None
    late = over and was_admitted(
        session.grant.facts(),
        session_operations=session.operations,
        spent=session.spent,
        operation=operation,
        about=media,
        now=now,
    )
    return decision, Artifact.Standing.LATE if late else Artifact.Standing.UNPERMITTED


def _end(draft: Draft, session: Session) -> datetime:
    """Return until when it may live at most: what was never stored, as long as the session it was needed in."""
    return session.expires_at if draft.custody == Custody.NONE else session.grant.valid_until


def _write(parts: Sequence[_Part], *, app: App, now: datetime) -> list[uuid.UUID]:
    """Write artifacts, sources and spent uses, then the entries; return these."""
    if not parts:
        return []
    derived = [
        {
            "parent_id": source,
            "child_id": part.artifact.id,
            "policy": (Derivation.Policy.DETACH if source in part.apart else Derivation.Policy.CASCADE).value,
        }
        for part in parts
        for source in part.sources
    ]
    insert(Derivation, derived)
    insert(
        Place,
        [{"artifact_id": part.artifact.id, "mark": mark, "told_at": now} for part in parts for mark in part.places],
    )
    for session in {part.session.id: part.session for part in parts if part.spent}.values():
        session.save(update_fields=["spent"])
    if any(part.artifact.expires_at <= now for part in parts):
        wake("retention.sweep")
    facts = [
        Fact(part.session.grant, _ENTRY[Artifact.Standing(part.artifact.standing)], part.entry, part.ref)
        for part in parts
    ]
    waived = [
        Fact(part.session.grant, waive_label.KIND, waive_label.said_of(part.waiver, artifact=part.artifact, now=now))
        for part in parts
        if part.waiver
    ]
    entries = enter_for_grants(
        facts=[*facts, *waived], actor=f"app:{app.id}", now=now, beside=[part.artifact for part in parts]
    )
    return entries[: len(facts)]


def said(artifact: Artifact, made_from: Collection[uuid.UUID], facts: Facts, refusal: Refusal | None) -> dict[str, Any]:
    """Return what the entry about a record says, besides its grant's ids."""
    payload: dict[str, Any] = {
        **artifact.record(),
        "act": str(artifact.act),
        "media": artifact.media,
        "custody": artifact.custody,
        "derived_from": [str(source) for source in made_from],
        "expires_at": artifact.expires_at.isoformat(),
        "duration_ms": artifact.duration_ms,
        "sample_rate": artifact.sample_rate,
        "dimensions": artifact.dimensions,
        "level": artifact.level,
        "feature": facts.feature or None,
        "model": facts.model or None,
        "mark": facts.mark.record() if facts.mark else None,
        "embedded": (facts.embedded and artifact.custody == Custody.VAULT) or None,
        "reason": refusal.reason if refusal else None,
    }
    return {name: value for name, value in payload.items() if value is not None}
