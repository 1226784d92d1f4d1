"""A person says their consent aloud, and the recording is kept as evidence (`retention.evidence`), which no app can read.

The phrase has to be said soon, so that it is the answer to this question. The recording's key comes first, synced, then its sealed bytes,
then the row and the entry with the caller's commit: a crash before leaves noise under an id that no row names, which is swept.
"""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from uuid_utils.compat import uuid7

import vault.blobs
from accounts.models import App
from consent import lock
from consent.enter import enter_for_grant
from consent.errors import StatementUnknown
from consent.models import Grant, Statement
from consent.terms import Refusal, stands
from retention.audio import inspect
from retention.phrase import NONCE_WORDS, WORDS, phrase
from vault.blobs import Kind

LASTS: Final = timedelta(minutes=15)
LONGEST_SECONDS: Final = 30.0
LOWEST_RATE: Final = 8_000


@dataclass(frozen=True)
class Spoken:
    """A statement with its recording, and the entry that says so."""

    statement: Statement
    entry: uuid.UUID


def ask_to_speak(*, app: App, grant_id: uuid.UUID, locale: str | None, now: datetime) -> Statement | Refusal:
    """Return a new phrase for a consent that stands, in the language of the notice that was read, or in `locale`.

    Raises:
        GrantUnknown: The app has no such grant.
    """
    with transaction.atomic():
        grant = _standing(app, grant_id, now)
        if isinstance(grant, Refusal):
            return grant
        language = locale or grant.notice.locale
        names = grant.purpose.names
        nonce = [secrets.choice(WORDS[language]) for _ in range(NONCE_WORDS)]
        return Statement.objects.create(
            grant=grant,
            locale=language,
            phrase=phrase(
                locale=language,
                app=grant.app.name,
                controller=grant.app.tenant.name,
                purpose=names.get(language) or names.get("en") or grant.purpose_id,
                term=None if grant.uses_left is not None else grant.valid_until - grant.valid_from,
                nonce=nonce,
            ),
            nonce=" ".join(nonce),
            asked_at=now,
        )


def speak(  # noqa: PLR0913
    *,
    app: App,
    grant_id: uuid.UUID,
    statement_id: uuid.UUID,
    data: bytes,
    speech: Mapping[str, Any],
    speaker: Mapping[str, Any],
    now: datetime,
) -> Spoken | Refusal:
    """Keep the recording of a phrase, with what the app says of it: `speech` model and score, `speaker` also the threshold.

    Raises:
        AudioRefused: It is no recording of at most 30 seconds.
        GrantUnknown: The app has no such grant.
        StatementUnknown: There is no such phrase, or it has been said, or was to be said within a quarter of an hour.
    """
    audio = inspect(data, longest_seconds=LONGEST_SECONDS, lowest_rate=LOWEST_RATE)
    with transaction.atomic():
        grant = _standing(app, grant_id, now)
        if isinstance(grant, Refusal):
            return grant
        waiting = Statement.objects.select_for_update().filter(
            id=statement_id, grant=grant, spoken_at=None, asked_at__gt=now - LASTS
        )
        statement = waiting.first()
        if statement is None:
            raise StatementUnknown
        statement.recording = uuid7()
        vault.blobs.put(blob=statement.recording, data=data, kind=Kind.STATEMENT, now=now)
        statement.spoken_at, statement.duration_ms = now, audio.duration_ms
        statement.speech, statement.speaker = dict(speech), dict(speaker)
        statement.save()
        entry = enter_for_grant(
            grant=grant,
            kind="consent.spoken",
            actor=f"app:{app.id}",
            payload={
                "statement": str(statement.id),
                "locale": statement.locale,
                "phrase": statement.phrase,
                "duration_ms": audio.duration_ms,
                "sample_rate": audio.sample_rate,
                "speech": statement.speech,
                "speaker": statement.speaker,
            },
            now=now,
        )
    return Spoken(statement, entry)


def _standing(app: App, grant_id: uuid.UUID, now: datetime) -> Grant | Refusal:
    """Return the app's grant, locked against its end; or why it does not stand."""
    grant = lock.for_use(grant_id, app=app)
    standing = stands(grant.facts(), now=now)
    return standing if isinstance(standing, Refusal) else grant
