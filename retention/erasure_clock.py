"""When an erasure is due, by the law where the person lives. Pure.

GDPR 12(3): one month from receipt, and two more if the person is told why within the first. CCPA (11 CCR 7021(b)): 45 days, and 45 more. PIPL 47
and 50 say "in time": so many working days as the settings say, and no extension. Time in which it is not known who asks does not count
(GDPR 12(6)), but in California it does ("regardless of time required to verify the request"). Days and months are those of UTC; a working
day is one of China: Monday to Friday there, without the holidays and with the working weekends that the settings list.
"""

import calendar
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

WORKING_DAYS: Final = 15
LAST_DAY_TO_EXTEND: Final = timedelta(days=30)
"""From receipt: after it no extension is taken, whatever the law (GDPR 12(3): within one month of receipt)."""
CALIFORNIA: Final = timedelta(days=45)
CHINA: Final = timezone(timedelta(hours=8))


class Law(StrEnum):
    """Whose clock runs."""

    GDPR = "gdpr"
    PIPL = "pipl"
    CCPA = "ccpa"


def law_of(residence: str) -> Law:
    """Return whose clock runs for who lives there (ISO 3166-1, or 3166-2 for the United States); the GDPR's where nothing else is known."""
    return {"CN": Law.PIPL, "US-CA": Law.CCPA}.get(residence, Law.GDPR)


def due(  # noqa: PLR0913
    law: Law,
    *,
    received: datetime,
    unidentified: timedelta = timedelta(0),
    extended: bool = False,
    working_days: int = WORKING_DAYS,
    holidays: Collection[date] = (),
    worked: Collection[date] = (),
) -> datetime:
    """Return when it is due. `unidentified`: for how long it was not known who asks.

    Of China: `holidays` are weekdays off, `worked` are Saturdays and Sundays that are worked instead.
    """
    if law == Law.PIPL:
        at, left = received.astimezone(CHINA), working_days
        while left > 0:
            at += timedelta(days=1)
            left -= at.date() in worked or (at.weekday() < calendar.SATURDAY and at.date() not in holidays)
        return at.astimezone(UTC) + unidentified
    if law == Law.CCPA:
        return received + CALIFORNIA * (2 if extended else 1)
    return months_after(received, 3 if extended else 1) + unidentified


def can_extend(law: Law) -> bool:
    """Say whether the law knows an extension."""
    return law != Law.PIPL


def months_after(at: datetime, months: int) -> datetime:
    """Return the same day so many months later, or that month's last."""
    year, month = divmod(at.month - 1 + months, 12)
    year, month = at.year + year, month + 1
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
