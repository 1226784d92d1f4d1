"""Verify a consent receipt offline: that its issuer signed it, and that its log states what it says. Pure.

Each status is held against its entry: kind, time, who acted, which consent, notice, screen, authority and reason; for "given" also
operations, scope, term and whether it is for one use. So whoever signs a receipt can leave out what came last, and nothing else. That it
was an officer who acted is the issuer's word: which one is not opened.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import Any, Final

from consent.errors import ReceiptBroken
from consent.receipt import (
    KINDS,
    PROFILE,
    RECORD_PROFILE,
    STATUS,
    TYPE,
    YES,
    issuer_of,
    parse,
    place_in_log,
    relationship_of,
    text,
    types_of,
)
from ledger import checkpoint as checkpoints
from ledger import leaf as leaves
from ledger import note, shown, signed_json
from ledger.errors import InvalidDocument, LedgerError
from ledger.finding import Finding, bad, doubtful, good
from ledger.shown import Shown

MAX_FINDINGS: Final = 100
_ZULU: Final = re.compile("Z$")  # which Python 3.10 does not read


def verify(data: bytes, verifiers: Sequence[note.AnyVerifier]) -> list[Finding]:
    """Check a receipt by the keys of its log and of its issuer; "receipt.verified", of level ok, if all that it says of entries holds.

    A status that no entry in it shows is a warning: that one is the issuer's word. If none is shown, it ends with "receipt.signed".
    """
    try:
        body, signature = parse(data)
    except ReceiptBroken as broken:
        return [bad("receipt.broken", None, str(broken))]
    found = list(islice(_verify(body, signature, verifiers), MAX_FINDINGS + 1))
    if len(found) > MAX_FINDINGS:
        return [*found[:-1], bad("stopped", None, f"more than {MAX_FINDINGS} findings; the rest was not looked at")]
    if found:
        return found
    record = body["dpv:hasRecordOfActivity"][0]
    events, entries = record["dpv:hasConsentStatus"], body["vl:entries"]
    shown_refs = {each["ref"] for each in entries}
    unshown = [each["vl:state"] for each in events if each.get("vl:entry") not in shown_refs]
    warnings = [doubtful("entry.not_shown", f"no entry is shown for: {', '.join(unshown)}")] if unshown else []
    said = (
        f"consent {record['dct:identifier']} to {record['vl:appName']} ({record['vl:appId']}), {record['vl:purpose']}, "
        f"{events[-1]['vl:state']} since {events[-1]['dpv:isIndicatedAtTime']}, as of {body['dct:created']}"
    )
    if not entries:
        return [*warnings, good("receipt.signed", f"{said}, by the word of {body['vl:issuer']} alone")]
    return [*warnings, good("receipt.verified", f"{said}, as {body['vl:log']} states in {len(entries)} entries")]


def _verify(body: dict[str, Any], signature: str, verifiers: Sequence[note.AnyVerifier]) -> Iterator[Finding]:
    record = body["dpv:hasRecordOfActivity"][0]
    yield from _verify_signature(body, signature, verifiers)
    if body["dct:conformsTo"] != PROFILE or record.get("dct:conformsTo") != RECORD_PROFILE:
        yield bad("receipt.profile", None, "it is of another profile")
    yield from _verify_states(record, body["dct:created"])
    if bool(body["vl:entries"]) != bool(body["vl:checkpoint"]):
        yield bad("checkpoint.missing", None, "there are entries and no checkpoint, or the other way round")
    elif body["vl:checkpoint"]:
        yield from _verify_entries(body, record, [each for each in verifiers if each.name == body["vl:log"]])


def _verify_signature(body: dict[str, Any], signature: str, verifiers: Sequence[note.AnyVerifier]) -> Iterator[Finding]:
    if body["vl:issuer"] != issuer_of(body["vl:log"]):
        yield bad("receipt.names", None, "its issuer is not that of certificates about its log")
    issuers = [each for each in verifiers if each.name == body["vl:issuer"]]
    if not issuers:
        yield bad("receipt.key_unknown", None, f"no key was given of {body['vl:issuer']}, which issued it")
        return
    try:
        signed_json.check(signature, body, kind=TYPE, identity=body["dpv:hasIdentifier"], verifiers=issuers)
    except InvalidDocument:
        yield bad("signature.other_text", None, "the receipt is not the one that was signed")
    except LedgerError as error:
        yield bad("signature.broken", None, str(error))


def _verify_states(record: dict[str, Any], created: str) -> Iterator[Finding]:
    events = record["dpv:hasConsentStatus"]
    lasts = next((each.get("dpv:hasDuration") for each in events if each["vl:entryKind"] == "consent.given"), None)
    for each in events:
        state = each["vl:state"]
        if KINDS.get(each["vl:entryKind"]) != state or each["@type"] != types_of(state):
            yield bad("status.unknown", None, f"a status {state[:40]} is not what its entry and type say")
        at = _time(each["dpv:isIndicatedAtTime"])
        if at is None or at > (_time(created) or datetime.min.replace(tzinfo=timezone.utc)):
            yield bad("status.time", None, f"{state[:40]}: its time is none, or after the receipt's")
        if each.get("dpv:hasDuration") != (lasts if state in YES else None):
            yield bad("status.duration", None, f"{state[:40]}: it does not last as long as what was given")
        if each.get("vl:actorRelationship") != relationship_of(each["vl:actor"]):
            yield bad("status.actor", None, f"{state[:40]}: whoever acted is something else to the person")
    last = events[-1]["vl:state"]
    if record["vl:state"] != last or record["vl:currentStatus"] != list(STATUS.get(last, ())):
        yield bad("status.current", None, "the current status is not the last one told")


def _verify_entries(
    body: dict[str, Any], record: dict[str, Any], logs: Sequence[note.AnyVerifier]
) -> Iterator[Finding]:
    if not logs:
        yield bad("receipt.key_unknown", None, f"no key was given of the log {body['vl:log']}")
        return
    try:
        head = checkpoints.open(body["vl:checkpoint"], logs)
    except LedgerError as error:
        yield bad("checkpoint.broken", None, str(error))
        return
    if head.origin != body["vl:log"]:
        yield bad("checkpoint.other_log", None, f"it is of {head.origin}")
        return
    entries: dict[str, Shown] = {}
    yield from _open_entries(body["vl:entries"], head, entries)
    if [each["index"] for each in body["vl:entries"]] != sorted({each["index"] for each in body["vl:entries"]}):
        yield bad("entry.order", None, "the entries are not in the order of the log")
    told = [each["vl:entry"] for each in record["dpv:hasConsentStatus"] if each.get("vl:entry") in entries]
    if told != list(entries):
        yield bad("entry.stray", None, "the entries are not exactly those that the statuses name, in their order")
    for event in record["dpv:hasConsentStatus"]:
        if event.get("vl:entry") in entries:
            yield from _verify_event(event, record, entries[event["vl:entry"]])
    given = [each.get("vl:entry") for each in record["dpv:hasConsentStatus"] if each["vl:entryKind"] == "consent.given"]
    if len(given) != 1 or given[0] not in entries:
        yield bad("receipt.unproven", None, "no entry, or more than one, says that the consent was given")


def _open_entries(
    said: Sequence[Mapping[str, Any]], head: checkpoints.Checkpoint, entries: dict[str, Shown]
) -> Iterator[Finding]:
    """Put those that stand in the log into `entries`, by ref."""
    for each in said:
        opened = shown.open_entry(each, head)
        if isinstance(opened, Finding):
            yield opened
        elif each["ref"] in entries:
            yield bad("entry.twice", None, f"{each['ref']} stands there twice")
        else:
            entries[each["ref"]] = opened


def _verify_event(event: dict[str, Any], record: dict[str, Any], entry: Shown) -> Iterator[Finding]:
    ref, said, leaf = event["vl:entry"], entry.payload, entry.leaf
    if (leaf.kind, text(leaf.at)) != (event["vl:entryKind"], event["dpv:isIndicatedAtTime"]):
        yield bad("status.other", None, f"{ref}: the entry tells another status, or of another time")
    whose = {"app": record["vl:appId"], "purpose": record["vl:purpose"]}
    whose |= {"grant": record["dct:identifier"]} if "grant" in said else {"request": record["vl:request"]}
    if any(said.get(name) != value for name, value in whose.items()):
        yield bad("entry.other", None, f"{ref}: the entry is about another consent")
    for name, value in _claims(event, record, said).items():
        if said.get(name) != value:
            yield bad("status.differs", None, f"{ref}: the entry says another {name}")
    if not _acted(event, record, leaf):
        yield bad("status.actor", None, f"{ref}: the entry says that somebody else acted")
    place = {"vl:entry": ref, "vl:actorSalt": event.get("vl:actorSalt"), **place_in_log(leaf)}
    places = [event, record] if event["vl:entryKind"] == "consent.given" else [event]
    if any(each.get(name) != value for each in places for name, value in place.items()):
        yield bad("entry.place", None, f"{ref}: it stands elsewhere in the log")


def _acted(event: dict[str, Any], record: dict[str, Any], leaf: leaves.Leaf) -> bool:
    """Say whether the entry commits to who acted; which officer it was, a receipt does not open."""
    if "vl:actorSalt" not in event:
        return bool(event["vl:actor"] == "officer")
    actor = f"app:{record['vl:appId']}" if event["vl:actor"] == "app" else event["vl:actor"]
    try:
        return leaves.commit("actor", bytes.fromhex(event["vl:actorSalt"]), actor.encode()) == leaf.actor
    except (ValueError, TypeError):
        return False


def _claims(event: dict[str, Any], record: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the payload must say, by its names, so that what the receipt says of this status is so."""
    claims: dict[str, Any] = {}
    for name, key in (
        ("reason", "vl:reason"),
        ("screen", "vl:uiSnapshotSha256"),
        ("delegation", "vl:authorityEvidence"),
    ):
        if said.get(name) is not None or key in event:
            claims[name] = event.get(key)
    if "notice" in said or "vl:notice" in event:
        claims["notice"] = _notice_claimed(event, record)
    if event["vl:entryKind"] == "consent.given":
        claims["operations"] = record["vl:operations"]
        claims["scope"] = record["vl:artifactScope"]
        durations = _durations(event)
        claims["valid_until"] = _until(durations, said)
        if "choice" in said:
            counted = "dpv:FixedOccurrencesDuration" in durations, record["vl:usesLeft"] is not None
            claims["choice"] = {(True, True): "once", (False, False): "term"}.get(counted)
    return claims


def _notice_claimed(event: dict[str, Any], record: dict[str, Any]) -> dict[str, Any] | None:
    for each in record["dpv:hasNotice"]:
        if isinstance(each, dict) and each.get("@id") == event.get("vl:notice"):
            if each.get("vl:noticeSha256") != event.get("vl:noticeSha256"):
                return None
            return {
                "id": str(each["@id"]).removeprefix("urn:uuid:"),
                "locale": each.get("dct:language"),
                "version": each.get("vl:noticeVersion"),
                "sha256": each.get("vl:noticeSha256"),
            }
    return None


def _durations(event: dict[str, Any]) -> dict[str, Any]:
    """Return the durations of a status, by type; none, where one is malformed or comes twice."""
    try:
        durations = {each["@type"]: each["rdf:value"] for each in event["dpv:hasDuration"]}
        return durations if len(durations) == len(event["dpv:hasDuration"]) else {}
    except (KeyError, TypeError):
        return {}


def _until(durations: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
    """Return the payload's own word for the end of the term if it is the receipt's, which writes it in another form."""
    try:
        until = text(datetime.fromisoformat(_ZULU.sub("+00:00", str(said.get("valid_until")))).astimezone(timezone.utc))
    except ValueError:
        return None
    return said.get("valid_until") if durations.get("dpv:UntilTimeDuration") == until else None


def _time(said: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(_ZULU.sub("+00:00", said))
        return at if at.tzinfo and text(at) == said else None
    except ValueError:
        return None
