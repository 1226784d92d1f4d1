"""The consent receipt: one consent, as ISO/IEC TS 27560 has it, in W3C DPV 2.3 JSON-LD, signed. Pure.

A receipt is a `dpv:ConsentReceipt` that holds one `dpv:ConsentRecord`. What DPV has no word for is in our own namespace, `vl:`. Every
mandatory field of TS 27560 is there; what nobody said is `vl:NotStated`. The person is an id, and nobody else is named but organisations.
There is no digest of any recording: it would be a way to keep it.

Three things stand beside the record, and make it evidence:

- `vl:entries`: for each status of the consent the entry of the log that says so, as `ledger.shown` has it, with the salt and text of its
  payload; and `vl:checkpoint`, the log's signed checkpoint that covers them;
- `vl:issuer`: the key that signs certificates about what is in the log (`<log>/certificates`);
- `vl:signature`: its signature, as `ledger.signed_json` has it, over all the rest of the file.

A receipt proves what the log states, and when, as far as its entries go; that nothing came later it cannot know. Times are UTC with a Z.
Where the guide and DPV 2.3 differ, DPV 2.3 holds: `dpv:ConsentRevoked`, `dpv:hasStorageCondition`.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final

from consent.errors import ReceiptBroken
from consent.machine import State
from ledger import leaf as leaves
from ledger import merkle, note, shown, signed_json
from ledger.errors import InvalidDocument

TYPE: Final = "consonant/consent-receipt/v0"
MEDIA_TYPE: Final = "application/ld+json"
PROFILE: Final = "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr"
RECORD_PROFILE: Final = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"
NAMESPACE: Final = "urn:consonant:ns:"
NOT_STATED: Final = "vl:NotStated"
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 16
MAX_EVENTS: Final = 1000

_CONTEXT: Final = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "loc": "https://w3id.org/dpv/loc#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
    "vl": NAMESPACE,
}
_BODY: Final = {
    "@context", "@id", "@type", "dct:conformsTo", "dpv:hasIdentifier", "dct:created", "dpv:hasRecordOfActivity",
    "vl:issuer", "vl:log", "vl:entries", "vl:checkpoint",
}  # fmt: skip
_SIGNATURE: Final = "vl:signature"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

STATUS: Final[dict[str, tuple[str, ...]]] = {
    State.UNKNOWN: ("dpv:ConsentUnknown",),
    State.REQUESTED: ("dpv:ConsentRequested",),
    State.DEFERRED: ("dpv:ConsentRequestDeferred",),
    State.REFUSED: ("dpv:ConsentRefused",),
    State.GIVEN: ("dpv:ConsentGiven",),
    State.RENEWED: ("dpv:RenewedConsentGiven",),
    State.PAUSED: ("dpv:ConsentStatusInvalidForProcessing",),
    State.STALE: ("dpv:ConsentRequested", "dpv:NoticeStale"),
    State.EXHAUSTED: ("dpv:ConsentExpired",),
    State.WITHDRAWN: ("dpv:ConsentWithdrawn",),
    State.EXPIRED: ("dpv:ConsentExpired",),
    State.REVOKED: ("dpv:ConsentRevoked",),
    State.INVALIDATED: ("dpv:ConsentInvalidated",),
}
"""What DPV calls each state."""

KINDS: Final = {
    **{f"consent.{state}": state for state in State if state != State.UNKNOWN},
    "consent.resumed": State.GIVEN,
}
"""The kinds of entries that a receipt tells, and the state that each leads to."""

YES: Final = {State.GIVEN, State.RENEWED}
"""Under these use is permitted, and they last until the end of the term."""

_EXPLICIT: Final = "dpv:ExplicitlyExpressedConsent"
_PURPOSES: Final = {
    "identification": "dpv:IdentityVerification",
    "non-identification": "dpv:ServiceProvision",
    "experiment": "dpv:ResearchAndDevelopment",
}
_PROCESSING: Final = {
    "upload": ("dpv:Collect", "dpv:Store", "dpv:Erase"),
    "embed": ("dpv:Derive",),
    "synthesize": ("dpv:Generate",),
    "combine": ("dpv:Derive", "dpv:Generate"),
    "provide": ("dpv:Transfer",),
}
_ACTORS: Final = {
    "guardian": ("dpv:GuardianOfDataSubject", "Guardian of the data subject"),
    "attorney": ("vl:Attorney", "Attorney of the data subject"),
    "estate": ("vl:Estate", "Estate of the data subject"),
}
_RIGHTS: Final = (
    ("eu-gdpr:A7-3", "withdraw"),
    ("eu-gdpr:A15", "access"),
    ("eu-gdpr:A17", "erase"),
    ("eu-gdpr:A20", "access"),
)


@dataclass(frozen=True)
class Party:
    """An organisation. `address`, `contact` (an e-mail address or a telephone number) and `url` are empty where nobody said them."""

    identity: str
    name: str
    roles: tuple[str, ...]
    address: str = ""
    contact: str = ""
    url: str = ""


@dataclass(frozen=True)
class NoticeFacts:
    """The notice that was read; `sha256` is of its body as canonical JSON, hex."""

    id: uuid.UUID
    locale: str
    version: int
    published_on: date
    sha256: str
    title: str


@dataclass(frozen=True)
class Happened:
    """One status of the consent: when, by whose act, and the entry that says so."""

    kind: str
    at: datetime
    actor: str
    """`subject`, `guardian`, `attorney`, `estate`, `app`, `officer` or `service`."""
    ref: uuid.UUID | None = None
    actor_salt: str = ""
    """Opens the entry's commitment to who acted, hex."""
    how: str = ""
    reason: str = ""
    screen: str = ""
    """SHA-256 of the screen that was answered, hex."""
    delegation: uuid.UUID | None = None
    """On what authority somebody acted for the person: an id, never the document."""
    notice: NoticeFacts | None = None


@dataclass(frozen=True)
class Spoken:
    """What the person said aloud, and what the app says of the recording. The recording is not here, and no digest of it."""

    phrase: str
    nonce: str = ""
    speech: Mapping[str, Any] = field(default_factory=dict)
    speaker: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ConsentFacts:
    """All that a receipt says of one consent."""

    grant: uuid.UUID
    request: uuid.UUID
    subject: uuid.UUID
    """What the person is called towards this app; towards another it is another."""
    app: uuid.UUID
    app_name: str
    app_url: str
    controller: Party
    recipients: tuple[Party, ...]
    """Whom else the data goes to."""
    purpose: str
    purpose_name: str
    use_class: str
    operations: tuple[str, ...]
    scope: tuple[str, ...]
    notice: NoticeFacts
    kept: str
    """How long what is kept, as the notice says it."""
    valid_from: datetime
    valid_until: datetime
    uses_left: int | None
    deletion: timedelta
    """How long destroying may take after the end."""
    storage: str
    """ISO 3166 code of the country where it lies; empty: not stated."""
    jurisdictions: tuple[str, ...]
    """ISO 3166 codes."""
    events: tuple[Happened, ...]
    """In the order of the log; the last one is where it stands."""
    links: Mapping[str, str]
    """Where the person acts: `withdraw`, `erase`, `access`."""
    statement: Spoken | None = None
    replaces: uuid.UUID | None = None


def issuer_of(origin: str) -> str:
    """Return the name under which receipts about what is in the log are signed: that of the certificates' key."""
    return f"{origin}/certificates"


def build(  # noqa: PLR0913
    facts: ConsentFacts,
    *,
    receipt: uuid.UUID,
    log: str,
    entries: Sequence[Mapping[str, Any]],
    checkpoint: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the receipt without its signature.

    `entries` are those of the events that `checkpoint` covers, in the log's order, as `ledger.shown` has them; both may be empty.
    """
    lines = {each["ref"]: each["leaf"] for each in entries}
    return {
        "@context": _CONTEXT,
        "@id": _urn(receipt),
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": PROFILE,
        "dpv:hasIdentifier": str(receipt),
        "dct:created": text(now),
        "dpv:hasRecordOfActivity": [_record(facts, lines)],
        "vl:issuer": issuer_of(log),
        "vl:log": log,
        "vl:entries": [dict(each) for each in entries],
        "vl:checkpoint": checkpoint,
    }


def sign(body: Mapping[str, Any], *, signer: note.Signer) -> bytes:
    """Return the receipt as a file.

    Raises:
        ReceiptBroken: It would not be read back.
    """
    signature = signed_json.sign(body, kind=TYPE, identity=body["dpv:hasIdentifier"], signer=signer)
    data = json.dumps({**body, _SIGNATURE: signature}, indent=1, ensure_ascii=False).encode() + b"\n"
    parse(data)
    return data


def parse(data: bytes) -> tuple[dict[str, Any], str]:
    """Read a file: the receipt without its signature, of which the shape has been checked and nothing else, and the signature.

    Raises:
        ReceiptBroken: It is no receipt.
    """
    try:
        body = signed_json.read(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except InvalidDocument as error:
        raise ReceiptBroken(error.detail) from None
    if not isinstance(body, dict) or body.get("@type") != "dpv:ConsentReceipt":
        raise ReceiptBroken("it is no dpv:ConsentReceipt")
    if not signed_json.is_text(body.get(_SIGNATURE)):
        raise ReceiptBroken("it is not signed")
    signature = body.pop(_SIGNATURE)
    _check(body)
    return body, signature


def _record(facts: ConsentFacts, lines: Mapping[str, str]) -> dict[str, Any]:
    parties = [facts.controller, *facts.recipients]
    given = next((each for each in facts.events if each.kind == "consent.given"), None)
    return {
        "@id": _urn(facts.grant),
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": RECORD_PROFILE,
        "dct:identifier": str(facts.grant),
        **({"dct:replaces": _urn(facts.replaces)} if facts.replaces else {}),
        "dpv:hasDataSubject": {"@id": _urn(facts.subject), "@type": "dpv:DataSubject"},
        "dpv:hasNotice": [_notice(each, facts) for each in _notices(facts)],
        "dct:language": sorted({each.locale for each in _notices(facts)}),
        "dpv:hasProcess": [_process(facts, parties)],
        "dpv:hasEntity": [_party(each) for each in parties] + _delegates(facts),
        "dpv:hasConsentStatus": [_event(each, facts, lines) for each in facts.events],
        "vl:currentStatus": list(STATUS[KINDS[facts.events[-1].kind]]),
        "vl:state": KINDS[facts.events[-1].kind].value,
        "vl:appId": str(facts.app),
        "vl:appName": facts.app_name,
        "vl:request": str(facts.request),
        "vl:purpose": facts.purpose,
        "vl:operations": list(facts.operations),
        "vl:artifactScope": list(facts.scope),
        "vl:usesLeft": facts.uses_left,
        **(_place_of_entry(given, lines) if given else {}),
    }


def _notices(facts: ConsentFacts) -> list[NoticeFacts]:
    """Return each notice that was read, once."""
    read = {each.notice.id: each.notice for each in facts.events if each.notice}
    return list({**read, facts.notice.id: facts.notice}.values())


def _notice(read: NoticeFacts, facts: ConsentFacts) -> dict[str, Any]:
    return {
        "@id": _urn(read.id),
        "@type": "dpv:ConsentNotice",
        "dct:title": read.title,
        "dct:date": read.published_on.isoformat(),
        "dct:language": read.locale,
        "dct:coverage": f"{read.published_on.isoformat()}/{facts.valid_until.astimezone(timezone.utc).date().isoformat()}",
        "vl:noticeVersion": read.version,
        "vl:noticeSha256": read.sha256,
    }


def _process(facts: ConsentFacts, parties: Sequence[Party]) -> dict[str, Any]:
    control = {
        "@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent", "dpv:ReaffirmConsent"],
        "dpv:isExercisedAt": facts.links["withdraw"],
    }
    identifies = facts.use_class == "identification"
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@id": f"vl:purpose/{facts.purpose}",
            "@type": "dpv:Purpose",
            "dct:title": facts.purpose_name,
            "skos:broader": _PURPOSES.get(facts.use_class, "dpv:Purpose"),
            "vl:useClass": facts.use_class,
        },
        "dpv:hasPersonalData": list(_personal_data(facts, identifies=identifies)),
        "dpv:hasDataSource": "dpv:DataSubjectDataSource",
        "dpv:hasProcessing": [term for each in facts.operations for term in _PROCESSING.get(each, ())],
        "dpv:hasStorageCondition": [
            {"@type": "dpv:StorageLocation", "dpv:hasLocation": [_place_of(facts.storage)]},
            {
                "@type": "dpv:StorageDuration",
                "dpv:hasDuration": _duration(facts.valid_until - facts.valid_from),
                "dct:description": facts.kept,
            },
            {"@type": "dpv:StorageDeletion", "dpv:hasDuration": _duration(facts.deletion)},
        ],
        "dpv:hasDataController": facts.controller.identity,
        "dpv:hasRecipient": [each.identity for each in parties],
        "dpv:hasLegalBasis": ["eu-gdpr:A9-2-a" if identifies else "eu-gdpr:A6-1-a", _EXPLICIT],
        "dpv:hasJurisdiction": [_place_of(each) for each in facts.jurisdictions] or [NOT_STATED],
        "dpv:hasService": {
            "@id": _urn(facts.app),
            "dct:title": facts.app_name,
            "schema:url": facts.app_url or NOT_STATED,
        },
        "dpv:hasConsentControl": control,
        "dpv:hasRight": [
            {"@type": ["dpv:DataSubjectRight", right], "dpv:isExercisedAt": facts.links[where]}
            for right, where in _RIGHTS
        ],
    }


def _personal_data(facts: ConsentFacts, *, identifies: bool) -> Iterator[dict[str, Any]]:
    sensitive = "dpv:SpecialCategoryPersonalData" if identifies else "dpv:SensitivePersonalData"
    kinds = [
        ("vl:VoiceRecording", "dpv:PersonalData", "pd:VoiceCommunicationRecording", "voice" in facts.scope),
        ("vl:Portrait", sensitive, "pd:Biometric", "portrait" in facts.scope),
        ("vl:Voiceprint", sensitive, "pd:Biometric", "embed" in facts.operations),
        ("vl:SyntheticVoice", "dpv:PersonalData", "pd:VoiceCommunicationRecording", "synthesize" in facts.operations),
    ]
    for name, kind, broader, there in kinds:
        if there:
            yield {"@id": name, "@type": kind, "skos:broader": broader, "dpv:hasNecessity": "dpv:Required"}


def _party(each: Party) -> dict[str, Any]:
    contact = {"schema:email" if "@" in each.contact else "schema:telephone": each.contact or NOT_STATED}
    return {
        "@id": each.identity,
        "@type": ["dpv:Organisation", *each.roles],
        "dpv:hasIdentifier": each.identity,
        "dpv:hasName": each.name,
        "schema:contactPoint": [
            {"@type": "schema:PostalAddress", "schema:streetAddress": each.address or NOT_STATED},
            {"@type": "schema:ContactPoint", **contact, "schema:url": each.url or NOT_STATED},
        ],
    }


def _delegates(facts: ConsentFacts) -> list[dict[str, Any]]:
    """Name those who acted for the person, by the id of their authority; nobody's own name."""
    acting = {each.delegation: each.actor for each in facts.events if each.delegation and each.actor in _ACTORS}
    return [
        {
            "@id": _urn(identity),
            "@type": [_ACTORS[actor][0]],
            "dpv:hasIdentifier": _urn(identity),
            "dpv:hasName": _ACTORS[actor][1],
            "schema:contactPoint": NOT_STATED,
        }
        for identity, actor in acting.items()
    ]


def _event(each: Happened, facts: ConsentFacts, lines: Mapping[str, str]) -> dict[str, Any]:
    state = KINDS[each.kind]
    said: dict[str, Any] = {
        "@type": types_of(state),
        "dpv:isIndicatedBy": _by(each, facts),
        "dpv:isIndicatedAtTime": text(each.at),
        "vl:state": state.value,
        "vl:entryKind": each.kind,
        "vl:actor": each.actor,
    }
    if each.how:
        said["dpv:hasIndicationMethod"] = each.how
    if relationship := relationship_of(each.actor):
        said["vl:actorRelationship"] = relationship
    if each.delegation:
        said["vl:authorityEvidence"] = str(each.delegation)
    if state in YES:
        said["dpv:hasDuration"] = [{"@type": "dpv:UntilTimeDuration", "rdf:value": text(facts.valid_until)}]
        if facts.uses_left is not None:
            said["dpv:hasDuration"].append({"@type": "dpv:FixedOccurrencesDuration", "rdf:value": 1})
    if each.notice:
        said["vl:notice"] = _urn(each.notice.id)
        said["vl:noticeSha256"] = each.notice.sha256
    if each.screen:
        said["vl:uiSnapshotSha256"] = each.screen
    if each.reason:
        said["vl:reason"] = each.reason
    if each.kind == "consent.given" and facts.statement:
        said |= _spoken(facts.statement)
    return said | _place_of_entry(each, lines)


def relationship_of(actor: str) -> str | None:
    """Return what whoever acted is to the person; None of an app, an officer and the service."""
    return "self" if actor == "subject" else actor if actor in _ACTORS else None


def types_of(state: str) -> list[str]:
    """Return the types of a status in a receipt."""
    return [*STATUS[state], *([_EXPLICIT] if state in YES else [])]


def _by(each: Happened, facts: ConsentFacts) -> str:
    if each.actor == "subject":
        return _urn(facts.subject)
    if each.actor in _ACTORS and each.delegation:
        return _urn(each.delegation)
    return _urn(facts.app) if each.actor == "app" else facts.controller.identity


def _spoken(statement: Spoken) -> dict[str, Any]:
    said: dict[str, Any] = {"vl:statementText": statement.phrase}
    if statement.nonce:
        said["vl:statementNonce"] = statement.nonce
    if statement.speech:
        said["vl:asrMatch"] = _in_words(statement.speech)
    if statement.speaker:
        said["vl:speakerMatch"] = _in_words(statement.speaker)
    return said


def _in_words(scores: Mapping[str, Any]) -> dict[str, str]:
    """Return scores as texts: a signed file holds no floats, which readers write down differently."""
    return {str(name): str(value) for name, value in scores.items()}


def _place_of_entry(each: Happened, lines: Mapping[str, str]) -> dict[str, Any]:
    """Say which entry it is, and where it stands."""
    if each.ref is None:
        return {}
    said: dict[str, Any] = {"vl:entry": str(each.ref)}
    if each.actor_salt:
        said["vl:actorSalt"] = each.actor_salt
    if leaf := lines.get(str(each.ref)):
        said |= place_in_log(leaves.decode(leaf.encode()))
    return said


def place_in_log(leaf: leaves.Leaf) -> dict[str, Any]:
    """Return where an entry stands, as a receipt says it."""
    entry_hash = merkle.leaf_hash(leaves.encode(leaf)).hex()
    return {"vl:ledgerSeq": leaf.index, "vl:entryHash": entry_hash, "vl:prevHash": leaf.prev.hex()}


def _check(body: dict[str, Any]) -> None:
    """Check that everything `_verify` looks at has the form it must have."""
    _must(body.keys() == _BODY, "it does not have the fields that it must have")
    _must(all(signed_json.is_text(each) for each in _texts(body)), "it holds a text that cannot be shown")
    records, entries = body["dpv:hasRecordOfActivity"], body["vl:entries"]
    for name in ("dpv:hasIdentifier", "dct:created", "dct:conformsTo", "vl:issuer", "vl:log", "vl:checkpoint"):
        _must(isinstance(body[name], str), f"`{name}` is no text")
    _must(bool(_UUID.fullmatch(body["dpv:hasIdentifier"])), "its id is none")
    _must(isinstance(records, list) and len(records) == 1 and isinstance(records[0], dict), "it holds not one record")
    record = records[0]
    for name in ("dct:identifier", "vl:state", "vl:appId", "vl:appName", "vl:request", "vl:purpose"):
        _must(isinstance(record.get(name), str), f"the record has no `{name}`")
    for name in ("vl:operations", "vl:artifactScope", "vl:currentStatus", "dpv:hasNotice"):
        _must(isinstance(record.get(name), list), f"the record has no `{name}`")
    _must("vl:usesLeft" in record, "the record has no `vl:usesLeft`")
    events = record.get("dpv:hasConsentStatus")
    _must(isinstance(events, list) and 0 < len(events) <= MAX_EVENTS, "it tells no status, or too many")
    for each in events:
        _must(isinstance(each, dict) and isinstance(each.get("@type"), list), "a status is none")
        for name in ("dpv:isIndicatedAtTime", "dpv:isIndicatedBy", "vl:state", "vl:entryKind", "vl:actor"):
            _must(isinstance(each.get(name), str), f"a status has no `{name}`")
        _must(isinstance(each.get("vl:entry", ""), str), "a status names no entry")
    _must(isinstance(entries, list) and len(entries) <= MAX_EVENTS, "`vl:entries` is no list, or too long")
    for each in entries:
        _must(isinstance(each, dict) and each.keys() == shown.FIELDS, "an entry does not have the fields it must have")
        _must(type(each["index"]) is int, "an index is no whole number")
        _must(isinstance(each["proof"], list), "a proof is no list")
        _must(
            all(isinstance(part, str) for part in [*each["proof"], *(each[name] for name in _ENTRY_TEXTS)]),
            "an entry has a field that is no text",
        )
        _must(bool(_UUID.fullmatch(each["ref"])), "the `ref` of an entry is none")


_ENTRY_TEXTS: Final = sorted(shown.FIELDS - {"index", "proof"})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _must(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ReceiptBroken(otherwise)


def _urn(identity: uuid.UUID) -> str:
    return f"urn:uuid:{identity}"


def _place_of(code: str) -> str:
    return f"loc:{code}" if code else NOT_STATED


def _duration(span: timedelta) -> str:
    """Return an ISO 8601 duration of days and seconds, at least a second."""
    days, seconds = span.days, span.seconds or (0 if span.days else 1)
    return f"P{days}D" + (f"T{seconds}S" if seconds else "") if days else f"PT{seconds}S"


def text(at: datetime) -> str:
    """Return a time as a receipt writes it: UTC, milliseconds, Z."""
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds")[:23] + "Z"
