"""The versions of a notice, each in all its languages, and what is missing in one."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from consent.models import Declaration, Notice
from consent.notice_fields import LANGUAGES, missing
from consent.notice_texts import Operator, Recipient, texts

Bodies = dict[str, dict[str, str]]
"""The text of each field, by language."""


@dataclass(frozen=True)
class Edition:
    """One version, by language."""

    version: int
    notices: Mapping[str, Notice]

    @property
    def published_at(self) -> datetime | None:
        """When it was published, in all languages at once; None: a draft."""
        return next(iter(self.notices.values())).published_at

    @property
    def is_material(self) -> bool:
        """It changed something that matters."""
        return next(iter(self.notices.values())).is_material

    @property
    def operations(self) -> list[str]:
        """What the app may do under it."""
        return list(next(iter(self.notices.values())).operations)

    @property
    def bodies(self) -> Bodies:
        """What it says."""
        return {locale: dict(notice.body) for locale, notice in self.notices.items()}


def editions(*, app_id: uuid.UUID, purpose_id: str) -> list[Edition]:
    """Return the versions of what an app says for a purpose, newest first; a draft is the newest."""
    rows = Notice.objects.select_related("app__tenant", "purpose").filter(app=app_id, purpose=purpose_id)
    ordered = rows.order_by("-version", "locale")
    return [
        Edition(version, {notice.locale: notice for notice in of_version})
        for version, of_version in groupby(ordered, key=lambda notice: notice.version)
    ]


def newest_published(*, app_id: uuid.UUID, purpose_id: str) -> Edition | None:
    """Return the version that people are shown now."""
    found = editions(app_id=app_id, purpose_id=purpose_id)
    return next((edition for edition in found if edition.published_at), None)


def gaps(bodies: Bodies, *, operations: list[str], provides: bool) -> dict[str, list[str]]:
    """Return the fields that are missing, by language; nothing where the text is complete in every language."""
    found = {
        locale: missing(bodies.get(locale, {}), locale=locale, operations=operations, provides=provides)
        for locale in LANGUAGES
    }
    return {locale: names for locale, names in found.items() if names}


def first_words(declaration: Declaration, *, recipient: Recipient | None = None) -> Bodies:
    """Return what the first notice of a declared purpose says, as far as it is known."""
    app, purpose = declaration.app, declaration.purpose
    tenant = app.tenant
    operator = Operator(name=tenant.name, address=tenant.address, contact=tenant.contact, country=tenant.country)
    drafted = texts(
        purpose=purpose.slug,
        app=app.name,
        operator=operator,
        operations=declaration.operations,
        provides=purpose.provides,
        recipient=recipient,
    )
    return {text.locale: text.body for text in drafted}
