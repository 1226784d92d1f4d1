"""Record what was made of a voice.

Order of an upload: look whether the session admits it (cheap, decides nothing); key stored and synced; bytes sealed and synced; then one
transaction that decides under the grant's lock, writes the artifact with its deadline and appends the entry. Before that commit a crash
leaves a key and noise without a row, which `retention.sweep` destroys; after it, a recorded artifact.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from uuid_utils.compat import uuid7

import vault.blobs
from accounts.models import App
from consent.admit import admit
from consent.enter import enter
from consent.errors import SessionUnknown
from consent.models import Session
from consent.terms import Operation, Refusal
from retention.audio import Audio, inspect
from retention.models import Artifact, Kind
from retention.policy import resolve
from retention.queries import rules_for


@dataclass(frozen=True)
class Recorded:
    """An artifact and the entry that says so."""

    artifact: Artifact
    entry: uuid.UUID


def upload(*, app: App, session_id: uuid.UUID, data: bytes, ttl: timedelta | None, now: datetime) -> Recorded | Refusal:
    """Take a recording into the vault, for the policy's time or the shorter `ttl`.

    Raises:
        SessionUnknown: The app has no such session.
        AudioRefused: The audio may not be taken; nothing is written.
        NoPolicy: No policy covers uploads.
    """
    session = Session.objects.filter(id=session_id, app=app).first()
    if session is None:
        raise SessionUnknown
    rule = resolve(rules_for(kind=Kind.UPLOAD, app=app), asked=ttl)
    audio = inspect(data, longest_seconds=rule.longest_seconds, lowest_rate=rule.lowest_rate)
    if not session.is_live(now):
        with transaction.atomic():
            refused = admit(app=app, session_id=session_id, operation=Operation.UPLOAD, now=now)
        if isinstance(refused, Refusal):
            return refused
    artifact_id = uuid7()
    vault.blobs.put(blob=artifact_id, data=data, now=now)
    # An error here can hide a commit that happened: what it leaves is the sweep's, which asks the database.
    outcome = _record(app=app, session_id=session_id, artifact_id=artifact_id, audio=audio, ttl=rule.ttl, now=now)
    if isinstance(outcome, Refusal):
        vault.blobs.delete(blobs=[artifact_id])  # before the key, by which the sweep finds what a crash leaves
        vault.blobs.shred(blobs=[artifact_id])
    return outcome


def _record(  # noqa: PLR0913
    *, app: App, session_id: uuid.UUID, artifact_id: uuid.UUID, audio: Audio, ttl: timedelta, now: datetime
) -> Recorded | Refusal:
    with transaction.atomic():
        admitted = admit(app=app, session_id=session_id, operation=Operation.UPLOAD, now=now)
        if isinstance(admitted, Refusal):
            return admitted
        grant = admitted.grant
        artifact = Artifact.objects.create(
            id=artifact_id,
            kind=Kind.UPLOAD,
            custody="vault",
            subject=grant.subject,
            app=app,
            grant=grant,
            session=admitted,
            recorded_at=now,
            expires_at=now + ttl,
            duration_ms=audio.duration_ms,
            sample_rate=audio.sample_rate,
        )
        entry = enter(
            subject=grant.subject,
            kind="artifact.recorded",
            actor=f"app:{app.id}",
            payload={
                **artifact.record(),
                "purpose": grant.purpose_id,
                "custody": artifact.custody,
                "duration_ms": artifact.duration_ms,
                "sample_rate": artifact.sample_rate,
                "expires_at": artifact.expires_at.isoformat(),
            },
            now=now,
        )
    return Recorded(artifact, entry)
