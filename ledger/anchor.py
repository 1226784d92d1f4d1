"""Anchor a log: have others testify that its published checkpoint existed by a time, and keep what they gave beside the log.

Of each anchored head two files and a row are kept: `anchors/<size>.checkpoint`, the signed note; `anchors/<size>.<suffix>`, the evidence
for exactly these bytes; and last the row, which says that it was done. Evidence is kept only once it verifies. A crash leaves a note
without evidence, which the next call uses, or evidence without a row, from which the next call writes the row. Two calls at once: the
store takes one's files, and the other takes them up.

Who testifies is set by `TSA_URL` (an RFC 3161 authority) and `ANCHORS` (others, see `ledger.anchorer`). One that fails stops no other, and
raises the alarm `anchor.failed` until it succeeds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ledger import checkpoint
from ledger.alarms import end_alarm, raise_alarm
from ledger.anchorer import Anchorer
from ledger.authority import TimestampAuthority
from ledger.errors import AnchorFailed, FileDiffers, InvalidEvidence, LedgerError
from ledger.files import EVIDENCE, find, read, write
from ledger.finding import Finding, bad, good
from ledger.merkle import read_root
from ledger.models import Anchor, Log
from ledger.note import Verifier
from ledger.tiles import TileReader
from ledger.timestamp import read_roots

__all__ = ["Anchored", "Anchorer", "TimestampAuthority", "anchor", "anchorers", "verify_anchors"]

_ALARM = "anchor.failed"
_NAME = re.compile(r"[a-z0-9]{1,20}", flags=re.ASCII)
_NOTE = "checkpoint"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Anchored:
    """What one anchorer did for the head of `size`: the time it states, or what was wrong."""

    kind: str
    size: int
    at: datetime | None
    trouble: str = ""


def anchorers() -> list[Anchorer]:
    """Return who is set to testify.

    Raises:
        ImproperlyConfigured: A setting names what is not there, or two that cannot be told apart.
    """
    found: list[Anchorer] = []
    try:
        if settings.TSA_URL:
            found.append(TimestampAuthority(settings.TSA_URL, read_roots(Path(settings.TSA_ROOTS).read_bytes())))
        found += [import_string(name)() for name in settings.ANCHORS]
    except (OSError, ValueError, ImportError) as error:
        raise ImproperlyConfigured(f"an anchor cannot be set up: {error}") from error
    names = [each.kind for each in found], [each.suffix for each in found]
    if any(len(set(some)) < len(some) or not all(map(_NAME.fullmatch, some)) for some in names) or _NOTE in names[1]:
        raise ImproperlyConfigured("every anchor has a kind and a suffix of its own, up to 20 of a-z and 0-9")
    return found


def anchor(*, origin: str, now: datetime) -> list[Anchored]:
    """Have the published head of the log anchored by all who have not testified to it or to a later one.

    Returns an empty list when nothing was published or nothing grew.

    Raises:
        ImproperlyConfigured: See `anchorers`.
        LedgerError: The published checkpoint is not there to be read, or is not the log's.
    """
    known = Log.objects.filter(origin=origin).first()
    if known is None:
        return []
    try:
        note = read(origin, "checkpoint")
    except FileNotFoundError:
        return []
    head = checkpoint.open(note, [Verifier.from_vkey(known.vkey)])
    if head.size == 0:
        return []
    return [
        _anchored_by(each, known, head, note, now=now)
        for each in anchorers()
        if not Anchor.objects.filter(log=known, kind=each.kind, size__gte=head.size).exists()
    ]


def verify_anchors(*, origin: str) -> Iterator[Finding]:
    """Yield what the kept evidence shows, one finding each, without a network: that the log's own head of that size existed by a time.

    Evidence for a head that the published log does not extend proves a rewritten history, and evidence for a longer log a shortened one.
    """
    known = Log.objects.get(origin=origin)
    by_suffix = {each.suffix: each for each in anchorers()}
    paths = set(find(origin, "anchors/"))
    for missing in sorted({row.path for row in Anchor.objects.filter(log=known)} - paths):
        yield bad("anchor.missing", None, f"{missing} was kept once, and is gone")
    places = sorted((int(match[1]), match[2]) for path in paths if (match := EVIDENCE.fullmatch(path)))
    if not places:
        yield good("anchor.none", f"{origin}: no head was anchored")
        return
    published = checkpoint.open(read(origin, "checkpoint"), [Verifier.from_vkey(known.vkey)])
    for size, suffix in places:
        if suffix != _NOTE:
            yield _verified(known, published, f"anchors/{size}.{suffix}", by_suffix.get(suffix))


def _anchored_by(who: Anchorer, known: Log, head: checkpoint.Checkpoint, note: bytes, *, now: datetime) -> Anchored:
    try:
        at = _testify(who, known, head, note)
    except LedgerError as error:
        log.warning("anchor_failed", log=known.origin, kind=who.kind, error=str(error))
        raise_alarm(origin=known.origin, what=_ALARM, detail=f"{who.kind}: {error}", now=now)
        return Anchored(who.kind, head.size, None, str(error))
    Anchor.objects.get_or_create(
        log=known, size=head.size, kind=who.kind, defaults={"at": at, "path": f"anchors/{head.size}.{who.suffix}"}
    )
    end_alarm(origin=known.origin, what=_ALARM, detail=f"{who.kind}: ", now=now)
    return Anchored(who.kind, head.size, at)


def _testify(who: Anchorer, known: Log, head: checkpoint.Checkpoint, note: bytes) -> datetime:
    """Bring the files to where they must be; return the time that the evidence states."""
    kept = _keep(known.origin, f"anchors/{head.size}.{_NOTE}", note)
    if kept != note:  # the same head, cosigned by others: evidence is for the note that was kept first
        _check_note(kept, known, head)
    path = f"anchors/{head.size}.{who.suffix}"
    try:
        evidence = read(known.origin, path)
    except FileNotFoundError:
        evidence = _ask(who, kept)
        _time_of(who, kept, evidence)
        evidence = _keep(known.origin, path, evidence)
    return _time_of(who, kept, evidence)


def _keep(origin: str, path: str, data: bytes) -> bytes:
    """Write the file unless there is one; return what is there."""
    try:
        return read(origin, path)
    except FileNotFoundError:
        pass
    try:
        write(origin, [(path, data)])
    except FileDiffers:
        return read(origin, path)  # another process was first
    return data


def _ask(who: Anchorer, note: bytes) -> bytes:
    try:
        return who.anchor(note)
    except LedgerError:
        raise
    except Exception as error:
        raise AnchorFailed(type(error).__name__) from error


def _time_of(who: Anchorer, note: bytes, evidence: bytes) -> datetime:
    try:
        at = who.verify(note, evidence)
    except InvalidEvidence:
        raise
    except Exception as error:
        raise InvalidEvidence(type(error).__name__) from error
    if at.tzinfo is None:
        raise InvalidEvidence("a time without its zone")
    return at


def _check_note(note: bytes, known: Log, head: checkpoint.Checkpoint) -> None:
    kept = checkpoint.open(note, [Verifier.from_vkey(known.vkey)])
    if (kept.origin, kept.size, kept.root) != (head.origin, head.size, head.root):
        raise InvalidEvidence(f"another head of size {head.size} was anchored: the log signed two")


def _verified(known: Log, published: checkpoint.Checkpoint, name: str, who: Anchorer | None) -> Finding:
    if who is None:
        return bad("anchor.unknown", None, f"nothing that is set verifies {name}")
    size = int(name.removeprefix("anchors/").partition(".")[0])
    try:
        note = read(known.origin, f"anchors/{size}.{_NOTE}")
        head = checkpoint.open(note, [Verifier.from_vkey(known.vkey)])
        if (head.origin, head.size) != (known.origin, size):
            raise InvalidEvidence("its note is of another log or size")
        at = _time_of(who, note, read(known.origin, name))
    except FileNotFoundError:
        return bad("anchor.note", None, f"the note of {name} is gone")
    except LedgerError as error:
        return bad("anchor.invalid", None, f"{name}: {error}")
    return _against(published, head) or good(
        "anchor.verified", f"{size} entries, root {head.root.hex()}, existed by {_utc(at)} ({who.kind})"
    )


def _against(published: checkpoint.Checkpoint, anchored: checkpoint.Checkpoint) -> Finding | None:
    """Return what is wrong with the published log, whose head was anchored once; None if it extends it."""
    if anchored.size > published.size:
        return bad("history.shrunk", None, f"{anchored.size} entries were anchored, and {published.size} are published")
    reader = TileReader(lambda path: read(published.origin, path), published.size)
    try:
        root = read_root(size=anchored.size, reader=reader)
    except (LedgerError, FileNotFoundError) as error:
        why = type(error).__name__
        return bad("tile.missing", None, f"the tiles do not lead to the first {anchored.size} entries ({why})")
    if root != anchored.root:
        return bad("history.forked", None, f"the first {anchored.size} entries have another root now than was anchored")
    return None


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
