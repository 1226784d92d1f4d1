"""Which deadline holds: the shortest wins. Pure.

A policy counts from a moment. One that is not known yet sets no deadline, and is looked at again when it is: what is recorded always has
one that is fixed, for no life outlasts its consent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from retention.errors import NoPolicy


class Since(StrEnum):
    """From which moment a life is counted."""

    RECORDED = "recorded"
    PROCESSED = "processed"
    """The end of processing as the app reports it, or of the session, whichever comes first."""
    SESSION = "session"
    """The session's end."""
    INTERACTION = "interaction"
    """When the person last had to do with the app: allowed it something, or let it open a session."""
    PURPOSE = "purpose"
    """When the purpose was met, as the app reports it or as the consent was used up."""


@dataclass(frozen=True)
class Rule:
    """What one policy row says; `for_app` is true for a row about this app alone, `allows` is false where it only shortens."""

    ttl: timedelta
    longest_seconds: float
    lowest_rate: int
    for_app: bool
    since: Since = Since.RECORDED
    allows: bool = True


@dataclass(frozen=True)
class Life:
    """How long something may live, from each moment that counts, and what its audio may be."""

    ttls: Mapping[Since, timedelta]
    longest_seconds: float
    lowest_rate: int


@dataclass(frozen=True)
class Moments:
    """What is known of an artifact's time; `latest` is the deadline that stands whatever else happens."""

    latest: datetime
    session_end: datetime
    interaction: datetime
    processed: datetime | None = None
    purpose_met: datetime | None = None
    known: Mapping[Since, datetime] = field(init=False)

    def __post_init__(self) -> None:
        processed = min(self.processed or self.session_end, self.session_end)
        found = {
            Since.PROCESSED: processed,
            Since.SESSION: self.session_end,
            Since.INTERACTION: self.interaction,
            Since.PURPOSE: self.purpose_met,
        }
        object.__setattr__(self, "known", {since: at for since, at in found.items() if at is not None})


def resolve(rules: Iterable[Rule], *, asked: timedelta | None) -> Life:
    """Return what holds: from each moment the shortest life among all rules; an officer's limits for the app before the general.

    What the app asks for counts from the recording, and can only shorten.

    Raises:
        NoPolicy: No rule allows such a thing to be kept at all.
    """
    rows = list(rules)
    limits = sorted((rule for rule in rows if rule.allows), key=lambda rule: rule.for_app, reverse=True)
    if not limits:
        raise NoPolicy
    ttls: dict[Since, timedelta] = {} if asked is None else {Since.RECORDED: asked}
    for rule in rows:
        ttls[rule.since] = min(rule.ttl, ttls.get(rule.since, rule.ttl))
    return Life(ttls, limits[0].longest_seconds, limits[0].lowest_rate)


def shortest(lives: Iterable[Life]) -> Life:
    """Return what holds where all of these do: of what shows more than one thing, or is made of more than one person."""
    first, *others = lives
    ttls = dict(first.ttls)
    for life in others:
        for since, ttl in life.ttls.items():
            ttls[since] = min(ttl, ttls.get(since, ttl))
    tightest = min((first, *others), key=lambda life: life.longest_seconds)
    return Life(ttls, tightest.longest_seconds, max(life.lowest_rate for life in (first, *others)))


def latest(life: Life, *, recorded: datetime, until: datetime) -> datetime:
    """Return the deadline that is fixed at the recording; `until` is the end of the consent, or of the session where nothing is stored."""
    ttl = life.ttls.get(Since.RECORDED)
    return until if ttl is None else min(recorded + ttl, until)


def deadline(life: Life, moments: Moments) -> datetime:
    """Return when it must go, as far as is known."""
    ends = [at + life.ttls[since] for since, at in moments.known.items() if since in life.ttls]
    return min([moments.latest, *ends])


EEA = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
)


def covers(region: str, place: str) -> bool:
    """Say whether a policy for `region` is about who lives at `place` (ISO 3166), or may: nobody's life is longer for not having said it.

    A region is a country, a part of one (`US-IL`), or `EU` for the European Economic Area; empty: everywhere.
    """
    if not region or not place:
        return True
    if region == "EU":
        return place.partition("-")[0] in EEA
    return place == region or place == region.partition("-")[0] or place.startswith(f"{region}-")
