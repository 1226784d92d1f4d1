"""The guard's work, turn by turn: see, sweep, scan, tell; what cannot be told waits sealed.

Each turn takes what was seen (at most 0.2 s old) and sends it; every 15 s the folders are swept; every minute they are scanned for what was not
seen, and the ports; and a heartbeat goes as often as the service wants. Of a file only the mark of its place, its folder's own name and its
suffix are told, and nothing but counts is logged.

While the service is away, sights wait in `<state>/guard/queue`, sealed as records are (`consonant.queue`), and are sent in order, each batch under
one Idempotency-Key. `queued` is decided when a sight is sent: it is true while the SDK's own queue names the place.

A crash leaves: sights of the last 0.2 s unsent, which the next start finds by their age (`<state>/guard/seen` holds when the last scan began).
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from consonant import __version__
from consonant.errors import NotAllowed, Rejected, Unavailable
from consonant.guard import ports, residue
from consonant.guard.profiles import SWEEP_EVERY, Watched, folders
from consonant.guard.watch import Seen, Watch
from consonant.places import host_key, place_of
from consonant.queue import Flushed, Queue, places_in
from consonant.settings import folder as private_folder
from consonant.wire import NOT_OURS, Answer, Call, judged, run, tried

log = logging.getLogger("consonant.guard")
TURN: Final = 0.2
SCAN_EVERY: Final = 60.0
BEAT_EVERY: Final = 15.0
_SENDING: Final = 3.0
_MOST_ROWS: Final = 1000
_MOST_BATCHES: Final = 5000
_MOST_REMEMBERED: Final = 10_000
_OVERLAP: Final = 5.0
_WAITS: Final = frozenset({401, 403})
_SYSMON: Final = ("sysmon", "sysmon64", "sysmon64a")


@dataclass(frozen=True)
class Plan:
    """What a guard watches. `watched` are folders beside those of the profile; `app` is the app's own folder."""

    profile: str = "other"
    app: Path | None = None
    watched: tuple[Watched, ...] = ()
    allowed: frozenset[int] = frozenset()
    of_host: bool = False
    expects_sysmon: bool = False

    def folders(self) -> list[Watched]:
        """Return all folders, as they are now."""
        return [*self.watched, *folders(self.profile, self.app)]


@dataclass
class _Told:
    """What has been told already."""

    seen: dict[str, float] = field(default_factory=dict)
    """Place -> when the file was last changed, of what was sent without `queued`."""
    left: set[str] = field(default_factory=set)
    ports: frozenset[int] = frozenset()
    has_sysmon: bool = False


class Sidecar:
    """One guard."""

    def __init__(self, plan: Plan, *, state: Path, send: Callable[[Call], Answer]) -> None:
        self._plan, self._state, self._send = plan, state, send
        self._key = host_key(state)
        self._records = state / "queue"
        self._queue = Queue(private_folder(state / "guard"), memory=0.0)
        self._watch = Watch(plan.profile)
        self._told = _Told()
        self._pending: list[dict[str, Any]] = []
        self._sequence = 0
        self._interval = BEAT_EVERY
        self._due = dict.fromkeys(("sweep", "follow", "scan", "beat", "flush"), 0.0)

    def start(self) -> None:
        """Begin to watch."""
        self._watch.start()
        self._watch.follow(self._plan.folders())

    def stop(self) -> None:
        """End. What was not sent is sealed."""
        self._watch.stop()
        self._pending += [self._event_of(each) for each in self._watch.take(0)]
        while self._pending:
            self._tell()

    def turn(self, seconds: float = TURN) -> None:
        """Do what is due; wait for so long at most."""
        self._pending += [self._event_of(each) for each in self._watch.take(seconds)]
        if self._is_due("sweep", SWEEP_EVERY):
            self.sweep()
        if self._is_due("follow", 1.0) and self._watch.follow(self._plan.folders()):
            self._due["scan"] = 0.0  # what is in a new folder came before anybody watched it
        if self._is_due("scan", SCAN_EVERY):
            self.scan()
        self._retell()
        if self._pending:
            self._tell()
        if self._is_due("flush", 2.0) and self._queue.waiting():
            self._flush()
        if self._is_due("beat", self._interval):
            self._beat()

    def sweep(self, *, now: float | None = None) -> int:
        """Remove what has outlived its time; return how many files went."""
        now = time.time() if now is None else now
        removed = 0
        for each in self._plan.folders():
            swept = residue.sweep(each, now=now)
            removed += len(swept.removed)
            self._pending += [self._event("residue.removed", path, each.name) for path in swept.removed]
            for path in swept.left:
                if path not in self._told.left and len(self._told.left) < _MOST_REMEMBERED:
                    self._told.left.add(path)
                    self._pending.append(self._event("residue.left", path, each.name))
            self._told.left -= set(swept.removed)
        if removed:
            log.info("residue was removed", extra={"count": removed})
        return removed

    def scan(self) -> frozenset[int]:
        """Look for files that were not seen coming, and for ports that should be closed; return those."""
        began, since = time.time(), self._last_scan()
        self._watch.follow(self._plan.folders())
        for each in self._plan.folders():
            if not each.is_reported or since is None:
                continue
            for found in residue.files_in(each):
                is_told = self._told.seen.get(place_of(self._key, found.path)) == found.changed
                if found.changed >= since - _OVERLAP and not is_told and self._watch.folder_of(found.path) is not None:
                    self._pending.append(self._event("file.seen", found.path, each.name, written=_written(found.path)))
        self._note_scan(began)
        bad = ports.unwanted(ports.open_ports(self._plan.app, of_host=self._plan.of_host), self._plan.allowed)
        for port in sorted(bad - self._told.ports):
            self._pending.append({**self._base("port.open"), "destination": {"port": port}})
        self._told.ports = bad
        return bad

    def _tell(self) -> None:
        rows, self._pending = self._pending[:_MOST_ROWS], self._pending[_MOST_ROWS:]
        key = uuid.uuid4().hex
        if self._queue.waiting():  # in order: those before first
            self._keep(key, rows)
            return
        try:
            self._deliver(key, rows)
        except Unavailable:
            self._keep(key, rows)
        except (Rejected, NotAllowed) as refused:
            log.error("sights were refused: %s", type(refused).__name__, extra={"count": len(rows)})  # noqa: TRY400 - no trace: it would name what was sent

    def _keep(self, key: str, rows: list[dict[str, Any]]) -> None:
        """Seal what cannot be told now; beyond `_MOST_BATCHES` the disk is worth more, and the loss is logged."""
        if len(self._queue.waiting()) >= _MOST_BATCHES:
            log.error("too much waits: sights are lost", extra={"count": len(rows)})
            return
        self._queue.put({"key": key, "rows": rows})
        log.warning("the service is away: sights wait", extra={"count": len(rows)})

    def _flush(self) -> None:
        def deliver(_name: str, batch: dict[str, Any]) -> str | None:
            try:
                self._deliver(batch["key"], batch["rows"])
            except (Rejected, NotAllowed):
                return None
            return "sent"

        try:
            flushed: Flushed = self._queue.flush(deliver)
        except Unavailable:
            return
        if flushed.dead:
            log.error("sights were given up", extra={"count": flushed.dead})

    def _deliver(self, key: str, rows: list[dict[str, Any]]) -> None:
        waiting = places_in(self._records)
        sent = []
        for row in rows:
            about = row.get("consonant", {})
            is_queued = row["event"]["action"] == "file.seen" and about.get("place") in waiting
            sent.append({**row, "consonant": {**about, "queued": True}} if is_queued else row)
        body = "\n".join(map(_line, sent)).encode()
        files = {"content": ("", body, "application/x-ndjson")}
        self._judge(Call("POST", "/api/v1/telemetry", files=files, headers={"Idempotency-Key": key}, seconds=_SENDING))

    def _retell(self) -> None:
        """Tell of a file again whose record has been queued since."""
        if not self._told.seen:
            return
        for place in places_in(self._records) & self._told.seen.keys():
            del self._told.seen[place]
            about = {"place": place, "queued": True}
            self._pending.append({**self._base("file.seen"), "consonant": about})

    def _beat(self) -> None:
        self._sequence += 1
        has_sysmon = ports.runs(*_SYSMON)
        self._told.has_sysmon |= has_sysmon or self._plan.expects_sysmon
        body = {
            "agent": f"consonant-guard/{__version__}",
            "sequence": self._sequence,
            "sent_at": _now(),
            "queued": len(self._queue.waiting()),
            "watched": sum(each.path.is_dir() for each in self._plan.folders()),
            "ports": sorted(self._told.ports),
            "monitors": {"sysmon": has_sysmon if self._told.has_sysmon else None},
        }
        try:
            got = self._judge(Call("POST", "/api/v1/heartbeats", json=body, seconds=_SENDING))
        except (Unavailable, Rejected, NotAllowed) as error:
            log.warning("no heartbeat was taken: %s", type(error).__name__)
            return
        self._interval = _seconds(str(got.get("interval", ""))) or BEAT_EVERY
        if got.get("app_suspended"):
            log.warning("the app is suspended")

    def _judge(self, call: Call) -> Any:
        answer = run(tried(call, deadline=_SENDING), self._send)
        try:
            return judged(answer)
        except Rejected as rejected:
            if rejected.status in _WAITS or rejected.problem == NOT_OURS:
                raise Unavailable("the agent's token is not taken, or somebody else answered") from None
            raise

    def _event_of(self, seen: Seen) -> dict[str, Any]:
        return self._event("file.gone" if seen.is_gone else "file.seen", seen.path, seen.folder)

    def _event(self, action: str, path: str, folder: str, *, written: float | None = None) -> dict[str, Any]:
        place = place_of(self._key, path)
        if action == "file.seen":
            while len(self._told.seen) >= _MOST_REMEMBERED:
                del self._told.seen[next(iter(self._told.seen))]
            try:
                self._told.seen[place] = os.lstat(path).st_ctime
            except OSError:
                self._told.seen.pop(place, None)
        else:
            self._told.seen.pop(place, None)
        about = {"place": place, "folder": folder, "suffix": Path(path).suffix.lower()[:12], "queued": False}
        # What is seen as it is closed was written now. What a scan finds may lie there long: a backup that links it changes no word of it.
        when = {} if written is None else {"@timestamp": _moment(written)}
        return {**self._base(action), **when, "consonant": about}

    @staticmethod
    def _base(action: str) -> dict[str, Any]:
        event = {"module": "consonant", "action": action, "dataset": "consonant.sidecar"}
        return {"@timestamp": _now(), "event": event}

    def _is_due(self, what: str, every: float) -> bool:
        if time.monotonic() < self._due[what]:
            return False
        self._due[what] = time.monotonic() + every
        return True

    def _last_scan(self) -> float | None:
        try:
            return float((self._state / "guard" / "seen").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def _note_scan(self, at: float) -> None:
        aside = self._state / "guard" / ".seen"
        aside.write_text(repr(at), encoding="ascii")
        aside.replace(self._state / "guard" / "seen")


def _now() -> str:
    return _moment(time.time())


def _moment(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _written(path: str) -> float | None:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return None


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"))


def _seconds(duration: str) -> float | None:
    """Return the seconds of `PT15S`, the one form in which the service names them."""
    number = duration.removeprefix("PT").removesuffix("S")
    return min(max(float(number), 1.0), 300.0) if number.isascii() and number.isdigit() else None


def due_in(watched: Collection[Watched]) -> float:
    """Return after how many seconds temporary audio is gone at the latest: the longest time of these folders, and a sweep."""
    return max((each.ttl for each in watched if each.ttl is not None), default=0.0) + SWEEP_EVERY
