"""Record what was made of a voice or a portrait.

Order where the vault takes bytes: look whether the sessions admit it (cheap, decides nothing); key stored and synced; bytes sealed and
synced; then one transaction that decides under the grants' locks, writes the artifacts with their deadline and appends the entries. Before
that commit a crash leaves a key and noise without a row, which `retention.sweep` destroys; after it, a recorded artifact.

What an app made elsewhere is a fact and is never dropped (`retention.record_batch`). Bytes are taken only in living sessions.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from uuid_utils.compat import uuid7

import vault.blobs
from accounts.models import App
from consent.admit import admit
from consent.enter import enter_for_grant
from consent.terms import Operation, Refusal
from ledger.prepared import insert
from retention import audio, portrait
from retention.errors import AudioRefused
from retention.levels import level_of
from retention.lineage import media_of
from retention.lockers import locks_on
from retention.mark_clip import mark_clip
from retention.models import Artifact, Custody, Kind, Medium, Place, stored_as
from retention.policy import Life, latest
from retention.record_batch import Draft, Facts, Known, Made, Recorded, record_all, said, times

_NUMBER_BYTES: Final = 32
"""Of a number of an embedding, however it is written."""
_AROUND_BYTES: Final = 4_096
"""What a format puts around them."""


def upload(  # noqa: PLR0913
    *,
    app: App,
    session_id: uuid.UUID,
    data: bytes,
    ttl: timedelta | None,
    now: datetime,
    medium: Medium = Medium.VOICE,
    places: Collection[bytes] = (),
) -> Recorded | Refusal:
    """Take a recording or a portrait into the vault, for the policy's time or the shorter `ttl`. `places`: where the app has it meanwhile.

    Raises:
        SessionUnknown: The app has no such session.
        AudioRefused, PortraitRefused: It may not be taken; nothing is written.
        NoPolicy: No policy covers it.
    """
    draft = Draft(Kind.UPLOAD, [session_id], Custody.VAULT, Facts(), media=[medium], ttl=ttl, places=places)
    known = Known.glimpsed(app, [draft])
    [session] = known.sessions_of(draft)
    life = known.life(draft, [session], [medium])
    facts = Facts()
    if medium == Medium.PORTRAIT:
        portrait.inspect(data)
    else:
        heard = audio.inspect(data, longest_seconds=life.longest_seconds, lowest_rate=life.lowest_rate)
        facts = Facts(heard.duration_ms, heard.sample_rate)
    if not session.is_live(now):
        with transaction.atomic():
            refused = admit(app=app, session_id=session_id, operation=Operation.UPLOAD, about=[medium], now=now)
        if isinstance(refused, Refusal):
            return refused
    artifact_id = uuid7()
    lock = locks_on(subjects=[session.grant.subject_id]).get(session.grant.subject_id)
    vault.blobs.put(blob=artifact_id, data=data, kind=stored_as([medium]), now=now, locked_by=lock)
    # An error here can hide a commit that happened: what it leaves is the sweep's, which asks the database.
    outcome = _upload(app=app, draft=replace(draft, facts=facts, ids=[artifact_id]), life=life, now=now)
    if isinstance(outcome, Refusal):
        _take_back([artifact_id])
    return outcome


def _upload(*, app: App, draft: Draft, life: Life, now: datetime) -> Recorded | Refusal:
    [session_id], [artifact_id], [medium] = draft.sessions, draft.ids, draft.media
    with transaction.atomic():
        session = admit(app=app, session_id=session_id, operation=Operation.UPLOAD, about=[medium], now=now)
        if isinstance(session, Refusal):
            return session
        grant = session.grant
        artifact = Artifact.objects.create(
            id=artifact_id,
            kind=Kind.UPLOAD,
            media=[medium],
            custody=Custody.VAULT,
            subject=grant.subject,
            app=grant.app,
            grant=grant,
            session=session,
            recorded_at=now,
            **times(life, fixed=latest(life, recorded=now, until=grant.valid_until), session=session, now=now),
            level=level_of(kind=Kind.UPLOAD, use_class=grant.purpose.use_class),
            duration_ms=draft.facts.duration_ms,
            sample_rate=draft.facts.sample_rate,
        )
        insert(Place, [{"artifact_id": artifact_id, "mark": mark, "told_at": now} for mark in set(draft.places)])
        entry = enter_for_grant(
            grant=grant,
            kind="artifact.recorded",
            actor=f"app:{app.id}",
            payload=said(artifact, [], draft.facts, None),
            now=now,
        )
    return Recorded(artifact, entry, grant.binding.key_name)


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
    media: Collection[str] = (),
    places: Collection[bytes] = (),
) -> Made:
    """Record an embedding or a synthesis made in one session, or in several of different people.

    With custody `vault`, `data` is taken if every session admits it; if not, the fact is entered, the bytes stay with the app, and it has
    to destroy them. `media`: what it shows, where its sources do not say all. `places`: where the app has it.

    Raises:
        SessionUnknown, SubjectTwice, LineageUnknown, NoPolicy: It cannot be recorded; see `record_all`.
        AudioRefused: Synthetic speech for the vault that is not audio, or too long, or takes no C2PA manifest; a voiceprint of more bytes
            than its numbers take, which could be the recording itself.
        MarkRefused: Its mark is not what the app says.
    """
    draft = Draft(kind, session_ids, custody, facts, derived_from, media, ttl, places=places)
    if data is None:
        return _one(app, draft, now)
    if kind == Kind.EMBEDDING and len(data) > _AROUND_BYTES + _NUMBER_BYTES * (facts.dimensions or 0):
        raise AudioRefused("too_long", f"{facts.dimensions} numbers do not take so many bytes: this is no voiceprint.")
    known = Known.glimpsed(app, [draft])
    sessions = known.sessions_of(draft)
    shown = media_of(known.sources_of(draft, sessions), said=media, scope=sessions[0].grant.scope)
    life = known.life(draft, sessions, shown)  # before anything is written: what has no policy is not taken
    if kind == Kind.SYNTHESIS:
        heard = audio.inspect(data, longest_seconds=life.longest_seconds, lowest_rate=life.lowest_rate)
        facts = replace(facts, duration_ms=heard.duration_ms, sample_rate=heard.sample_rate)
    place = stored_as(shown)
    ids = [uuid7() for _ in sessions]
    taken = all(session.is_live(now) for session in sessions)
    refs: list[uuid.UUID] = []
    copies = [data for _ in ids]
    if taken and kind == Kind.SYNTHESIS:
        refs = [uuid.uuid4() for _ in ids]
        copies, facts = mark_clip(data, mark=facts.mark, refs=refs), replace(facts, embedded=True)
    if taken:
        locks = locks_on(subjects=[session.grant.subject_id for session in sessions])
        for artifact_id, copy, session in zip(ids, copies, sessions, strict=True):
            lock = locks.get(session.grant.subject_id)
            vault.blobs.put(blob=artifact_id, data=copy, kind=place, now=now, locked_by=lock)
    outcome = _one(app, replace(draft, facts=facts, ids=ids, refs=refs), now)
    if taken and outcome.refusal:
        _take_back(ids)
    return outcome


def _one(app: App, draft: Draft, now: datetime) -> Made:
    [verdict] = record_all(app=app, drafts=[draft], now=now)
    if not isinstance(verdict, Made):
        raise verdict
    return verdict


def _take_back(ids: Sequence[uuid.UUID]) -> None:
    vault.blobs.delete(blobs=ids)  # before the key, by which the sweep finds what a crash leaves
    vault.blobs.shred(blobs=ids)
