"""A person takes what is known of them with them: one ZIP with `data.json`, what the vault still holds in the plain, and their receipts.

That it was asked for is entered first, in a transaction of its own: nothing is handed out unseen. Then it is made while it is sent, with
one thing in memory at a time. What has come to its deadline meanwhile is left out; of what proves a consent, recordings are in it until
an erasure restricts them.
"""

import json
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

import vault.blobs
from accounts.models import User
from consent import act_for
from consent.enter import enter_for_person
from consent.issue_receipt import issue_receipt
from consent.models import Delegation, Statement
from consent.queries import grants_of
from keyring.errors import KeyGone
from ledger.errors import LedgerError
from retention import about
from retention.models import Artifact, Custody
from vault.blobs import Kind
from vault.errors import BlobGone

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


@dataclass(frozen=True)
class Export:
    """What was asked for, and when."""

    user: User
    at: datetime


def export(*, user: User, by: Delegation | None, now: datetime) -> Export:
    """Enter that the person's data is taken out, and return what `pieces` makes.

    Raises:
        consent.errors.DelegationUnknown: Who acts for the person may not.
    """
    with transaction.atomic():
        actor = act_for.actor(user=user, by=by, now=now)
        told = {"delegation": str(by.id)} if by else {}
        enter_for_person(user=user, kind="access.exported", actor=actor, payload=told, now=now)
    return Export(user, now)


def pieces(asked: Export) -> Iterator[bytes]:
    """Yield the ZIP piece by piece, in bounded memory."""
    out, names = _Pieces(), dict[uuid.UUID, str]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _READ_ME)
        for of, name, data in _files(asked):
            names[of] = name
            archive.writestr(name, data)
            yield from out.take(at_least=_PIECE_BYTES)
        with archive.open("data.json", "w") as file:
            for text in _data(asked, names):
                file.write(text.encode())
                yield from out.take(at_least=_PIECE_BYTES)
    yield from out.take(at_least=1)


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


def _data(asked: Export, names: Mapping[uuid.UUID, str]) -> Iterator[str]:
    yield f'{{\n"made_at": {_json(asked.at)},\n"person": {_json(about.person(asked.user))}'
    for name, section in about.sections(asked.user, files=names).items():
        yield f',\n"{name}": ['
        for number, item in enumerate(section):
            yield f"{',' if number else ''}\n{_json(item)}"
        yield "\n]"
    yield "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=about.plain)


def _files(asked: Export) -> Iterator[tuple[uuid.UUID, str, bytes]]:
    """Yield of what each file is, its name and its bytes; what is destroyed at this moment is left out."""
    kept = Artifact.objects.filter(subject__user=asked.user, custody=Custody.VAULT, state=Artifact.State.ACTIVE)
    for artifact in kept.filter(expires_at__gt=asked.at).order_by("id").iterator():
        try:
            data = vault.blobs.read(blob=artifact.id)
        except BlobGone:
            continue
        yield artifact.id, f"media/{artifact.id}.{_ending(data)}", data
    spoken = Statement.objects.filter(grant__subject__user=asked.user, grant__binding__closed_at=None)
    for statement, recording in spoken.order_by("id").values_list("id", "recording"):
        if recording is None:
            continue  # it was not said
        try:
            data = vault.blobs.read(blob=recording, kind=Kind.STATEMENT)
        except BlobGone:
            continue
        yield statement, f"statements/{statement}.{_ending(data)}", data
    for delegation in about.papers_of(asked.user):
        try:
            data = vault.blobs.read(blob=delegation, kind=Kind.DOCUMENT)
        except BlobGone:
            continue
        yield delegation, f"documents/{delegation}.{_ending(data)}", data
    mine = grants_of(user=asked.user).select_related("subject__tenant").filter(binding__closed_at=None)
    for grant in mine.iterator():
        try:
            yield grant.id, f"receipts/{grant.id}.jsonld", issue_receipt(grant=grant, now=asked.at)
        except (KeyGone, LedgerError, FileNotFoundError):
            continue


def _ending(data: bytes) -> str:
    """Return the usual ending of such a file's name, by how it begins."""
    if data.startswith(_MPEG):
        return "mp3"
    return next((ending for begin, ending in _BEGINS if data.startswith(begin)), _UNKNOWN)
