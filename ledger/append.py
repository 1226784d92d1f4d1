"""Append entries: one INSERT, no lock, last in the caller's transaction.

An entry is durable when that transaction commits, and exists exactly if it does. The sequencer gives it an index afterwards. A crash
before the commit leaves nothing; after it, an entry that will be sequenced. Many at once are two COPYs instead, and get their places in
the order in which they were given.
"""

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection, models

from keyring.keys import store
from keyring.seal import seal
from ledger.barrier import refuse_if_restored
from ledger.leaf import KIND_PATTERN, commit
from ledger.prepared import insert, insertion, run, values_of

_APPEND = """
WITH entry AS (
    INSERT INTO ledger_pending (log_id, ref, at, kind, mark, actor, subject, payload)
    VALUES (%(entry_log)s, %(entry_ref)s, %(entry_at)s, %(entry_kind)s,
        %(entry_mark)s, %(entry_actor)s, %(entry_subject)s, %(entry_payload)s)
), opening AS (
    INSERT INTO ledger_opening (ref, log_id, holder, at, kind, sealed)
    VALUES (%(entry_ref)s, %(entry_log)s, %(entry_holder)s, %(entry_at)s, %(entry_kind)s, %(entry_sealed)s)
)
"""
_COPIES = (
    ("ledger_pending", ("log_id", "ref", "at", "kind", "mark", "actor", "subject", "payload"), ("bytea",) * 4),
    ("ledger_opening", ("log_id", "ref", "at", "kind", "holder", "sealed"), ("varchar", "bytea")),
)


@dataclass(frozen=True)
class About:
    """Whom an entry is about, unlinkably: what the caller derived from the subject's keys and the entry's `ref`."""

    ref: uuid.UUID
    tag: bytes
    """`R || T` of the day, 96 bytes."""
    salt: bytes
    mark: bytes


@dataclass(frozen=True)
class Said:
    """What an entry says.

    `actor` and `payload` are committed to, never stored in the clear; `holder` names the key in the key store that seals their
    opening. `about` is None for an entry about no person: its mark is random and its subject commits to nothing. With `open_to_all` the
    payload's salt is 32 zero bytes, so that whoever knows the payload can recompute the commitment: for what is public anyway.
    """

    kind: str
    actor: str
    payload: Mapping[str, Any]
    holder: str
    about: About | None = None
    open_to_all: bool = False


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
    """Append one entry to the log `origin` and return its `ref`. What it says: see `Said`.

    Raises:
        Behind: The database is older than what was signed; nothing is written.
        keyring.errors.KeyGone: The holder's key was destroyed; nothing is written.
        ValueError: The kind is not a dotted name; in the queue it would stop the sequencer.
    """
    [ref] = append_many(origin=origin, entries=[Said(kind, actor, payload, holder, about, open_to_all)], now=now)
    return ref


def append_many(
    *, origin: str, entries: Sequence[Said], now: datetime, beside: Sequence[models.Model] = ()
) -> list[uuid.UUID]:
    """Append entries to the log `origin`, all or none; return their `ref`s in the same order.

    `beside`: new rows of one table that come to be with them. One with one entry is one statement.

    Raises:
        Behind, keyring.errors.KeyGone, ValueError: As `append`; nothing is written.
    """
    rows = _rows(origin, entries, now)
    others = [values_of(row) for row in beside]
    if len(rows) == 1 >= len(others):
        also = insertion(type(beside[0]), others[0]) if beside else "SELECT"
        entry = {f"entry_{name}": value for name, value in rows[0].items()}
        run(_APPEND + also, {**entry, **(others[0] if others else {})})
        return [rows[0]["ref"]]
    if beside:
        insert(type(beside[0]), others)
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        for table, columns, types in _COPIES:
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["varchar", "uuid", "timestamptz", "varchar", *types])
                names = ["log", *columns[1:]]
                for row in rows:
                    copy.write_row([row[name] for name in names])
    return [row["ref"] for row in rows]


def _rows(origin: str, entries: Sequence[Said], now: datetime) -> list[dict[str, Any]]:
    """Return what is written of each entry; the key of each holder is asked for once."""
    for said in entries:
        if not KIND_PATTERN.fullmatch(said.kind):
            raise ValueError(f"{said.kind!r} is not the kind of an entry")
    refuse_if_restored(origin)
    keys = {holder: store().get(holder) for holder in {said.holder for said in entries}}
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return [{"log": origin, "at": at, **_row(said, keys[said.holder])} for said in entries]


def _row(said: Said, key: bytes) -> dict[str, Any]:
    about = said.about or About(uuid.uuid4(), b"", os.urandom(32), os.urandom(16))
    actor_salt, payload_salt = os.urandom(32), bytes(32) if said.open_to_all else os.urandom(32)
    value = json.dumps(said.payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    opening = json.dumps(
        {
            "actor": [actor_salt.hex(), said.actor],
            "subject": [about.salt.hex(), about.tag.hex()],
            "payload": [payload_salt.hex(), value],
        }
    )
    return {
        "ref": about.ref,
        "kind": said.kind,
        "mark": about.mark,
        "actor": commit("actor", actor_salt, said.actor.encode()),
        "subject": commit("subject", about.salt, about.tag),
        "payload": commit("payload", payload_salt, value.encode()),
        "holder": said.holder,
        "sealed": seal(key, opening.encode(), context=about.ref.bytes),
    }
