"""Read grants and sessions with all that a decision and its entry need, in one statement that PostgreSQL plans once (ledger.prepared).

Of the longer rows (a notice, an app) only what is needed is read; the rest is fetched when it is asked for.
"""

import uuid
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

from django.db import connection, models

from accounts.models import App, Tenant
from consent.models import Binding, Declaration, Delegation, Grant, Notice, Purpose, Session, Subject
from ledger.prepared import among, run

_PARTS: tuple[tuple[type[models.Model], tuple[str, ...], str], ...] = (
    (
        App,
        ("id", "tenant_id", "suspended_at", "approved_at"),
        "JOIN accounts_app ON accounts_app.id = consent_grant.app_id",
    ),
    (Subject, (), "JOIN consent_subject ON consent_subject.id = consent_grant.subject_id"),
    (Tenant, ("id", "slug"), "JOIN accounts_tenant ON accounts_tenant.id = consent_subject.tenant_id"),
    (Binding, (), "JOIN consent_binding ON consent_binding.id = consent_grant.binding_id"),
    (Notice, ("id", "version"), "JOIN consent_notice ON consent_notice.id = consent_grant.notice_id"),
    (
        Declaration,
        ("id", "material_version"),
        "JOIN consent_declaration ON consent_declaration.id = consent_grant.declaration_id",
    ),
    (
        Purpose,
        ("slug", "strength", "use_class", "trades_voiceprints"),
        "JOIN consent_purpose ON consent_purpose.slug = consent_grant.purpose_id",
    ),
    (
        Delegation,
        ("id", "valid_until"),
        "LEFT JOIN consent_delegation ON consent_delegation.id = consent_grant.delegation_id",
    ),
)
"""The tables, what is read of each (all, where nothing is said), and how it is joined."""


def _attributes(model: type[models.Model], named: tuple[str, ...]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if not named or field.attname in named]  # noqa: SLF001


def _select(
    first: tuple[type[models.Model], ...], join: str, where: str
) -> tuple[list[tuple[type[models.Model], list[str]]], str]:
    parts = [(model, _attributes(model, ())) for model in first]
    parts += [(model, _attributes(model, named)) for model, named, _ in _PARTS]
    columns = ", ".join(f"{model._meta.db_table}.{name}" for model, names in parts for name in names)  # noqa: SLF001
    joins = " ".join(join for *_, join in _PARTS)
    return parts, f"SELECT {columns} FROM {join} {joins} WHERE {where}"  # noqa: S608 - constants


_GRANTS, _GRANTS_SQL = _select((Grant,), "consent_grant", "consent_grant.id")
_SESSIONS, _SESSIONS_SQL = _select(
    (Session, Grant),
    "consent_session JOIN consent_grant ON consent_grant.id = consent_session.grant_id",
    "consent_session.id",
)


def grants(ids: Collection[uuid.UUID]) -> list[Grant]:
    """Return the grants as they stand."""
    return [_grant(row) for row in _rows(_GRANTS, _GRANTS_SQL, ids)]


def sessions(ids: Collection[uuid.UUID]) -> list[Session]:
    """Return the sessions as they stand, with their grants."""
    found = []
    for row in _rows(_SESSIONS, _SESSIONS_SQL, ids):
        session: Session = row[Session]
        session.grant = _grant(row)
        found.append(session)
    return found


def _rows(
    parts: list[tuple[type[models.Model], list[str]]], statement: str, ids: Collection[uuid.UUID]
) -> Iterator[dict[type[models.Model], Any]]:
    ends = [0]
    for _, names in parts:
        ends.append(ends[-1] + len(names))
    these, value = among(ids)
    for row in run(f"{statement} {these}", {"ids": value}).fetchall():
        values = [row[begin:end] for begin, end in pairwise(ends)]
        yield {
            model: model.from_db(connection.alias, names, each) if each[0] is not None else None
            for (model, names), each in zip(parts, values, strict=True)
        }


def _grant(row: dict[type[models.Model], Any]) -> Grant:
    grant: Grant = row[Grant]
    subject: Subject = row[Subject]
    subject.tenant = row[Tenant]
    grant.subject, grant.app, grant.binding = subject, row[App], row[Binding]
    grant.notice, grant.declaration, grant.purpose = row[Notice], row[Declaration], row[Purpose]
    grant.delegation = row[Delegation]
    return grant
