"""What somebody hands in at the Verify page, and what it shows.

`look` finds out by what is in it which kind it is, and checks it with the keys of this service's own logs and what they have published.
It writes nothing, keeps nothing, logs nothing, and whatever is handed in, it answers with a value. It tells nothing about a person that
the file does not say itself.
"""

import base64
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from accounts.models import App
from consent import receipt, status_token, verify_receipt
from consent.errors import ReceiptBroken, TokenRefused
from consent.token_keys import published_keys
from ledger import checkpoint as checkpoints
from ledger import leaf as leaves
from ledger import merkle, note, proof, signed_json
from ledger.errors import InvalidProof, LedgerError, NotSealed, StoreAway
from ledger.files import read
from ledger.finding import Finding
from ledger.models import Entry, Log
from ledger.prove import prove
from ledger.queries import entry_by_ref, is_pending
from ledger.signing import published_certifier
from ledger.tiles import TileReader
from retention import certificate, clip_process
from retention import clip as clips
from retention.credential import anchors
from retention.errors import CertificateBroken, ClipUnreadable
from zkp import document as documents
from zkp.ask_proof import LIVES, TURNS
from zkp.core.active import LIFETIME
from zkp.core.context import Context, read_moment
from zkp.errors import DocumentBroken
from zkp.issuer import issuer_of
from zkp.judge import Found, open_entries

MAX_SHOWN: Final = 20
MAX_JSON_BYTES: Final = 4 * 1024 * 1024
"""What is larger takes the offline verifier: to parse it here would keep others waiting."""
_JSON_DEPTH: Final = 16
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}")
_ASKER: Final = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?|app:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Who can ask here. Whoever made a proof could write a sentence there, and it would be shown as ours."""
_REF: Final = re.compile(
    r"(?:https?://[^/\s?#@]{1,253}/api/v1/entries/)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/proof)?"
)


class Kind(StrEnum):
    """What it is."""

    UNKNOWN = "unknown"
    CERTIFICATE = "certificate"
    RECEIPT = "receipt"
    STATUS = "status"
    PROOF = "proof"
    CHECKPOINT = "checkpoint"
    ENTRY = "entry"
    CLIP = "clip"
    ANONYMOUS = "anonymous"
    """A proof without identity."""


class Outcome(StrEnum):
    """What came of checking it."""

    HOLDS = "holds"
    BROKEN = "broken"
    OPEN = "open"
    """Nothing can be said."""


class Standing(StrEnum):
    """Where an entry that something names is."""

    SEALED = "sealed"
    WAITING = "waiting"
    NOWHERE = "nowhere"
    FOREIGN = "foreign"
    FALSE = "false"
    """What is published is not what was entered."""


@dataclass(frozen=True)
class Place:
    """An entry, as far as anybody may know it."""

    ref: str
    standing: Standing
    host: str = ""
    """Who keeps it, where that is another service."""
    log: str = ""
    index: int | None = None
    kind: str = ""
    at: datetime | None = None
    size: int | None = None
    """Of the signed head that covers it."""


@dataclass(frozen=True)
class Exhibit:
    """What was handed in, and what it shows."""

    kind: Kind
    outcome: Outcome = Outcome.OPEN
    reason: str = ""
    """Why, where one word says it: `foreign_log`, `rewritten`, `expired`, ..."""
    findings: Sequence[Finding] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    places: Sequence[Place] = ()
    clip: clips.Clip | None = None


def look(data: bytes, *, now: datetime) -> Exhibit:
    """Return what was handed in, and what it shows.

    Raises:
        retention.errors.ClipBusy: Too many clips are being read at this moment.
        ledger.errors.StoreAway: What is published cannot be read at this moment.
    """
    if clips.media_type(data):
        return _clip(data)
    try:
        text = data.decode().strip().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return Exhibit(Kind.UNKNOWN)
    for beginning, judge in ((proof.HEADER, _proof), ('{"actor":"', _leaf), ("{", _json)):
        if text.startswith(beginning):
            return judge(text)
    if _TOKEN.fullmatch(text):
        return _status(text, now)
    if found := _REF.fullmatch(text):
        return _entry(found[1])
    return _checkpoint(text) if "\n\n\u2014 " in text else Exhibit(Kind.UNKNOWN)


def _json(text: str) -> Exhibit:
    data = text.encode()
    if len(data) > MAX_JSON_BYTES:
        return Exhibit(Kind.UNKNOWN, reason="large")
    said = _object(data)
    if "certificate" in said and "signature" in said:
        return _certificate(data)
    if said.get("@type") == "dpv:ConsentReceipt":
        return _receipt(data)
    if documents.looks_like(said):
        return _anonymous(said)
    if said.keys() == {"log", "index", "leaf"} and isinstance(said["leaf"], str):  # as /api/v1/entries/{ref} gives it
        return _leaf(said["leaf"])
    return Exhibit(Kind.UNKNOWN)


def _anonymous(said: dict[str, Any]) -> Exhibit:
    """Check a finished proof against its own context: whether it was asked, and is fresh, is for whoever asked to know."""
    try:
        proof = documents.parse(said)
    except DocumentBroken:
        return Exhibit(Kind.ANONYMOUS, Outcome.BROKEN, "malformed")
    context = proof.context
    if trouble := _bound(context):
        return Exhibit(Kind.ANONYMOUS, *trouble, facts={"log": context.origin})
    facts: dict[str, Any] = {"log": context.origin, "statement": context.statement, "verifier": context.verifier}
    facts |= {"purpose": context.purpose, "until": context.expires, "says": {}, "app": "", "asker": ""}
    shown = proof.disclosed
    found = open_entries(context.origin, context.size, proof) if shown is None else Found(says={"shown": shown})
    if found.reason:
        return Exhibit(Kind.ANONYMOUS, Outcome.BROKEN, "other_entry")
    made = _made_at(proof)
    issuer = issuer_of(context.origin, now=timezone.now()).pk
    if made is None or not documents.holds(proof, context=context, issuer=issuer, now=made):
        return Exhibit(Kind.ANONYMOUS, Outcome.BROKEN, "unproven")
    app = app_name((shown or {}).get("app", ""))
    asker = app_name(context.verifier.removeprefix("app:")) if context.verifier.startswith("app:") else ""
    return Exhibit(Kind.ANONYMOUS, Outcome.HOLDS, facts=facts | {"says": found.says, "app": app, "asker": asker})


def _bound(context: Context) -> tuple[Outcome, str] | None:
    """Say what is wrong with what a proof says that it answers: None if such a question can have been asked here."""
    if not _ASKER.fullmatch(context.verifier) or TURNS.search(context.purpose):
        return Outcome.BROKEN, "malformed"
    log = Log.objects.filter(origin=context.origin).first()
    if log is None:
        return Outcome.OPEN, "foreign_log"
    if not context.size:
        return Outcome.BROKEN, "other_head"
    # By what is published, not by the rows of heads: a restored database lacks the last of them.
    if trouble := _history(log, checkpoints.Checkpoint(context.origin, context.size, context.root)):
        outcome, why = trouble  # nothing says that the log signed it
        return outcome, {"rewritten": "other_head", "newer": "ahead"}.get(why, why)
    return None


def _made_at(proof: documents.Document) -> datetime | None:
    """Return a moment at which the proof can have been made: a credential must have stood while its question could be answered."""
    ends = proof.context.expires
    if not proof.pseudonym:
        return ends
    try:
        until = read_moment((proof.disclosed or {}).get("valid_until", ""))
    except ValueError:
        return None
    return until if ends - LIVES <= until <= ends + LIFETIME else None


def app_name(said: str) -> str:
    """Return the name of the app with that id, empty where there is none."""
    try:
        app = App.objects.filter(id=uuid.UUID(said)).first() if said else None
    except ValueError:
        return ""
    return str(app.name) if app else ""


def _object(data: bytes) -> dict[str, Any]:
    """Return what the JSON says; nothing, where it is none that is known here."""
    # In memory a value takes many times its bytes; what is known here has few values for its length.
    if sum(map(data.count, (b"{", b"[", b","))) > len(data) // 10 + 1000:
        return {}
    try:
        said = signed_json.read(data, max_bytes=MAX_JSON_BYTES, max_depth=_JSON_DEPTH)
    except LedgerError:
        return {}
    return said if isinstance(said, dict) else {}


def _certificate(data: bytes) -> Exhibit:
    try:
        body, _ = certificate.parse(data)
    except CertificateBroken:
        return Exhibit(Kind.CERTIFICATE, Outcome.BROKEN, "malformed")
    log, issuer = _keys(body["log"])
    if log is None or issuer is None:
        return Exhibit(Kind.CERTIFICATE, Outcome.OPEN, "foreign_log", facts={"log": body["log"]})
    findings = certificate.verify(data, issuer=issuer, log=log)
    gone = [each for each in body["artifacts"] if each["gone"] != "unconfirmed"]
    facts = {
        **{name: body[name] for name in ("log", "scope", "requested_at", "completed_at", "keys_destroyed_at")},
        "backups_by": body["unrecoverable_from_backups_by"],
        "gone": len(gone),
        "unconfirmed": len(body["artifacts"]) - len(gone),
        "kept": sum(1 for each in body["kept"] if each.get("artifact")),
        "recipients": len(body.get("recipients", [])),
        "silent": sum(1 for each in body.get("recipients", []) if each["outcome"] not in {"deleted", "not_found"}),
        "entries": len(body["entries"]),
    }
    return _found(Kind.CERTIFICATE, findings, facts)


def _receipt(data: bytes) -> Exhibit:
    try:
        body, _ = receipt.parse(data)
    except ReceiptBroken:
        return Exhibit(Kind.RECEIPT, Outcome.BROKEN, "malformed")
    log, issuer = _keys(body["vl:log"])
    if log is None or issuer is None:
        return Exhibit(Kind.RECEIPT, Outcome.OPEN, "foreign_log", facts={"log": body["vl:log"]})
    findings = verify_receipt.verify(data, [log, issuer])
    record = body["dpv:hasRecordOfActivity"][0]
    last = record["dpv:hasConsentStatus"][-1]
    facts = {
        "log": body["vl:log"],
        "app": record["vl:appName"],
        "purpose": record["vl:purpose"],
        "operations": [each for each in record["vl:operations"] if isinstance(each, str)],
        "state": last["vl:state"],
        "since": last["dpv:isIndicatedAtTime"],
        "created": body["dct:created"],
        "entries": len(body["vl:entries"]),
    }
    return _found(Kind.RECEIPT, findings, facts)


def _found(kind: Kind, findings: Sequence[Finding], facts: Mapping[str, Any]) -> Exhibit:
    broken = any(finding.level == "error" for finding in findings)
    return Exhibit(
        kind,
        Outcome.BROKEN if broken else Outcome.HOLDS,
        "",
        findings[:MAX_SHOWN],
        {} if broken else facts,
    )


def _keys(origin: str) -> tuple[note.Verifier | None, note.Verifier | None]:
    """Return the keys of a log that is kept here: its own, and that of those who certify what is in it."""
    log = Log.objects.filter(origin=origin).first()
    return (note.Verifier.from_vkey(log.vkey), published_certifier(origin)) if log else (None, None)


def _status(token: str, now: datetime) -> Exhibit:
    audience = _audience(token)
    try:
        keys = {key.kid: key for key in published_keys()}
        shown = status_token.verify(token, keys=keys, audience=audience, now=now)
    except TokenRefused as refused:
        return Exhibit(Kind.STATUS, Outcome.BROKEN, refused.reason)
    facts = {
        "issuer": shown.issuer,
        "audience": audience,
        "purpose": shown.purpose,
        "operations": list(shown.operations),
        "at": shown.at,
        "until": shown.until,
    }
    return Exhibit(Kind.STATUS, Outcome.HOLDS, facts=facts)


def _audience(token: str) -> str:
    """Return for whom the token says that it was made: who looks here is anybody, so that is shown and not asked."""
    part = token.split(".")[1]
    try:
        said = signed_json.read(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), max_bytes=4096, max_depth=8)
    except (ValueError, LedgerError):
        return ""
    audience = said.get("aud") if isinstance(said, dict) else None
    return audience if isinstance(audience, str) else ""


def _proof(text: str) -> Exhibit:
    text += "\n"  # which a paste may have lost
    try:
        said = proof.parse(text)
    except LedgerError:
        return Exhibit(Kind.PROOF, Outcome.BROKEN, "malformed")
    signed = _signed_head(Kind.PROOF, said.checkpoint)
    if isinstance(signed, Exhibit):
        return signed
    log, head = signed
    entry = Entry.objects.filter(log=log, index=said.index).first()
    try:
        proof.verify(text, bytes(entry.leaf) if entry else b"", [note.Verifier.from_vkey(log.vkey)])
    except LedgerError:
        entry = None
    if entry is None:
        return Exhibit(Kind.PROOF, Outcome.BROKEN, "other_entry")
    return Exhibit(Kind.PROOF, Outcome.HOLDS, places=[_place(entry, head.size)])


def _checkpoint(text: str) -> Exhibit:
    signed = _signed_head(Kind.CHECKPOINT, text + "\n")
    if isinstance(signed, Exhibit):
        return signed
    _, head = signed
    return Exhibit(Kind.CHECKPOINT, Outcome.HOLDS, facts={"log": head.origin, "size": head.size})


def _signed_head(kind: Kind, signed: str) -> tuple[Log, checkpoints.Checkpoint] | Exhibit:
    """Return a log and what it signed, if the log that is published now holds all that this speaks of; else what is wrong."""
    try:
        origin = checkpoints.parse(note.cut_text(signed)).origin
    except LedgerError:
        return Exhibit(kind, Outcome.BROKEN, "malformed")
    log = Log.objects.filter(origin=origin).first()
    if log is None:
        return Exhibit(kind, Outcome.OPEN, "foreign_log", facts={"log": origin})
    try:
        head = checkpoints.open(signed, [note.Verifier.from_vkey(log.vkey)])
    except LedgerError:
        return Exhibit(kind, Outcome.BROKEN, "signature")
    trouble = _history(log, head)
    return Exhibit(kind, *trouble) if trouble else (log, head)


def _history(log: Log, head: checkpoints.Checkpoint) -> tuple[Outcome, str] | None:
    """Say what is wrong with a head that the log has signed: None if the log that is published now holds all that it speaks of."""
    try:
        now = checkpoints.open(read(log.origin, "checkpoint"), [note.Verifier.from_vkey(log.vkey)])
        if head.size > now.size:
            return Outcome.OPEN, "newer"
        reader = TileReader(lambda path: read(log.origin, path), now.size)
        between = merkle.prove_consistency(first=head.size, second=now.size, reader=reader)
        merkle.verify_consistency(
            first=head.size, second=now.size, proof=between, first_root=head.root, second_root=now.root
        )
    except InvalidProof:
        return Outcome.BROKEN, "rewritten"
    except StoreAway:
        raise
    except (LedgerError, FileNotFoundError):
        return Outcome.OPEN, "unpublished"
    return None


def _leaf(text: str) -> Exhibit:
    try:
        said = leaves.decode(text.encode())
    except (LedgerError, UnicodeEncodeError):
        return Exhibit(Kind.ENTRY, Outcome.BROKEN, "malformed")
    if not Log.objects.filter(origin=said.log).exists():
        return Exhibit(Kind.ENTRY, Outcome.OPEN, "foreign_log", facts={"log": said.log})
    entry = Entry.objects.filter(log=said.log, index=said.index).first()
    if entry is None or bytes(entry.leaf) != text.encode():
        return Exhibit(Kind.ENTRY, Outcome.BROKEN, "other_entry")
    return _entry(str(said.ref))


def _entry(ref: str) -> Exhibit:
    place = place_of(uuid.UUID(ref))
    outcome = {Standing.SEALED: Outcome.HOLDS, Standing.FALSE: Outcome.BROKEN}.get(place.standing, Outcome.OPEN)
    return Exhibit(Kind.ENTRY, outcome, "" if outcome == Outcome.HOLDS else place.standing, places=[place])


def place_of(ref: uuid.UUID) -> Place:
    """Return where an entry of this service is: found in the log, checked against what is published."""
    entry = entry_by_ref(ref=ref)
    if entry is None:
        return Place(str(ref), Standing.WAITING if is_pending(ref=ref) else Standing.NOWHERE)
    try:
        proven = proof.verify(prove(entry), bytes(entry.leaf), [note.Verifier.from_vkey(entry.log.vkey)])
    except NotSealed:
        return Place(str(ref), Standing.WAITING)
    except StoreAway:
        raise
    except (LedgerError, FileNotFoundError):
        return Place(str(ref), Standing.FALSE)
    return _place(entry, proven.checkpoint.size)


def _place(entry: Entry, size: int) -> Place:
    said = leaves.decode(bytes(entry.leaf))
    return Place(str(said.ref), Standing.SEALED, "", said.log, said.index, said.kind, said.at, size)


def _clip(data: bytes) -> Exhibit:
    try:
        said = clip_process.read(data, anchors=anchors())
    except ClipUnreadable:
        return Exhibit(Kind.CLIP, Outcome.OPEN, "unreadable")
    if said is None:
        return Exhibit(Kind.UNKNOWN)
    broken = said.manifest is not None and not said.manifest.intact
    outcome = Outcome.BROKEN if broken else Outcome.HOLDS if said.manifest else Outcome.OPEN
    reason = "" if said.manifest else "unsigned" if said.aigc else "elsewhere" if said.elsewhere else "unmarked"
    own = settings.PUBLIC_URL
    places = [
        place_of(each.ref) if each.host == own else Place(str(each.ref), Standing.FOREIGN, each.host)
        for each in said.entries
    ]
    return Exhibit(Kind.CLIP, outcome, reason, places=places, clip=said)
