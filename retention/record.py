"""Record what was made of a voice.

Order where the vault takes bytes: look whether the sessions admit it (cheap, decides nothing); key stored and synced; bytes sealed and
synced; then one transaction that decides under the grants' locks, writes the artifacts with their deadline and appends the entries. Before
that commit a crash leaves a key and noise without a row, which `retention.sweep` destroys; after it, a recorded artifact.

What an app made elsewhere is a fact, and facts are never dropped: after the session's end it is entered as `use.late`, without permission
as `use.unpermitted` and with the duty to destroy it at once. Bytes are taken only in living sessions.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from uuid_utils.compat import uuid7

import vault.blobs
from accounts.models import App
from consent.admit import admit, judge, spend
from consent.enter import enter_for_grant
from consent.errors import SessionUnknown
from consent.models import Session
from consent.terms import SESSION_ENDED, Operation, Permit, Refusal, was_admitted
from hooks.wake import wake
from retention.audio import Audio, inspect
from retention.errors import LineageUnknown, SubjectTwice
from retention.marks import Mark
from retention.models import Artifact, Custody, Derivation, Kind
from retention.policy import Rule, resolve
from retention.queries import rules_for

_OPERATION = {Kind.UPLOAD: Operation.UPLOAD, Kind.EMBEDDING: Operation.EMBED, Kind.SYNTHESIS: Operation.SYNTHESIZE}
_ENTRY = {
    Artifact.Standing.PERMITTED: "artifact.recorded",
    Artifact.Standing.LATE: "use.late",
    Artifact.Standing.UNPERMITTED: "use.unpermitted",
}


@dataclass(frozen=True)
class Recorded:
    """An artifact and the entry that says so."""

    artifact: Artifact
    entry: uuid.UUID


@dataclass(frozen=True)
class Facts:
    """What an app says of what it made. Milliseconds, hertz, and the length of a vector."""

    duration_ms: int | None = None
    sample_rate: int | None = None
    dimensions: int | None = None
    model: str = ""
    mark: Mark | None = None


@dataclass(frozen=True)
class Made:
    """What was recorded of one act: an artifact for each person. `refusal` says why it was not permitted, if it was not."""

    recorded: list[Recorded] = field(default_factory=list)
    refusal: Refusal | None = None
    bytes_taken: bool = False


def upload(*, app: App, session_id: uuid.UUID, data: bytes, ttl: timedelta | None, now: datetime) -> Recorded | Refusal:
    """Take a recording into the vault, for the policy's time or the shorter `ttl`.

    Raises:
        SessionUnknown: The app has no such session.
        AudioRefused: The audio may not be taken; nothing is written.
        NoPolicy: No policy covers uploads.
    """
    session = _sessions(app=app, ids=[session_id])[0]
    rule = _rule(kind=Kind.UPLOAD, custody=Custody.VAULT, sessions=[session], ttl=ttl)
    audio = inspect(data, longest_seconds=rule.longest_seconds, lowest_rate=rule.lowest_rate)
    if not session.is_live(now):
        with transaction.atomic():
            refused = admit(app=app, session_id=session_id, operation=Operation.UPLOAD, now=now)
        if isinstance(refused, Refusal):
            return refused
    artifact_id = uuid7()
    vault.blobs.put(blob=artifact_id, data=data, now=now)
    # An error here can hide a commit that happened: what it leaves is the sweep's, which asks the database.
    outcome = _upload(app=app, session_id=session_id, artifact_id=artifact_id, audio=audio, ttl=rule.ttl, now=now)
    if isinstance(outcome, Refusal):
        _take_back([artifact_id])
    return outcome


def _upload(  # noqa: PLR0913
    *, app: App, session_id: uuid.UUID, artifact_id: uuid.UUID, audio: Audio, ttl: timedelta, now: datetime
) -> Recorded | Refusal:
    with transaction.atomic():
        admitted = admit(app=app, session_id=session_id, operation=Operation.UPLOAD, now=now)
        if isinstance(admitted, Refusal):
            return admitted
        artifact = Artifact(
            id=artifact_id,
            kind=Kind.UPLOAD,
            custody=Custody.VAULT,
            recorded_at=now,
            expires_at=min(now + ttl, admitted.grant.valid_until),
            duration_ms=audio.duration_ms,
            sample_rate=audio.sample_rate,
        )
        return _write(artifact, session=admitted, parents=[], facts=Facts(), refusal=None)


def made(  # noqa: PLR0913
    *,
    app: App,
    kind: Kind,
    session_ids: Sequence[uuid.UUID],
    custody: Custody,
    derived_from: Collection[uuid.UUID],
    facts: Facts,
    data: bytes | None,
    ttl: timedelta | None,
    now: datetime,
) -> Made:
    """Record an embedding or a synthesis made in one session, or in several of different people.

    With custody `vault`, `data` is taken if every session admits it; if not, the fact is entered, the bytes stay with the app, and it has
    to destroy them.

    Raises:
        SessionUnknown: The app has no such session.
        SubjectTwice: Two sessions are about one person.
        LineageUnknown: A source is not this app's, or is of nobody whose session this is.
        AudioRefused: Synthetic speech for the vault that is not audio, or too long.
        NoPolicy: Nothing says how long such a thing may be kept, so it may not be.
    """
    sessions = _sessions(app=app, ids=session_ids)
    parents = _parents(app=app, sessions=sessions, ids=derived_from)
    rule = _rule(kind=kind, custody=custody, sessions=sessions, ttl=ttl)
    if data is not None and kind == Kind.SYNTHESIS:
        audio = inspect(data, longest_seconds=rule.longest_seconds, lowest_rate=rule.lowest_rate)
        facts = Facts(audio.duration_ms, audio.sample_rate, facts.dimensions, facts.model, facts.mark)
    ids, act = [uuid7() for _ in sessions], uuid.uuid4()
    taken = data is not None and all(session.is_live(now) for session in sessions)
    if taken and data is not None:
        for artifact_id in ids:
            vault.blobs.put(blob=artifact_id, data=data, now=now)
    outcome = _made(
        app=app,
        sessions=sessions,
        drafts=[
            Artifact(
                id=artifact_id,
                kind=kind,
                custody=custody,
                act=act,
                recorded_at=now,
                expires_at=now + rule.ttl,
                duration_ms=facts.duration_ms,
                sample_rate=facts.sample_rate,
                dimensions=facts.dimensions,
                marking=facts.mark.kind if facts.mark else "",
                audible_label=facts.mark.audible_label if facts.mark else "",
            )
            for artifact_id in ids
        ],
        parents=parents,
        facts=facts,
        now=now,
    )
    if taken and not outcome.bytes_taken:
        _take_back(ids)
    return outcome


def _made(  # noqa: PLR0913
    *,
    app: App,
    sessions: Sequence[Session],
    drafts: Sequence[Artifact],
    parents: Collection[Artifact],
    facts: Facts,
    now: datetime,
) -> Made:
    operation = _OPERATION[Kind(drafts[0].kind)]
    with transaction.atomic():
        judged = [judge(app=app, session_id=session.id, operation=operation, now=now) for session in sessions]
        refusals = [decision for _, decision in judged if isinstance(decision, Refusal)]
        refusal = next(iter(sorted(refusals, key=lambda found: found == SESSION_ENDED)), None)
        standings = [_standing(session, decision, operation, now) for session, decision in judged]
        must_go = Artifact.Standing.UNPERMITTED in standings
        in_vault = drafts[0].custody == Custody.VAULT
        custody = Custody.APP if in_vault and refusal else drafts[0].custody
        must_go = must_go or custody != drafts[0].custody
        until = min(_until(draft, session) for draft, (session, _) in zip(drafts, judged, strict=True))
        recorded = []
        for draft, standing, (session, decision) in zip(drafts, standings, judged, strict=True):
            draft.custody = custody
            draft.standing = standing
            draft.expires_at = now if must_go else max(until, now)
            if standing != Artifact.Standing.UNPERMITTED:
                spend(session=session, operation=operation)
            own = [parent for parent in parents if parent.subject_id == session.grant.subject_id]
            recorded.append(
                _write(
                    draft,
                    session=session,
                    parents=own,
                    facts=facts,
                    refusal=decision if isinstance(decision, Refusal) else None,
                )
            )
        if must_go:
            wake("retention.sweep")
    return Made(recorded, refusal, in_vault and refusal is None)


def _standing(session: Session, decision: Permit | Refusal, operation: str, now: datetime) -> Artifact.Standing:
    if isinstance(decision, Permit):
        return Artifact.Standing.PERMITTED
    over = not session.is_live(now) and session.grant.binding.closed_at is None
    late = over and was_admitted(
        session.grant.facts(),
        session_operations=session.operations,
        spent=session.spent,
        operation=operation,
        now=now,
    )
    return Artifact.Standing.LATE if late else Artifact.Standing.UNPERMITTED


def _until(draft: Artifact, session: Session) -> datetime:
    """Return until when it may live: what was never stored, as long as the session it was needed in."""
    end = session.expires_at if draft.custody == Custody.NONE else session.grant.valid_until
    return min(draft.expires_at, end)


def _write(
    artifact: Artifact, *, session: Session, parents: Collection[Artifact], facts: Facts, refusal: Refusal | None
) -> Recorded:
    grant = session.grant
    artifact.subject, artifact.app, artifact.grant, artifact.session = grant.subject, grant.app, grant, session
    artifact.save(force_insert=True)
    Derivation.objects.bulk_create(Derivation(parent=parent, child=artifact) for parent in parents)
    payload: dict[str, Any] = {
        **artifact.record(),
        "act": str(artifact.act),
        "custody": artifact.custody,
        "derived_from": sorted(str(parent.id) for parent in parents),
        "expires_at": artifact.expires_at.isoformat(),
        "duration_ms": artifact.duration_ms,
        "sample_rate": artifact.sample_rate,
        "dimensions": artifact.dimensions,
        "model": facts.model or None,
        "mark": facts.mark.record() if facts.mark else None,
        "reason": refusal.reason if refusal else None,
    }
    entry = enter_for_grant(
        grant=grant,
        kind=_ENTRY[Artifact.Standing(artifact.standing)],
        actor=f"app:{grant.app_id}",
        payload={name: value for name, value in payload.items() if value is not None},
        now=artifact.recorded_at,
    )
    return Recorded(artifact, entry)


def _sessions(*, app: App, ids: Sequence[uuid.UUID]) -> list[Session]:
    """Return the sessions in the order of their grants, in which their locks are taken."""
    found = Session.objects.select_related("grant").filter(id__in=ids, app=app)
    sessions = sorted(found, key=lambda session: session.grant_id)
    if len(sessions) != len(set(ids)):
        raise SessionUnknown
    if len({session.grant.subject_id for session in sessions}) != len(ids):
        raise SubjectTwice
    return sessions


def _parents(*, app: App, sessions: Collection[Session], ids: Collection[uuid.UUID]) -> list[Artifact]:
    subjects = {session.grant.subject_id for session in sessions}
    parents = list(Artifact.objects.filter(id__in=ids, app=app, subject__in=subjects))
    if len(parents) != len(set(ids)):
        raise LineageUnknown
    return parents


def _rule(*, kind: Kind, custody: Custody, sessions: Collection[Session], ttl: timedelta | None) -> Rule:
    """Return what holds for all of these people: the shortest."""
    rules = [
        resolve(rules_for(kind=kind, custody=custody, purpose=session.grant.purpose_id, app=session.app_id), asked=ttl)
        for session in sessions
    ]
    return min(rules, key=lambda rule: rule.ttl)


def _take_back(ids: Sequence[uuid.UUID]) -> None:
    vault.blobs.delete(blobs=ids)  # before the key, by which the sweep finds what a crash leaves
    vault.blobs.shred(blobs=ids)
