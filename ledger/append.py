"""Append an entry: one INSERT, no lock, last in the caller's transaction.

The entry is durable when that transaction commits, and exists exactly if it does. The sequencer gives it an index afterwards. A crash
before the commit leaves nothing; after it, an entry that will be sequenced.
"""

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection

from keyring.keys import store
from keyring.seal import seal
from ledger.barrier import refuse_if_restored
from ledger.leaf import KIND_PATTERN, commit

_APPEND = """
WITH entry AS (
    INSERT INTO ledger_pending (log_id, ref, at, kind, mark, actor, subject, payload)
    VALUES (%(log)s, %(ref)s, %(at)s, %(kind)s, %(mark)s, %(actor)s, %(subject)s, %(payload)s)
)
INSERT INTO ledger_opening (ref, log_id, holder, at, kind, sealed)
VALUES (%(ref)s, %(log)s, %(holder)s, %(at)s, %(kind)s, %(sealed)s)
"""


@dataclass(frozen=True)
class About:
    """Whom an entry is about, unlinkably: what the caller derived from the subject's keys and the entry's `ref`."""

    ref: uuid.UUID
    tag: bytes
    """`R || T` of the day, 96 bytes."""
    salt: bytes
    mark: bytes


def append(  # noqa: PLR0913
    *,
    origin: str,
    kind: str,
    actor: str,
    payload: Mapping[str, Any],
    holder: str,
    now: datetime,
    about: About | None = None,
    open_to_all: bool = False,
) -> uuid.UUID:
    """Append one entry to the log `origin` and return its `ref`.

    `actor` and `payload` are committed to, never stored in the clear; `holder` names the key in the key store that seals their
    opening. `about` is None for an entry about no person: its mark is random and its subject commits to nothing. With `open_to_all` the
    payload's salt is 32 zero bytes, so that whoever knows the payload can recompute the commitment: for what is public anyway.

    Raises:
        Behind: The database is older than what was signed; nothing is written.
        keyring.errors.KeyGone: The holder's key was destroyed; nothing is written.
        ValueError: The kind is not a dotted name; in the queue it would stop the sequencer.
    """
    if not KIND_PATTERN.fullmatch(kind):
        raise ValueError(f"{kind!r} is not the kind of an entry")
    refuse_if_restored(origin)
    ref = about.ref if about else uuid.uuid4()
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    tag, subject_salt, mark = (about.tag, about.salt, about.mark) if about else (b"", os.urandom(32), os.urandom(16))
    actor_salt, payload_salt = os.urandom(32), bytes(32) if open_to_all else os.urandom(32)
    value = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    opening = json.dumps(
        {
            "actor": [actor_salt.hex(), actor],
            "subject": [subject_salt.hex(), tag.hex()],
            "payload": [payload_salt.hex(), value],
        }
    )
    # psycopg's own cursor: the values go beside the statement, which it can prepare; Django's would write them into it as text.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            _APPEND,
            {
                "log": origin,
                "ref": ref,
                "at": at,
                "kind": kind,
                "mark": mark,
                "actor": commit("actor", actor_salt, actor.encode()),
                "subject": commit("subject", subject_salt, tag),
                "payload": commit("payload", payload_salt, value.encode()),
                "holder": holder,
                "sealed": seal(store().get(holder), opening.encode(), context=ref.bytes),
            },
        )
    return ref
