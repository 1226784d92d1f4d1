"""A person takes what is known of them with them: one ZIP with `data.json`, what the vault still holds in the plain, and their receipts.

That it was asked for is entered first, with the request, in one transaction: nothing is made unseen. A worker makes it
(`retention.make_exports`), piece by piece into the vault, with one piece in memory at a time. What could not be put into it is listed with
the reason: what has come to its deadline meanwhile, what is locked, what an erasure restricts.

It is due in a month (GDPR 12(3)) and takes seconds. An officer may extend it, with a reason which the person reads, within thirty days.
"""

import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import transaction

import vault.blobs
from accounts.models import User
from consent import act_for
from consent.enter import enter_for_person
from consent.issue_receipt import issue_receipt
from consent.machine import ERASING
from consent.models import Delegation, Statement
from consent.queries import grants_of
from hooks.wake import wake
from keyring.errors import KeyGone, SealBroken
from ledger.errors import LedgerError
from retention import about
from retention.erasure_clock import LAST_DAY_TO_EXTEND, Law, can_extend, due, law_of
from retention.errors import ExportRefused
from retention.lockers import opener
from retention.models import Artifact, Custody, Export
from vault.blobs import Kind
from vault.errors import BlobGone, BlobLocked

log = structlog.get_logger(__name__)
_READ_ME: Final = """\
data.json   what this service knows of you: consents, notices you read, what was made of your voice, who holds it,
            how long it may be kept, erasures, who acts for whom, and every record with the opening that proves it
media/      what was made of your voice and is still here
statements/ consents that you spoke
documents/  what shows that you may act for somebody, as you handed it in, or that somebody may act for you
receipts/   a receipt of each consent, which anyone can verify

data.json   本服务所知的关于您的一切：同意、您读过的告知书、用您的声音生成的内容、持有者、保存期限、删除、代理人，
            以及每条记录和证明它的开启值
media/      用您的声音生成且仍保存在此的内容
statements/ 您口头作出的同意
documents/  证明您可以代他人行事（由您提交）或他人可以代您行事的文件
receipts/   每项同意的回执，任何人都可核验
"""
_BEGINS: Final = (
    (b"RIFF", "wav"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG", "png"),
    (b"%PDF", "pdf"),
)
_UNKNOWN: Final = "bin"
_PIECE_BYTES: Final = 65_536
_MPEG: Final = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")


MOST_A_DAY: Final = 5
"""Who asks more often is told when to ask again (GDPR 12(5), PIPL 50)."""
_LEFT_OUT: Final = {
    "locked": "It is locked with your passphrase. Open it in Settings, then ask again.",
    "destroyed": "It has been destroyed, or its deadline has come.",
    "restricted": "It is no longer used: it is about to be destroyed, or kept as evidence alone.",
    "broken": "It cannot be read any more, or not to its end; the operator has been told.",
    "unsealed": "Its receipt cannot be issued now: ask again later.",
}


def export(*, user: User, by: Delegation | None, now: datetime) -> Export:
    """Enter that the person's data is taken out, and return the request; one that is being made already is returned instead.

    Raises:
        consent.errors.DelegationUnknown: Who acts for the person may not.
        ExportRefused: It was asked for too often; the reason says when again. The refusal is entered.
    """
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        User.objects.select_for_update(no_key=True).get(id=user.id)
        mine = Export.objects.filter(user=user)
        if under_way := mine.filter(state__in=[Export.State.WAITING, Export.State.MAKING], until=None).first():
            return under_way
        lately = mine.filter(requested_at__gt=now - timedelta(days=1)).order_by("requested_at")
        lately = lately.exclude(state=Export.State.FAILED)  # which is ours to answer for
        refused = len(lately) >= MOST_A_DAY
        if refused:
            again = lately[len(lately) - MOST_A_DAY].requested_at + timedelta(days=1)
            payload = {"reason": "too_often", "again_at": again.isoformat()}
            enter_for_person(user=user, kind="access.refused", actor=actor, payload=payload, now=now)
        else:
            asked = Export.objects.create(
                user=user, asked_by=actor, requested_at=now, due_at=_due(user, now), retry_at=now
            )
            payload = {"delegation": str(by.id)} if by else {}
            enter_for_person(user=user, kind="access.exported", actor=actor, payload=payload, now=now)
            wake("retention.make_exports")
    if refused:
        raise ExportRefused("too_often", again)
    return asked


def extend(*, export_id: uuid.UUID, officer: User, reason: str, now: datetime) -> Export:
    """Give an export the longer time that the law knows, once, and tell the person why.

    Raises:
        ExportRefused: No reason; it is ready; it was extended already; thirty days have gone by; or the law knows no extension.
    """
    with transaction.atomic():
        asked = Export.objects.select_for_update(of=("self",)).select_related("user").get(id=export_id)
        law = law_of(asked.user.residence)
        if not reason.strip():
            raise ExportRefused("no_reason")
        open_still = asked.state in {Export.State.WAITING, Export.State.MAKING, Export.State.FAILED}
        if not open_still or asked.extended_at or not can_extend(law):
            raise ExportRefused("not_extendable")
        if now >= asked.requested_at + LAST_DAY_TO_EXTEND:
            raise ExportRefused("too_late")
        asked.extended_at, asked.extended_for = now, reason.strip()[:500]
        asked.due_at = due(law, received=asked.requested_at, extended=True)
        asked.save(update_fields=["extended_at", "extended_for", "due_at"])
        enter_for_person(
            user=asked.user,
            kind="access.extended",
            actor=f"officer:{officer.pk}",
            payload={"due_at": asked.due_at.isoformat(), "why": asked.extended_for},
            now=now,
        )
    return asked


def things(user: User) -> int:
    """Return of how many things the progress is counted."""
    mine, papers = grants_of(user=user).count(), len(about.papers_of(user))
    return 1 + 2 * mine + papers + 2 * Artifact.objects.filter(subject__user=user).count()


def pieces(
    asked: Export,
    *,
    at: datetime | None = None,
    tick: Callable[[], None] = lambda: None,
    left_out: dict[str, int] | None = None,
) -> Iterator[bytes]:
    """Yield the ZIP piece by piece, in bounded memory, of how things are `at` that moment; call `tick` after each thing.

    How many could not be put into it, by reason, is counted in `left_out`.
    """
    making = _Making(asked, at or asked.requested_at, tick, left_out if left_out is not None else {})
    out = _Pieces()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _READ_ME)
        for of, name, data in making.files():
            making.names[of] = name
            # Sound does not get smaller by deflating it, and what is made while it is written can be of any size.
            info = zipfile.ZipInfo(name, making.at.timetuple()[:6])
            with archive.open(info, "w", force_zip64=True) as file:
                for piece in data:
                    file.write(piece)
                    yield from out.take(at_least=_PIECE_BYTES)
            tick()
        with archive.open("data.json", "w", force_zip64=True) as file:
            for text in making.data():
                file.write(text.encode())
                yield from out.take(at_least=_PIECE_BYTES)
    yield from out.take(at_least=1)


def _due(user: User, now: datetime) -> datetime:
    """Return when it is due: GDPR's month is the longest of those that are promised (CCPA knows 45 days)."""
    law = law_of(user.residence)
    return due(Law.GDPR if law == Law.CCPA else law, received=now)


class _Pieces:
    """A file that cannot be gone back in, and that is taken away as it is written."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes, /) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self, *, at_least: int) -> Iterator[bytes]:
        if len(self._written) >= at_least:
            yield bytes(self._written)
            self._written.clear()


class _Making:
    """One export while it is made: what was put into it, and what was not."""

    def __init__(self, asked: Export, at: datetime, tick: Callable[[], None], counts: dict[str, int]) -> None:
        self.user, self.at, self._tick, self._counts = asked.user, at, tick, counts
        self._open = opener(now=at)
        self.names: dict[uuid.UUID, str] = {}
        self._missing: list[dict[str, Any]] = []

    def files(self) -> Iterator[tuple[uuid.UUID, str, Iterator[bytes]]]:
        """Yield of what each file is, its name and its bytes."""
        yield from self._media()
        yield from self._statements()
        for delegation, restricted in about.papers_of(self.user):
            if restricted:
                self._leave_out(delegation, "document", "restricted")
            elif opened := self._opened(delegation, "document", blob=delegation, kind=Kind.DOCUMENT):
                yield delegation, f"documents/{delegation}.{_ending(opened[0])}", opened[1]
        yield from self._receipts()

    def _media(self) -> Iterator[tuple[uuid.UUID, str, Iterator[bytes]]]:
        held = Artifact.objects.filter(subject__user=self.user, custody=Custody.VAULT, state__in=Artifact.LIVING)
        for artifact in held.select_related("grant__binding").order_by("id").iterator():
            if artifact.grant.binding.closed_at is not None or artifact.grant.state in ERASING:
                self._leave_out(artifact.id, "artifact", "restricted")
            elif artifact.expires_at <= self.at and not artifact.is_held:
                self._leave_out(artifact.id, "artifact", "destroyed")
            elif opened := self._opened(artifact.id, "artifact", blob=artifact.id, kind=None):
                yield artifact.id, f"media/{artifact.id}.{_ending(opened[0])}", opened[1]

    def _statements(self) -> Iterator[tuple[uuid.UUID, str, Iterator[bytes]]]:
        spoken = Statement.objects.filter(grant__subject__user=self.user).exclude(recording=None, spoken_at=None)
        for statement in spoken.select_related("grant__binding").order_by("id"):
            if statement.grant.binding.closed_at is not None:
                self._leave_out(statement.id, "statement", "restricted")
            elif statement.recording is None:
                self._leave_out(statement.id, "statement", "destroyed")
            elif opened := self._opened(statement.id, "statement", blob=statement.recording, kind=Kind.STATEMENT):
                yield statement.id, f"statements/{statement.id}.{_ending(opened[0])}", opened[1]

    def _receipts(self) -> Iterator[tuple[uuid.UUID, str, Iterator[bytes]]]:
        for grant in grants_of(user=self.user).select_related("subject__tenant", "binding").iterator():
            if grant.binding.closed_at is not None:
                self._leave_out(grant.id, "receipt", "restricted")
                continue
            try:
                yield grant.id, f"receipts/{grant.id}.jsonld", iter([issue_receipt(grant=grant, now=self.at)])
            except (KeyGone, LedgerError, FileNotFoundError):
                self._leave_out(grant.id, "receipt", "unsealed")

    def data(self) -> Iterator[str]:
        """Yield `data.json`."""
        yield f'{{\n"made_at": {_json(self.at)},\n"person": {_json(about.person(self.user))}'
        sections = about.sections(self.user, files=self.names)
        for name, section in [*sections.items(), ("left_out", iter(self._missing))]:
            yield f',\n"{name}": ['
            for number, item in enumerate(section):
                yield f"{',' if number else ''}\n{_json(item)}"
                if name in {"grants", "artifacts"}:
                    self._tick()
            yield "\n]"
        yield "\n}\n"

    def _opened(
        self, of: uuid.UUID, what: str, *, blob: uuid.UUID, kind: Kind | None
    ) -> tuple[bytes, Iterator[bytes]] | None:
        """Return how it begins and all of its bytes, or None and say why not."""
        try:
            plain = vault.blobs.pieces(blob=blob, kind=kind, opener=self._open)
            first = next(plain)
        except BlobGone:
            self._leave_out(of, what, "destroyed")
        except BlobLocked:
            self._leave_out(of, what, "locked")
        except SealBroken:
            self._broken(of, what)
        else:
            return first, self._to_its_end(of, what, first, plain)
        return None

    def _to_its_end(self, of: uuid.UUID, what: str, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        """Yield all of it; where it was cut off or changed further on, what stands before that, and say so: the rest goes out all the same."""
        try:
            yield first
            yield from rest
        except SealBroken:
            del self.names[of]
            self._broken(of, what)

    def _broken(self, of: uuid.UUID, what: str) -> None:
        log.error("export_cannot_read", what=what, id=str(of))
        self._leave_out(of, what, "broken")

    def _leave_out(self, of: uuid.UUID, what: str, reason: str) -> None:
        self._missing.append({"id": of, "what": what, "reason": reason, "sentence": _LEFT_OUT[reason]})
        self._counts[reason] = self._counts.get(reason, 0) + 1
        self._tick()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=about.plain)


def _ending(data: bytes) -> str:
    """Return the usual ending of such a file's name, by how it begins."""
    if data.startswith(_MPEG):
        return "mp3"
    return next((ending for begin, ending in _BEGINS if data.startswith(begin)), _UNKNOWN)
