"""Publish a version of a notice: from then on people are shown it, and it stays as it is.

One transaction under the lock of the app's declaration: all languages at once, what older grants count for, who is to be told, the entry.
Where it changes what matters, every grant that was given under an older version is refused from the commit on, for the decision compares
the two (`consent.terms`); the state `stale` follows (`consent.lapse`). What matters is not the author's to judge alone: where the text
of a field changed that says what is done, with what, by whom, how or for how long, it does (PIPL 14(2) and 23).
"""

import uuid
from datetime import datetime

from django.db import transaction

from consent.editions import Edition, editions, gaps
from consent.enter import enter_for_tenant
from consent.errors import NeedsItsOwn, NoticeIncomplete, NoticeUnknown, PurposeUnknown
from consent.models import Announcement, Declaration
from consent.notice_fields import changed, forcing, out_of_place
from hooks.wake import wake


def publish_notice(  # noqa: PLR0913
    *, app_id: uuid.UUID, purpose: str, version: int, material: bool, actor: str, now: datetime
) -> Edition:
    """Publish a draft; `material`: it changes what matters, also where no field says so. `actor` is `operator` or `officer:<id>`.

    Raises:
        PurposeUnknown: The app has not declared this purpose.
        NoticeUnknown: There is no such draft.
        NoticeIncomplete: It says not all that the law demands; carries the fields, by language.
        NeedsItsOwn: It names a recipient, and the purpose hands nothing on.
    """
    with transaction.atomic():
        rows = Declaration.objects.select_related("app__tenant", "purpose").select_for_update(of=("self",))
        declaration = rows.filter(app=app_id, purpose=purpose).first()
        if declaration is None:
            raise PurposeUnknown
        found = editions(app_id=app_id, purpose_id=purpose)
        draft = next((edition for edition in found if edition.version == version and not edition.published_at), None)
        if draft is None:
            raise NoticeUnknown
        provides, operations = declaration.purpose.provides, declaration.operations
        if missing := gaps(draft.bodies, operations=operations, provides=provides):
            raise NoticeIncomplete(missing)
        if any(out_of_place(body, provides=provides) for body in draft.bodies.values()):
            raise NeedsItsOwn
        before = next((edition for edition in found if edition.published_at), None)
        forced = forced_by(before, draft, operations=operations)
        is_material = material or bool(forced) or before is None
        for notice in draft.notices.values():
            notice.operations, notice.is_material, notice.published_at = operations, is_material, now
            notice.save(update_fields=["operations", "is_material", "published_at"])
        if is_material:
            declaration.material_version = version
            declaration.save(update_fields=["material_version"])
        if before is not None:
            Announcement.objects.create(
                app_id=app_id, purpose_id=purpose, version=version, is_material=is_material, made_at=now
            )
            wake("consent.tell_of_notice")
            wake("consent.lapse")
        enter_for_tenant(
            tenant=declaration.app.tenant,
            kind="notice.published",
            actor=actor,
            payload={
                "app": str(app_id),
                "purpose": purpose,
                "version": version,
                "operations": operations,
                "material": is_material,
                "forced_by": forced,
                "changed": _changed(before, draft),
                "notices": {locale: notice.shown() for locale, notice in sorted(draft.notices.items())},
            },
            now=now,
        )
    return draft


def forced_by(before: Edition | None, draft: Edition, *, operations: list[str]) -> list[str]:
    """Return what makes a draft material against the version before, whatever its author says; nothing for a first version."""
    if before is None:
        return []
    return forcing(before.bodies, draft.bodies, old_operations=before.operations, new_operations=operations)


def _changed(before: Edition | None, draft: Edition) -> list[str]:
    if before is None:
        return []
    touched = {name for locale, body in draft.bodies.items() for name in changed(before.bodies.get(locale, {}), body)}
    return sorted(touched)
