"""The erasure certificate: what anyone can check of an erasure, offline. Pure.

    {"certificate": {...}, "signature": "<signed note>"}

The signature is that of `ledger.signed_json`, under the type, the erasure's id, and the body.

The body names the artifacts, how each went, and the entries that say so. Of each entry it holds the exact leaf, the way up to the root of
the log's signed checkpoint, and the opening of its payload, whose original has been destroyed: whoever holds the certificate can show what
the entries said, and nobody else can any more.

A certificate proves what the log states, and when; not that no copy exists elsewhere.

Version 1 is what is issued. It adds to version 0, which verifies as ever: to whom each thing had been passed on and what became of it there
(`recipients`), what was kept and on which ground, thing by thing and proven, until when it was due, and the scope `consent`, of which no
opening is destroyed: its two times of keys are null.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from ledger import checkpoint as checkpoints
from ledger import note, signed_json
from ledger.errors import InvalidDocument, LedgerError
from ledger.finding import Finding, bad, doubtful, good
from ledger.shown import FIELDS, Shown, open_entry
from ledger.signed_json import is_text
from retention.errors import CertificateBroken

TYPE: Final = "consonant/erasure-certificate/v1"
V0: Final = "consonant/erasure-certificate/v0"
MAX_BYTES: Final = 128 * 1024 * 1024
MAX_ITEMS: Final = 100_000
MAX_FINDINGS: Final = 100
MAX_DEPTH: Final = 10

_ZULU: Final = re.compile("Z$")  # which Python 3.10 does not read
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BODY: Final = {
    "type", "issuer", "log", "erasure", "scope", "requested_at", "completed_at", "keys_destroyed_at",
    "unrecoverable_from_backups_by", "issued_at", "artifacts", "kept", "entries", "checkpoint",
}  # fmt: skip
_BODY_1: Final = _BODY | {"due_at", "extended", "recipients"}
_TIMES: Final = ("requested_at", "completed_at", "keys_destroyed_at", "issued_at")
_ARTIFACT: Final = {"artifact", "kind", "custody", "gone", "recorded_at", "gone_at", "entries"}
_KEPT: Final = {"what", "ground", "until"}
_KEPT_1: Final = {"what", "artifact", "ground", "until"}
_RECIPIENT: Final = {"disclosure", "artifact", "processor", "name", "basis", "outcome", "answered_at", "entries"}
OUTCOMES: Final = {"deleted", "not_found", "refused"}
UNCONFIRMED: Final = "unconfirmed"
SCOPES: Final = {"app", "everything", "consent"}
ABOUT_THINGS: Final = frozenset(
    {
        "artifact.recorded", "use.late", "use.unpermitted", "artifact.key_destroyed", "artifact.erased",
        "artifact.erase_requested", "artifact.erase_acknowledged", "artifact.lapsed",
    }
)  # fmt: skip
ABOUT_RECIPIENTS: Final = frozenset(
    {"disclosure.made", "disclosure.erase_requested", "disclosure.attested", "disclosure.overdue"}
)
ABOUT_ERASURE: Final = frozenset(
    {"erasure.requested", "erasure.identified", "erasure.decided", "erasure.extended", "erasure.completed"}
)
"""The entries that a certificate shows; others of the same erasure are not for it."""
_MORE_IN_1: Final = ABOUT_ERASURE - {"erasure.requested", "erasure.completed"}
_ENTRY: Final = FIELDS
_RECORDED: Final = {"artifact.recorded", "use.late", "use.unpermitted"}
_WAYS: Final = {
    "key_destroyed": ("vault", ["artifact.key_destroyed", "artifact.erased"]),
    "acknowledged": ("app", ["artifact.erase_acknowledged"]),
    "never_stored": ("none", ["artifact.lapsed"]),
    "unconfirmed": ("app", ["artifact.erase_requested"]),
}
"""How a thing went -> in whose custody it was, and the entries that must say so in this order; the last of the first kind dates it."""


def issuer_of(origin: str) -> str:
    """Return the name under which certificates about what is in the log are signed."""
    return f"{origin}/certificates"


def sign(body: Mapping[str, Any], *, signer: note.Signer) -> bytes:
    """Return the certificate as a file.

    Raises:
        CertificateBroken: It would not be read back.
    """
    signature = signed_json.sign(body, kind=TYPE, identity=body["erasure"], signer=signer)
    data = json.dumps({"certificate": body, "signature": signature}, indent=1, ensure_ascii=False).encode() + b"\n"
    parse(data)
    return data


def parse(data: bytes) -> tuple[dict[str, Any], str]:
    """Read a file: the body, whose shape has been checked and nothing else, and the signature.

    Raises:
        CertificateBroken: It is no certificate.
    """
    try:
        whole = signed_json.read(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except InvalidDocument as error:
        raise CertificateBroken(error.detail) from None
    _shape(whole, {"certificate", "signature"}, "the file")
    if not is_text(whole["signature"]):
        raise CertificateBroken("the signature is no text")
    body: dict[str, Any] = whole["certificate"]
    _check_body(body)
    return body, whole["signature"]


def _check_body(body: Any) -> None:
    first = isinstance(body, dict) and body.get("type") == V0
    fields = _BODY if first else _BODY_1
    _shape(body, fields, "the certificate")
    optional = set() if first else {"keys_destroyed_at", "unrecoverable_from_backups_by"}
    lists = {"artifacts", "kept", "entries", "recipients", "extended"}
    _strings(body, fields - lists - optional, "the certificate")
    for name in optional:
        _string_or_null(body[name])
    if not first and not isinstance(body["extended"], bool):
        raise CertificateBroken("`extended` is neither true nor false")
    _id(body["erasure"])
    for name, keys, others in (
        ("artifacts", _ARTIFACT, {"entries", "gone_at"}),
        ("kept", _KEPT if first else _KEPT_1, {"until", "artifact"}),
        ("entries", _ENTRY, {"index", "proof"}),
        *([] if first else [("recipients", _RECIPIENT, {"entries", "answered_at"})]),
    ):
        _check_items(body[name], name, keys, others)


def _check_items(items: Any, name: str, keys: AbstractSet[str], others: AbstractSet[str]) -> None:
    if not isinstance(items, list) or len(items) > MAX_ITEMS:
        raise CertificateBroken(f"`{name}` is no list, or too long")
    for each in items:
        _shape(each, keys, f"an item of `{name}`")
        _strings(each, keys - others, f"an item of `{name}`")
        _list_of_strings(each.get("entries", each.get("proof", [])))
        for text in ("gone_at", "until", "answered_at", "artifact"):
            _string_or_null(each.get(text))
        if type(each.get("index", 0)) is not int:
            raise CertificateBroken("an index is no whole number")
        ids = (each.get("ref"), each.get("artifact"), each.get("disclosure"), each.get("processor"))
        for identity in (*ids, *each.get("entries", ())):
            if identity is not None:
                _id(identity)


def verify(data: bytes, *, issuer: note.Verifier, log: note.Verifier) -> list[Finding]:
    """Check a certificate against the issuer's and the log's keys; one finding "certificate.verified" of level ok if all holds.

    What nobody confirmed is a warning beside it.
    """
    try:
        body, signature = parse(data)
    except CertificateBroken as broken:
        return [_error("certificate.broken", str(broken))]
    found = list(islice(_verify(body, signature, issuer, log), MAX_FINDINGS + 1))
    if len(found) > MAX_FINDINGS:
        return [*found[:-1], _error("stopped", f"more than {MAX_FINDINGS} findings; the rest was not looked at")]
    if found:
        return found
    return [*_warnings(body), good("certificate.verified", _told(body))]


def _told(body: Mapping[str, Any]) -> str:
    waiting = _waiting(body)
    held = [each for each in body["kept"] if each.get("artifact")]
    keys = (
        f"keys of the openings destroyed {body['keys_destroyed_at']}, in no backup by "
        f"{body['unrecoverable_from_backups_by']}"
    )
    return (
        f"{len(body['artifacts']) - len(waiting)} artifacts gone and {len(waiting)} unconfirmed, "
        + (f"{len(held)} kept, " if held else "")
        + (f"{len(body['recipients'])} recipients, " if body.get("recipients") else "")
        + f"as {body['log']} states in {len(body['entries'])} entries; asked {body['requested_at']}, "
        f"done {body['completed_at']}"
        + (f". By the issuer's word: {keys}" if body["keys_destroyed_at"] else "; the records stay readable")
    )


def _waiting(body: Mapping[str, Any]) -> list[str]:
    return [each["artifact"] for each in body["artifacts"] if each["gone"] == UNCONFIRMED]


def _warnings(body: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what is no lie and no comfort either."""
    if waiting := _waiting(body):
        told = f"{len(waiting)} artifacts of which no app has said that they are gone, {min(waiting)} first"
        yield doubtful("artifact.unconfirmed", told)
    recipients = body.get("recipients", [])
    if silent := [each["name"] for each in recipients if each["outcome"] == UNCONFIRMED]:
        yield doubtful(
            "recipient.unconfirmed", f"{len(silent)} times a recipient has not answered, {min(silent)} first"
        )
    if refusing := [each["name"] for each in recipients if each["outcome"] == "refused"]:
        yield doubtful("recipient.refused", f"{len(refusing)} times a recipient has refused, {min(refusing)} first")
    if held := [each for each in body["kept"] if each.get("artifact")]:
        yield doubtful("artifact.kept", f"{len(held)} artifacts were kept, by {held[0]['ground']} first")


def _verify(body: dict[str, Any], signature: str, issuer: note.Verifier, log: note.Verifier) -> Iterator[Finding]:
    yield from _verify_signature(body, signature, issuer)
    if body["type"] not in {TYPE, V0}:
        yield _error("certificate.type", f"it is of type {body['type'][:60]}")
    if (body["issuer"], body["log"]) != (issuer.name, log.name) or issuer.name != issuer_of(log.name):
        yield _error("certificate.names", "it names another issuer or log than the keys")
    if body["scope"] not in (SCOPES - {"consent"} if body["type"] == V0 else SCOPES):
        yield _error("certificate.scope", "its scope is none that is known")
    yield from _verify_times(body)
    try:
        head = checkpoints.open(body["checkpoint"], [log])
    except LedgerError as error:
        yield _error("checkpoint.broken", str(error))
        return
    if head.origin != body["log"]:
        yield _error("checkpoint.other_log", f"it is of {head.origin}")
        return
    entries: dict[str, Shown] = {}
    for said in body["entries"]:
        opened = open_entry(said, head)
        if isinstance(opened, Finding):
            yield opened
        elif said["ref"] in entries:
            yield _error("entry.twice", f"{said['ref']} stands there twice")
        else:
            entries[said["ref"]] = opened
    yield from _verify_statements(body, entries)


def _verify_statements(body: dict[str, Any], entries: Mapping[str, Shown]) -> Iterator[Finding]:
    if [each["index"] for each in body["entries"]] != sorted({each["index"] for each in body["entries"]}):
        yield _error("entry.order", "the entries are not in the order of the log")
    yield from _verify_artifacts(body, entries)
    yield from _verify_erasure(body, entries)
    if body["type"] != V0:
        yield from _verify_recipients(body, entries)
        yield from _verify_answer(body, entries)


def _verify_signature(body: dict[str, Any], signature: str, issuer: note.Verifier) -> Iterator[Finding]:
    try:
        signed_json.check(signature, body, kind=TYPE, identity=body["erasure"], verifiers=[issuer])
    except InvalidDocument:
        yield _error("signature.other_text", "the certificate is not the one that was signed")
    except LedgerError as error:
        yield _error("signature.broken", str(error))


def _verify_times(body: dict[str, Any]) -> Iterator[Finding]:
    stays = body["scope"] == "consent"
    if stays != (body["keys_destroyed_at"] is None) or stays != (body["unrecoverable_from_backups_by"] is None):
        yield _error("certificate.times", "what it says of keys does not fit its scope")
        return
    times = [_time(body[name]) for name in _TIMES if body[name] is not None]
    by = None if stays else _time(body["unrecoverable_from_backups_by"])
    if None in times or (by is None and not stays) or _time(body.get("due_at", body["issued_at"])) is None:
        yield _error("certificate.times", "a time is none")
        return
    ordered = [time for time in times if time]
    if ordered != sorted(ordered) or (by is not None and by < ordered[2]):
        yield _error("certificate.times", "its times are not in order")
    for each in body["kept"]:
        if each["until"] is not None and _time(each["until"]) is None:
            yield _error("certificate.times", "a time is none")


def _verify_artifacts(body: dict[str, Any], entries: Mapping[str, Shown]) -> Iterator[Finding]:
    if len({each["artifact"] for each in body["artifacts"]}) != len(body["artifacts"]):
        yield _error("artifact.twice", "an artifact stands there twice")
    used = Counter(ref for each in [*body["artifacts"], *body.get("recipients", [])] for ref in each["entries"])
    own = {ref for ref, entry in entries.items() if entry.leaf.kind.startswith("erasure.")}
    if any(count > 1 for count in used.values()) or used.keys() | own != entries.keys() or used.keys() & own:
        yield _error("entry.stray", "the entries are not exactly those that the artifacts and the erasure name")
    for each in body["artifacts"]:
        shown = {ref: entries[ref] for ref in each["entries"] if ref in entries}
        yield from _verify_artifact(each, shown, first=body["type"] == V0)


def _verify_artifact(said: Mapping[str, Any], entries: Mapping[str, Shown], *, first: bool) -> Iterator[Finding]:
    name = said["artifact"]
    if said["gone"] not in _WAYS:
        yield _error("artifact.unproven", f"{name}: nobody knows what {said['gone'][:40]} means")
        return
    custody, needed = _WAYS[said["gone"]]
    kinds = Counter(entry.leaf.kind for entry in entries.values())
    recorded = [entry for entry in entries.values() if entry.leaf.kind in _RECORDED]
    if len(recorded) != 1:
        yield _error("artifact.unproven", f"{name}: no entry, or more than one, says that it was made")
        return
    if any(kinds[kind] < 1 for kind in needed):
        yield _error("artifact.unproven", f"{name}: no entry says that it went as {said['gone']}")
        return
    allowed = _RECORDED | {"artifact.erase_requested"} | set(needed)
    if said["gone"] == UNCONFIRMED and not first:
        allowed |= {"artifact.erase_acknowledged"}  # it was found there afterwards, and asked for again
    if extra := kinds.keys() - allowed:
        yield _error("artifact.contradicted", f"{name}: an entry {min(extra)} does not fit {said['gone']}")
    if any(entry.payload.get("artifact") != name for entry in entries.values()):
        yield _error("artifact.other", f"{name}: an entry is about another")
    facts = recorded[0].payload
    if (facts.get("artifact_kind"), facts.get("custody"), said["custody"]) != (said["kind"], custody, custody):
        yield _error("artifact.other", f"{name}: it was made as something else")
    yield from _verify_artifact_times(
        said, recorded[0], [each for each in entries.values() if each.leaf.kind in needed]
    )


def _verify_artifact_times(said: Mapping[str, Any], recorded: Shown, going: list[Shown]) -> Iterator[Finding]:
    name = said["artifact"]
    if said["recorded_at"] != _text(recorded.leaf.at):
        yield _error("artifact.times", f"{name}: it was not recorded then")
    needed = _WAYS[said["gone"]][1]
    last = {kind: max(each.leaf.index for each in going if each.leaf.kind == kind) for kind in needed}
    dated = next(each for each in going if each.leaf.index == last[needed[0]])
    if said["gone_at"] != (None if said["gone"] == "unconfirmed" else _text(dated.leaf.at)):
        yield _error("artifact.times", f"{name}: it did not go then")
    places = [recorded.leaf.index, *last.values()]
    if places != sorted(places):
        yield _error("artifact.order", f"{name}: the log tells of it in another order")


def _verify_erasure(body: dict[str, Any], entries: Mapping[str, Shown]) -> Iterator[Finding]:
    for kind, key in (("erasure.requested", "requested_at"), ("erasure.completed", "completed_at")):
        found = [entry for entry in entries.values() if entry.leaf.kind == kind]
        if len(found) != 1 or found[0].payload.get("erasure") != body["erasure"]:
            yield _error("erasure.unproven", f"no entry {kind} names this erasure")
        elif _text(found[0].leaf.at) != body[key]:
            yield _error("erasure.times", f"{kind} was at another time")
        elif kind == "erasure.completed" and found[0].payload.get("scope") != body["scope"]:
            yield _error("certificate.scope", "the log says that the erasure was of another scope")
        elif kind == "erasure.completed" and found[0].payload.get("artifacts") != sorted(
            each["artifact"] for each in body["artifacts"]
        ):
            yield _error("erasure.count", "the artifacts are not those of which the log says that they are gone")
    done = [entry.leaf.index for entry in entries.values() if entry.leaf.kind == "erasure.completed"]
    if done and max(entry.leaf.index for entry in entries.values()) > done[0]:
        yield _error("erasure.order", "something went after the log had said that the erasure was done")
    known = {"erasure.requested", "erasure.completed"} | (set() if body["type"] == V0 else _MORE_IN_1)
    own = [entry for entry in entries.values() if entry.leaf.kind.startswith("erasure.")]
    if strange := {entry.leaf.kind for entry in own} - known:
        yield _error("entry.stray", f"an entry {min(strange)} does not belong there")
    if any(entry.payload.get("erasure") != body["erasure"] for entry in own):
        yield _error("entry.stray", "an entry is about another erasure")


def _verify_answer(body: dict[str, Any], entries: Mapping[str, Shown]) -> Iterator[Finding]:
    """What was kept, to whom things had been passed on, and by when it was due, are as the log says."""
    own = sorted(
        (entry for entry in entries.values() if entry.leaf.kind.startswith("erasure.")),
        key=lambda each: each.leaf.index,
    )
    done = [entry.payload for entry in own if entry.leaf.kind == "erasure.completed"]
    kept = [{name: each[name] for name in ("what", "artifact", "ground")} for each in body["kept"]]
    if done and done[0].get("kept") != kept:
        yield _error("kept.other", "the log says that something else was kept, or on another ground")
    if {each["artifact"] for each in kept} & {each["artifact"] for each in body["artifacts"]}:
        yield _error("kept.gone", "something was kept and is gone")
    if done and done[0].get("recipients") != sorted(each["disclosure"] for each in body["recipients"]):
        yield _error("recipient.count", "the recipients are not those of whom the log says that they had something")
    dues = [_moment(entry.payload.get("due_at")) for entry in own if "due_at" in entry.payload]
    if not dues or dues[-1] != body["due_at"]:
        yield _error("erasure.times", "it was due at another time")
    if body["extended"] != any(entry.leaf.kind == "erasure.extended" for entry in own):
        yield _error("erasure.extended", "the log tells otherwise of an extension")


def _verify_recipients(body: dict[str, Any], entries: Mapping[str, Shown]) -> Iterator[Finding]:
    if len({each["disclosure"] for each in body["recipients"]}) != len(body["recipients"]):
        yield _error("recipient.twice", "a recipient stands there twice for the same thing")
    things = {each["artifact"] for each in body["artifacts"]}
    for said in body["recipients"]:
        name = said["disclosure"]
        shown = sorted((entries[ref] for ref in said["entries"] if ref in entries), key=lambda entry: entry.leaf.index)
        if said["artifact"] not in things:
            yield _error("recipient.other", f"{name}: it is about nothing that is listed")
        if any(entry.leaf.kind not in ABOUT_RECIPIENTS for entry in shown) or any(
            (entry.payload.get("disclosure"), entry.payload.get("artifact"), entry.payload.get("processor"))
            != (name, said["artifact"], said["processor"])
            for entry in shown
        ):
            yield _error("recipient.other", f"{name}: an entry is about another")
        made = [entry for entry in shown if entry.leaf.kind == "disclosure.made"]
        if not made or (made[-1].payload.get("name"), made[-1].payload.get("basis")) != (said["name"], said["basis"]):
            yield _error("recipient.unproven", f"{name}: the log does not say that it was passed on so")
        told = [entry for entry in shown if entry.leaf.kind != "disclosure.overdue"]
        last = told[-1] if told and told[-1].leaf.kind == "disclosure.attested" else None
        outcome = last.payload.get("outcome") if last else UNCONFIRMED
        if said["outcome"] != outcome or outcome not in OUTCOMES | {UNCONFIRMED}:
            yield _error("recipient.unproven", f"{name}: the log says {outcome}")
        if said["answered_at"] != (_text(last.leaf.at) if last else None):
            yield _error("recipient.times", f"{name}: it was not answered then")


def _moment(said: object) -> str | None:
    """Return a time of a payload as a certificate writes it."""
    try:
        at = datetime.fromisoformat(_ZULU.sub("+00:00", said)) if isinstance(said, str) else None
    except ValueError:
        return None
    return _text(at) if at and at.utcoffset() == timedelta(0) else None


def _error(what: str, message: str) -> Finding:
    return bad(what, None, message)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")[:23] + "Z"


def _time(said: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(_ZULU.sub("+00:00", said))
        return at if at.tzinfo and _text(at) == said else None
    except ValueError:
        return None


def _shape(value: Any, keys: AbstractSet[str], what: str) -> None:
    if not isinstance(value, dict) or value.keys() != keys:
        raise CertificateBroken(f"{what} does not have the fields that it must have")


def _strings(value: Mapping[str, Any], keys: AbstractSet[str], what: str) -> None:
    if not all(is_text(value[key]) for key in keys):
        raise CertificateBroken(f"{what} has a field that is no text")


def _list_of_strings(value: Any) -> None:
    if not isinstance(value, list) or len(value) > MAX_ITEMS or not all(is_text(each) for each in value):
        raise CertificateBroken("a list of texts is none")


def _string_or_null(value: Any) -> None:
    if value is not None and not is_text(value):
        raise CertificateBroken("a text is none")


def _id(value: str) -> None:
    if not _UUID.fullmatch(value):
        raise CertificateBroken("an id is none")
