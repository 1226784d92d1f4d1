"""The catalogue of purposes: an officer adds one, and puts an impact assessment beside it.

A purpose is the service's, and no tenant's: what happens to it is entered in the platform's log. One transaction for the row and the
entry; a purpose is never changed, for consents were given for what it was.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Final

from django.db import transaction

from consent.enter import enter_for_platform
from consent.errors import PurposeInvalid, PurposeUnknown
from consent.models import Assessment, Purpose
from consent.use_class import faults
from ledger.enter_heads import open_platform_log

ASSESSED_FOR_YEARS: Final = 3
"""How long an assessment counts; its report is kept at least as long (PIPL 56)."""


def add_purpose(  # noqa: PLR0913
    *,
    slug: str,
    names: Mapping[str, str],
    use_class: str,
    strength: int,
    operations: Collection[str],
    is_sensitive: bool,
    provides: bool,
    trades_voiceprints: bool,
    actor: str,
    now: datetime,
) -> Purpose:
    """Put a purpose into the catalogue; `names` by language, `strength` from 1 to 100, `actor` `operator` or `officer:<id>`.

    Raises:
        PurposeInvalid: The catalogue takes no such purpose, or has one of that name.
    """
    found = faults(
        slug=slug,
        names=names,
        use_class=use_class,
        strength=strength,
        operations=operations,
        is_sensitive=is_sensitive,
        provides=provides,
        trades_voiceprints=trades_voiceprints,
    )
    if found:
        raise PurposeInvalid(found)
    open_platform_log(now=now)
    with transaction.atomic():
        purpose, is_new = Purpose.objects.get_or_create(
            slug=slug,
            defaults={
                "names": dict(names),
                "use_class": use_class,
                "strength": strength,
                "operations": sorted(set(operations)),
                "is_sensitive": is_sensitive,
                "provides": provides,
                "trades_voiceprints": trades_voiceprints,
            },
        )
        if not is_new:
            raise PurposeInvalid(["slug_taken"])
        enter_for_platform(
            kind="purpose.added",
            actor=actor,
            payload={
                "purpose": slug,
                "use_class": use_class,
                "strength": strength,
                "operations": purpose.operations,
                "sensitive": is_sensitive,
                "provides": provides,
                "trades_voiceprints": trades_voiceprints,
            },
            now=now,
        )
    return purpose


def assess(*, purpose: str, reference: str, made_on: date, actor: str, now: datetime) -> Assessment:
    """Say that there is an impact assessment of a purpose, where it is found, and of which day it is.

    Raises:
        PurposeUnknown: The catalogue has no such purpose.
        PurposeInvalid: It has no reference, or is of a day to come.
    """
    if not reference.strip() or made_on > now.date():
        raise PurposeInvalid(["assessment_invalid"])
    open_platform_log(now=now)
    with transaction.atomic():
        row = Purpose.objects.filter(slug=purpose).first()
        if row is None:
            raise PurposeUnknown
        assessment = Assessment.objects.create(
            purpose=row,
            reference=reference.strip(),
            made_on=made_on,
            keep_until=years_after(now.date(), ASSESSED_FOR_YEARS),
        )
        enter_for_platform(
            kind="purpose.assessed",
            actor=actor,
            payload={
                "purpose": purpose,
                "assessment": str(assessment.id),
                "made_on": made_on.isoformat(),
                "keep_until": assessment.keep_until.isoformat(),
            },
            now=now,
        )
    return assessment


def years_after(day: date, years: int) -> date:
    """Return the same day so many years later; 29 February becomes 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
