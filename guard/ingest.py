"""Take what a host reports: read, desensitise, judge, store, and raise what it breaks.

(1) Nothing is held while rows are read, brought to ECS, desensitised and judged. (2) One transaction under the host's lock: events by COPY,
rows that could not be read, sightings, matches, the day's baseline, then alerts with their entries and the answers that are still to be
given. A crash leaves all or nothing; the agent sends it again. (3) After the commit a worker is woken to answer (`guard.answer`).

A row that cannot be read is counted, kept a day as its fault and size, and stops no other.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction

from guard import calls, desensitise, ecs, formats
from guard.correlate import correlate
from guard.errors import HostUnknown, TooManyRows, Unreadable
from guard.learn import LOOK_BACK, learn
from guard.models import Alert, Batch, Host, Malformed, Sighting
from guard.own_event import FROM_SIDECAR
from guard.queries import TOLD_BEFORE, places_told, rules_in_force, setting_of
from guard.raise_alert import Breach, raise_alerts
from guard.store import Happened, clean, row_of, store, store_evidence
from keyring.keys import reference_key

MOST_ROWS: Final = 10_000
MOST_FAULTS: Final = 20
"""As many are said in the answer; all are kept."""
RECORD_WITHIN: Final = timedelta(seconds=3)
RECORD_QUEUED_WITHIN: Final = timedelta(hours=1)
"""The SDK says that its record waits for the service."""
AHEAD: Final = timedelta(days=1)
"""A host's clock may be ahead as much; days beyond this, and beyond what a baseline looks back to, are not learned."""
_PLACE: Final = 64
"""Hexadecimal digits."""


@dataclass(frozen=True)
class Ingested:
    """What became of a delivery: rows taken, rows that could not be read, and alerts raised or counted up."""

    accepted: int
    malformed: int
    faults: list[dict[str, Any]]
    alerts: int

    def said(self) -> dict[str, Any]:
        """Return it as the answer says it."""
        return {
            "accepted": self.accepted,
            "malformed": self.malformed,
            "faults": self.faults,
            "alerts": self.alerts,
        }


@dataclass(frozen=True, slots=True)
class _Judged:
    """An event, what it broke by itself, and what counts only together."""

    event: Happened
    broken: list[Any]
    counted: list[Any]
    is_call: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """The sidecar saw a file come or go."""

    place: bytes
    here: bool
    folder: str
    suffix: str
    queued: bool
    at: datetime


@dataclass
class _Read:
    """What a body holds."""

    judged: list[_Judged] = field(default_factory=list)
    seen: list[_Seen] = field(default_factory=list)
    bad: list[Malformed] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)


def ingest(*, host: Host, body: bytes, now: datetime, key: str | None = None) -> Ingested:
    """Take a body of events in any of the forms of `guard.formats`, at most 10,000 rows.

    Args:
        host: Who reports.
        body: As it was sent, not compressed.
        now: When it came.
        key: The delivery's `Idempotency-Key`: the same key with the same body again counts nothing and gets the first answer.

    Raises:
        TooManyRows: Nothing is written.
        HostUnknown: It was removed meanwhile.
    """
    mark = hashlib.sha256(key.encode() + b"\0" + body).digest() if key else None
    if mark and (told := _told(host, mark)):
        return told
    read = _read(host, body, now)
    with transaction.atomic():
        found = Host.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "app")
        locked = found.filter(id=host.id, removed_at=None).first()
        if locked is None:
            raise HostUnknown
        if mark and (told := _told(host, mark)):
            return told
        Host.objects.filter(id=host.id).update(last_event_at=now)
        Malformed.objects.bulk_create(read.bad)
        _sight(locked, read.seen, now)
        alerts = raise_alerts(host=locked, breaches=_stored(locked, read.judged, now), now=now)
        alerts += _learn(locked, read.judged, now)
        taken = Ingested(len(read.judged), len(read.bad), read.faults, len(alerts))
        if mark:
            Batch.objects.create(host=host, key=mark, received_at=now, answer=taken.said())
    return taken


def _told(host: Host, mark: bytes) -> Ingested | None:
    row = Batch.objects.filter(host=host, key=mark).first()
    return Ingested(**row.answer) if row else None


def _read(host: Host, body: bytes, now: datetime) -> _Read:
    """Read, desensitise and judge a body."""
    read, rules = _Read(), rules_in_force()
    secret = hmac.digest(reference_key(), b"telemetry:" + host.tenant_id.bytes, "sha256")
    setting = setting_of(host)
    for count, row in enumerate(formats.read(body), 1):
        if count > MOST_ROWS:
            raise TooManyRows
        fault = row.fault
        if row.event is not None:
            try:
                _take(read, row.event, host=host, rules=rules, secret=secret, setting=setting, now=now)
            except Unreadable as error:
                fault = str(error) or "unreadable"
        if fault is not None:
            read.bad.append(Malformed(host=host, received_at=now, fault=clean(fault)[:80], size=len(row.raw)))
            if len(read.faults) < MOST_FAULTS:
                read.faults.append({"row": row.number, "fault": clean(fault)[:80]})
    return read


def _take(  # noqa: PLR0913
    read: _Read, given: dict[str, Any], *, host: Host, rules: Any, secret: bytes, setting: calls.Setting, now: datetime
) -> None:
    event = ecs.normalise(given)
    about = event["event"]
    is_ours = about.get("module") == "consonant"
    if is_ours and about.get("action") not in FROM_SIDECAR:
        raise Unreadable("no host may say this")
    event = desensitise.desensitise(event, secret)
    at = _time(event, now)
    place = event.get("consonant", {}).pop("place", None)  # kept nowhere but in a sighting, which goes with the file
    if is_ours and (seen := _seen(event, place, at)):
        read.seen.append(seen)
    event.setdefault("host", {})["id"] = str(host.id)
    is_call = calls.add_context(event, at=at, setting=setting)
    broken = rules.judge(event)
    read.judged.append(
        _Judged(
            Happened(at, event),
            [rule for rule in broken if not rule.is_base_only],
            [rule for rule in broken if rule.is_base_only],
            is_call,
        )
    )


def _time(event: dict[str, Any], now: datetime) -> datetime:
    """Return when it was: the host's word, if it is one."""
    said = event.get("@timestamp")
    at = datetime.fromisoformat(said) if said else now
    return at if 1970 <= at.year < 2200 else now


def _seen(event: dict[str, Any], place: object, at: datetime) -> _Seen | None:
    """Return what the sidecar saw of a file, if it is that.

    Raises:
        Unreadable: It is no place.
    """
    said, action = event.get("consonant", {}), event["event"]["action"]
    if action not in {"file.seen", "file.gone"}:
        return None
    try:
        mark = bytes.fromhex(place) if isinstance(place, str) and len(place) == _PLACE else b""
    except ValueError:
        mark = b""
    if not mark:
        raise Unreadable("a place is 64 hexadecimal digits")
    folder, suffix = clean(str(said.get("folder", "")))[:100], clean(str(said.get("suffix", "")))[:20]
    return _Seen(mark, action == "file.seen", folder, suffix, said.get("queued") is True, at)


def _sight(host: Host, seen: Sequence[_Seen], now: datetime) -> None:
    """Note what has no record yet, and forget what is gone."""
    last = {each.place: each for each in seen}
    if not last:
        return
    Sighting.objects.filter(host=host, place__in=[place for place, each in last.items() if not each.here]).delete()
    here = [each for each in last.values() if each.here]
    told = places_told(app_id=host.app_id, marks=[each.place for each in here])
    behind = timedelta(seconds=host.status.get("behind", 0.0))
    written = {each.place: min(now, each.at + behind) for each in here}
    waits = [each for each in here if each.place not in told or told[each.place] < written[each.place] - TOLD_BEFORE]
    queued = [each.place for each in waits if each.queued]
    Sighting.objects.filter(host=host, place__in=queued, state=Sighting.State.WAITING).update(
        due_at=now + RECORD_QUEUED_WITHIN
    )
    again = Sighting.objects.filter(host=host, place__in=[each.place for each in waits], state=Sighting.State.ALARMED)
    again.delete()  # it was written anew, and is looked at anew
    Sighting.objects.bulk_create(
        [
            Sighting(
                host=host,
                place=each.place,
                folder=each.folder,
                suffix=each.suffix,
                seen_at=written[each.place],
                received_at=now,
                due_at=now + (RECORD_QUEUED_WITHIN if each.queued else RECORD_WITHIN),
            )
            for each in waits
        ],
        ignore_conflicts=True,
    )


def _stored(host: Host, judged: Sequence[_Judged], now: datetime) -> list[Breach]:
    """Store the events and the matches; return what was broken, each rule once."""
    store(rows=[row_of(host, each.event, now) for each in judged if not (each.broken or each.counted)])
    telling = [each for each in judged if each.broken or each.counted]
    ids = store_evidence(rows=[row_of(host, each.event, now) for each in telling])
    breaches: dict[str, Breach] = {}
    counted: list[tuple[_Judged, int]] = []
    for each, event_id in zip(telling, ids, strict=True):
        for rule in each.broken:
            at = each.event.at
            known = breaches.setdefault(rule.slug, Breach(rule, at, at, each.event.data, count=0))
            known.count += 1
            known.last_at = max(known.last_at, at)
            known.evidence.append(event_id)
        if each.counted:
            counted.append((each, event_id))
    matches = [(rule, each.event, event_id) for each, event_id in counted for rule in each.counted]
    return [*breaches.values(), *correlate(host=host, matches=matches, now=now)]


def _learn(host: Host, judged: Sequence[_Judged], now: datetime) -> list[Alert]:
    """Add the calls to their days, and raise what breaks with the days before."""
    zone = ZoneInfo(host.timezone)
    by_day: dict[date, list[_Judged]] = defaultdict(list)
    for each in judged:
        if each.is_call and now - LOOK_BACK <= each.event.at <= now + AHEAD:
            by_day[each.event.at.astimezone(zone).date()].append(each)
    raised: list[Alert] = []
    for day, called in sorted(by_day.items()):
        commands = {str(each.event.data.get("process", {}).get("command_line", "")) for each in called}
        raised += learn(
            host=host,
            day=day,
            calls=len(called),
            hours={each.event.at.astimezone(zone).hour for each in called},
            commands={command for command in commands if command},
            now=now,
        )
    return raised
