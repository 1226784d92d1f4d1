"""Write the next version of a notice, in all its languages at once; nobody is shown it before it is published.

One transaction under the lock of the app's declaration, so that of one purpose there is one draft. Writing again replaces the draft. A
draft is no act: nothing is entered.
"""

import uuid
from datetime import datetime

from django.db import transaction

from consent.editions import Bodies, editions, first_words
from consent.errors import NeedsItsOwn, PurposeUnknown
from consent.models import Declaration, Notice
from consent.notice_fields import LANGUAGES, LONGEST, NAMES, out_of_place


def start_notice(*, app_id: uuid.UUID, purpose: str, actor: str, now: datetime) -> int:
    """Begin a draft where there is none: from the newest version, and where that is silent, from what is known; return its version.

    Raises:
        PurposeUnknown: The app has not declared this purpose.
    """
    with transaction.atomic():
        declaration = _locked(app_id, purpose)
        found = editions(app_id=app_id, purpose_id=purpose)
        if found and found[0].published_at is None:
            return found[0].version
        known, last = first_words(declaration), found[0].bodies if found else {}
        bodies = {locale: {**known[locale], **last.get(locale, {})} for locale in LANGUAGES}
        return draft_notice(app_id=app_id, purpose=purpose, bodies=bodies, actor=actor, now=now)


def draft_notice(*, app_id: uuid.UUID, purpose: str, bodies: Bodies, actor: str, now: datetime) -> int:  # noqa: ARG001
    """Write the draft; return its version. `actor` is `operator` or `officer:<id>`.

    Raises:
        PurposeUnknown: The app has not declared this purpose.
        NeedsItsOwn: It names a recipient, and the purpose hands nothing on.
        ValueError: Not each language, a field that no notice has, or a text that is too long.
    """
    if set(bodies) != set(LANGUAGES):
        raise ValueError("a notice is written in each language")
    for body in bodies.values():
        if not set(body) <= set(NAMES) or any(len(text) > LONGEST for text in body.values()):
            raise ValueError("a field that no notice has, or a text that is too long")
    with transaction.atomic():
        declaration = _locked(app_id, purpose)
        if any(out_of_place(body, provides=declaration.purpose.provides) for body in bodies.values()):
            raise NeedsItsOwn
        found = editions(app_id=app_id, purpose_id=purpose)
        last = next((edition.version for edition in found if edition.published_at), 0)
        for locale, body in bodies.items():
            Notice.objects.update_or_create(
                app_id=app_id,
                purpose_id=purpose,
                locale=locale,
                version=last + 1,
                defaults={
                    "operations": declaration.operations,
                    "body": {name: text.strip() for name, text in body.items()},
                    "drafted_by": actor,
                },
            )
    return last + 1


def _locked(app_id: uuid.UUID, purpose: str) -> Declaration:
    rows = Declaration.objects.select_related("app__tenant", "purpose").select_for_update(of=("self",))
    declaration = rows.filter(app=app_id, purpose=purpose).first()
    if declaration is None:
        raise PurposeUnknown
    return declaration
