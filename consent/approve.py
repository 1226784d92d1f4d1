"""An officer approves an app: from then on it may ask people.

One transaction under the app's row. Before, the app has what the law wants of it: for each purpose a notice that says everything, for a
sensitive one an impact assessment not older than three years and the app's word on who is imitated, for all a way to be served without
consent, and of itself the texts that EU 2024/1689 art. 50 asks for.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction

from accounts.models import App
from consent.catalogue import ASSESSED_FOR_YEARS, years_after
from consent.editions import gaps, newest_published
from consent.enter import enter_for_tenant
from consent.errors import AppIncomplete
from consent.models import Declaration
from consent.notice_fields import LANGUAGES

_SPEAKING = frozenset({"synthesize", "combine"})


@dataclass(frozen=True)
class Lack:
    """Something that an app has to have, and has not."""

    what: str
    """`purpose`, `assessment`, `attestation`, `fallback`, `notice`, `interaction_notice`, `categorisation_notice` or `disclosure`."""
    purpose: str = ""
    """Of which purpose; empty: of the app."""
    fields: dict[str, list[str]] = field(default_factory=dict)
    """For a notice: what it does not say, by language; empty where there is none."""

    def __str__(self) -> str:
        return f"{self.what} ({self.purpose})" if self.purpose else self.what


def approve(*, app_id: uuid.UUID, actor: str, now: datetime) -> App:
    """Approve an app; `actor` is `operator` or `officer:<id>`. One that is approved stays so, and nothing is entered.

    Raises:
        AppIncomplete: It lacks something; carries what, as `Lack`s.
    """
    with transaction.atomic():
        app: App = App.objects.select_for_update(of=("self",)).select_related("tenant").get(id=app_id)
        if app.approved_at is None:
            if lacks := lacking(app, today=now.date()):
                raise AppIncomplete(lacks)
            app.approved_at = now
            app.save(update_fields=["approved_at"])
            purposes = sorted(app.declarations.values_list("purpose_id", flat=True))
            payload = {"app": str(app.id), "purposes": purposes}
            enter_for_tenant(tenant=app.tenant, kind="app.approved", actor=actor, payload=payload, now=now)
    return app


def lacking(app: App, *, today: date) -> list[Lack]:
    """Return all that an app lacks before it may be approved."""
    declared = app.declarations.select_related("purpose").order_by("purpose")
    of_purposes = [lack for declaration in declared for lack in of_purpose(declaration, today=today)]
    return [*([] if declared else [Lack("purpose")]), *of_purposes, *of_app(app)]


def of_purpose(declaration: Declaration, *, today: date) -> Iterator[Lack]:
    """Yield what one declared purpose lacks."""
    purpose = declaration.purpose
    if purpose.is_sensitive:
        newest = max(purpose.assessments.values_list("made_on", flat=True), default=None)
        if newest is None or today >= years_after(newest, ASSESSED_FOR_YEARS):
            yield Lack("assessment", purpose.slug)
        if not declaration.attested_by:
            yield Lack("attestation", purpose.slug)
    if not declaration.fallback_url or declaration.fallback_works is False:
        yield Lack("fallback", purpose.slug)
    shown = newest_published(app_id=declaration.app_id, purpose_id=purpose.slug)
    said = shown.bodies if shown else {}
    fields = gaps(said, operations=declaration.operations, provides=purpose.provides)
    if shown is None or fields or not set(declaration.operations) <= set(shown.operations):
        yield Lack("notice", purpose.slug, fields if shown else {})


def of_app(app: App) -> Iterator[Lack]:
    """Yield what an app has to say of itself and does not, by what its purposes do."""
    declared = list(app.declarations.values_list("operations", "purpose__use_class"))
    wanted = {
        "interaction_notice": True,
        "categorisation_notice": any(use_class == "identification" for _, use_class in declared),
        "disclosure": any(_SPEAKING & set(operations) for operations, _ in declared),
    }
    for name, is_wanted in wanted.items():
        text = getattr(app, name)
        if is_wanted and not all(text.get(locale, "").strip() for locale in LANGUAGES):
            yield Lack(name)
