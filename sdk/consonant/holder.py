"""What a wallet does with a service: take over, look through the log, take receipts, compare the count, and answer questions.

Each function changes the open file's `state` and saves it where something was gained that must not be lost, before the next step. What a
service answers is believed for nothing that can be checked: keys are those seen first, the log is held against its signed head, a receipt and
a credential against the log's key, and a question against what its context says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from consonant.ledger import leaf as leaves
from consonant.ledger import merkle, note, signed_json, tiles
from consonant.ledger.errors import LedgerError
from consonant.remote import Refused, open_head
from consonant.zkp import tag
from consonant.zkp import wallet as wallets
from consonant.zkp.core import active, receipt
from consonant.zkp.core.context import Context
from consonant.zkp.document import MAX_ENTRIES, Opened

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from consonant.remote import Service
    from consonant.safe import Safe

CLAIMED: Final = "subject.claimed"
COUNT: Final = "consonant/subject-count/v1"
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")
_DAY: Final = 86_400


class Stop(Exception):
    """It cannot be done; the sentence says why."""


@dataclass(frozen=True)
class Question:
    """A challenge, as far as a wallet has to know it."""

    id: str
    context: Context
    issuer: str
    epoch: int
    name: str | None
    """Of the verifier, where it has shown who it is."""
    attributes: tuple[str, ...]
    app: str
    app_name: str
    operation: str


def read_question(said: dict[str, Any], *, from_service: bool) -> Question:
    """Read what `GET /api/v1/challenges/{id}` answers; the names are taken from the service alone, for a file says of itself what it likes.

    Raises:
        Refused: It is nothing of the kind, or says of itself something else than its context.
    """
    wants = _of(said, "wants", dict)
    context = Context.read(_of(said, "context").encode())
    if (context.origin, context.verifier) != (_of(said, "log"), _of(said, "verifier")):
        raise Refused("the question names another log or verifier than its context")
    attributes = _of(wants, "attributes", list)
    name = said.get("verifier_name") if from_service and said.get("verifier_known") is True else None
    if not all(isinstance(each, str) for each in (*attributes, name or "")):
        raise Refused("the question is not understood")
    return Question(
        id=_of(said, "id"),
        context=context,
        issuer=_of(said, "issuer"),
        epoch=_of(said, "epoch", int),
        name=name,
        attributes=tuple(attributes),
        app=_text(wants, "app"),
        app_name=_text(wants, "app_name") if from_service else "",
        operation=_text(wants, "operation"),
    )


def meet(safe: Safe, service: Service, wanted: str | None) -> dict[str, Any]:
    """Return what the service says of a log, and of the person in it; without `wanted`, of the only one.

    Raises:
        Stop: There is none, there are several, or its keys are not those of before.
    """
    logs = [each for each in _of(service.get("/wallet/state"), "logs", list) if isinstance(each, dict)]
    if wanted is None and len(logs) > 1:
        known = [each for each in logs if each.get("held")] or [
            each for each in logs if each.get("origin") in safe.state["logs"]
        ]
        if len(known) != 1:
            raise Stop(f"say which log, with --log: {', '.join(sorted(str(each.get('origin')) for each in logs))}")
        logs = known
    found = next((each for each in logs if wanted in {None, each.get("origin")}), None)
    if found is None:
        raise Stop("the service has no such log")
    keys = {name: _of(found, name) for name in ("address", "vkey", "issuer")}
    kept = safe.learn(_of(found, "origin"), **keys)
    if (kept["vkey"], kept["issuer"]) != (keys["vkey"], keys["issuer"]):
        raise Stop("the service shows another key for this log than before: do not rely on it, and tell others")
    return found


def take_over(safe: Safe, service: Service, standing: dict[str, Any], *, replace: bool = False) -> None:
    """Take over one's key from the service, or fetch what it handed over when that was done; with `replace`, from a wallet that is lost.

    A crash anywhere loses nothing: what was handed over waits there, encrypted to the wallet, until `confirm`.

    Raises:
        Stop: The person is not known there, or another wallet keeps their key.
    """
    origin = standing["origin"]
    mine = wallets.Wallet(safe.seed, origin)
    if "held" not in standing:
        raise Stop("the code is not good any more, or you are not known in this log: no app has asked you there yet")
    mine_already = standing.get("public_key") == tag.public_key(mine.keys.s).hex()
    if standing["held"] == "custodial" or (replace and not mine_already):
        use = "claim" if standing["held"] == "custodial" else "replace"
        asked = service.post("/wallet/challenges", {"origin": origin, "for": use})
        shown = tag.day_tag(mine.keys, _day(asked))
        said = _shown(mine.keys, shown, asked, origin)
        service.post("/wallet/claims", {"origin": origin, **said, "k_u": mine.keys.k_u.hex(), "box": mine.box.hex()})
        standing = meet(safe, service, origin)
    if standing.get("public_key") != tag.public_key(mine.keys.s).hex():
        raise Stop("another wallet keeps your key in this log; if its words are lost or stolen, say --replace")
    log = safe.state["logs"][origin]
    log["account"], log["claimedRef"] = standing.get("account"), standing.get("claimed_ref")
    log["claimedAt"] = standing.get("claimed_at")
    if standing.get("handed"):
        earlier = mine.open_handed(_hex(standing, "handed"), _of(standing, "claimed_ref"))
        if tag.public_key(earlier.s).hex() != standing.get("handed_public_key"):
            raise Refused("what was handed over is not the key that it should be")
        if earlier not in safe.earlier(origin):
            log["earlier"].append({"s": earlier.s.hex(), "ku": earlier.k_u.hex()})
            log.update(scanned=0, frontier=[], saved=False)  # looked at once more, with this key too
    safe.save()


def confirm(safe: Safe, service: Service, origin: str) -> None:
    """Say that there is a copy of the file: the service deletes what it handed over."""
    service.post("/wallet/claims/kept", {"origin": origin})
    safe.state["logs"][origin]["saved"] = True
    safe.save()


def look(safe: Safe, service: Service, origin: str, *also: tuple[int, bytes]) -> None:
    """Look through the log from where the last look ended, and keep what is one's own.

    Args:
        safe: The open file.
        service: Who has the log.
        origin: The log.
        also: Sizes and roots that somebody else named: each must be a beginning of this log.

    Raises:
        Refused: The leaves are not those of the signed root, or the log is not the one of before.
    """
    log = safe.state["logs"][origin]
    head, signed = service.head(origin, log["vkey"])
    known = list(also)
    if log["note"]:
        before = open_head(log["note"].encode(), origin, log["vkey"])
        known.append((before.size, before.root))
    start, frontier = log["scanned"], [bytes.fromhex(each) for each in log["frontier"]]
    if any(size < start for size, _ in known) or len(frontier) != start.bit_count() or start % tiles.WIDTH:
        start, frontier = 0, []
    if any(size > head.size for size, _ in known) or start > head.size:
        raise Refused("the log ends before a place that it had reached: it was cut off, or there are two of it")
    read = service.leaves(origin, start, head.size)
    hashes = list(map(merkle.leaf_hash, read))

    def frontier_at(size: int) -> list[bytes]:
        return merkle.frontier_extend(frontier, start, hashes[: size - start])

    if len(read) != head.size - start or merkle.frontier_root(frontier_at(head.size)) != head.root:
        raise Refused("what the log has published is not under its signed root")
    if any(merkle.frontier_root(frontier_at(size)) != root for size, root in known):
        raise Refused("the log does not continue what was seen of it before: there are two histories of it")
    whole = head.size - head.size % tiles.WIDTH
    log["entries"] = [each for each in log["entries"] if each["index"] < start] + _own(safe, origin, start, read)
    log.update(scanned=whole, frontier=[each.hex() for each in frontier_at(whole)], note=signed)
    safe.save()


def compare_count(safe: Safe, service: Service, origin: str) -> tuple[dict[str, Any], int, int]:
    """Return the signed count, how many entries the service signed that it has of this wallet's key, and how many were found.

    Raises:
        Refused: The count is not signed, or is somebody else's.
    """
    log = safe.state["logs"][origin]
    counted = service.get(f"/wallet/count?origin={origin}")
    body = _of(counted, "body", dict)
    listed = _of(service.get("/.well-known/consonant.json"), "logs", list)
    vkey = next(
        (each.get("certificates_vkey") for each in listed if isinstance(each, dict) and each.get("origin") == origin),
        None,
    )
    key = tag.public_key(tag.derive(safe.seed, origin).s).hex()
    size, said = _of(body, "size", int), (body.get("type"), body.get("log"), body.get("key"))
    try:
        verifiers = [note.Verifier.from_vkey(str(vkey))]
        signed_json.check(_of(counted, "note"), body, kind=COUNT, identity=key, verifiers=verifiers)
    except LedgerError as error:
        raise Refused(f"the count is not signed: {error}") from None
    if size > _seen(log, origin):
        look(safe, service, origin)  # the log grew meanwhile
    if said != (COUNT, origin, key) or size > _seen(log, origin):
        raise Refused("the count is of something else")
    since = _of(body, "since").replace("Z", ".000Z")
    ours = [each for each in log["entries"] if each["whose"] is None and each["at"] >= since and each["index"] < size]
    return {"body": body, "note": counted["note"]}, _of(body, "count", int), len(ours)


def take_receipt(safe: Safe, service: Service, origin: str, ref: str) -> dict[str, str]:
    """Take a receipt of an entry that the log has shown; return what it says.

    Raises:
        Stop: The log has shown no such entry of one's own.
        Refused: What the service gives is not its receipt of this entry.
    """
    log = safe.state["logs"][origin]
    entry = next((each for each in log["entries"] if each["ref"] == ref), None)
    if entry is None:
        raise Stop("the log has no such entry of yours")
    keys = keys_of(safe, origin, entry["whose"])
    opened = _opened(keys, entry)
    asked = service.post("/wallet/challenges", {"origin": origin, "for": "receipt", "ref": ref})
    if _of(asked, "ref") != ref:
        raise Refused("the service asks about another entry")
    said = _shown(keys, opened.tag, asked, origin)
    opening = {"tag": opened.tag.hex(), "salt": opened.salt.hex()}
    given = service.post("/wallet/receipts", {"origin": origin, "ref": ref, **opening, **said})
    made, attributes = _hex(given, "receipt"), _texts(given)
    if not receipt.check(pk=bytes.fromhex(log["issuer"]), receipt=made, s=keys.s, attributes=attributes):
        raise Refused("the service gave something that is not its receipt")
    if (attributes.get("kind"), attributes.get("day")) != (entry["kind"], entry["at"][:10]):
        raise Refused("the service gave a receipt of something else")
    kept = {"ref": ref, "issuer": log["issuer"], "attributes": attributes, "receipt": made.hex()}
    if isinstance(given.get("app_name"), str):
        kept["app_name"] = given["app_name"]
    log["receipts"] = [each for each in log["receipts"] if each["ref"] != ref] + [{**kept, "whose": entry["whose"]}]
    safe.save()
    return attributes


def check_question(safe: Safe, question: Question, *, now: datetime) -> None:
    """See that a question may be answered, with what the file has.

    Raises:
        Stop: It is over; its log is not known; or it would have one answer in a way that marks who answers.
    """
    log = safe.log(question.context.origin)
    if log is None:
        raise Stop("the wallet has not met this log yet: `scan` it first")
    if now > question.context.expires:
        raise Stop("the question's time is over: ask for a new one")
    if question.issuer != log["issuer"]:  # a key for one person alone would mark what it signed
        raise Stop("the question names another key for receipts than the wallet has seen: do not answer")
    if question.context.statement == active.STATEMENT and abs(question.epoch - int(now.timestamp()) // _DAY) > 1:
        raise Stop("the question counts another day than today: an answer could be recognised on later days")


def answer_own(safe: Safe, question: Question, chosen: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the document that proves these entries, as the file has them. It takes no service.

    Raises:
        Stop: There are none, too many, some that the question does not cover, or entries of several keys.
    """
    context = question.context
    if not 0 < len(chosen) <= MAX_ENTRIES:
        raise Stop(f"a proof is of one entry at least, and of {MAX_ENTRIES} at most")
    if any(each["index"] >= context.size for each in chosen):
        raise Stop("the question was asked before some of these entries stood in the log: ask for a new one")
    whose = {each["whose"] for each in chosen}
    if len(whose) != 1:
        raise Stop("these entries are of several keys, the earlier one and yours: make a proof for each")
    keys = keys_of(safe, context.origin, whose.pop())
    opened = [_opened(keys, each) for each in sorted(chosen, key=lambda each: each["index"])]
    return wallets.prove_opened(s=keys.s, entries=opened, context=context)


def answer_receipt(safe: Safe, question: Question, ref: str, show: Collection[str]) -> dict[str, Any]:
    """Return the document that shows what is asked of a receipt, and `show` besides. It takes no service.

    Raises:
        Stop: There is no such receipt in the file.
    """
    context = question.context
    kept = next((each for each in safe.state["logs"][context.origin]["receipts"] if each["ref"] == ref), None)
    if kept is None:
        raise Stop("the wallet has no such receipt: take it first, with `receipt`")
    return wallets.prove_receipt(
        s=keys_of(safe, context.origin, kept["whose"]).s,
        issuer=bytes.fromhex(kept["issuer"]),
        made=bytes.fromhex(kept["receipt"]),
        attributes=kept["attributes"],
        disclosed=sorted({*question.attributes, *show}),
        context=context,
    )


def answer_active(safe: Safe, service: Service, question: Question) -> dict[str, Any]:
    """Take a credential that the consent asked about stands, and return the document that shows it.

    Raises:
        Stop: There is no such consent.
        Refused: What the service gives is not its credential for this.
    """
    context = question.context
    origin = context.origin
    grants = _of(service.get(f"/wallet/grants?origin={origin}"), "grants", list)
    grant = next(
        (
            each
            for each in grants
            if isinstance(each, dict)
            and each.get("app") == question.app
            and question.operation in _of(each, "operations", list)
        ),
        None,
    )
    if grant is None:
        raise Stop("no consent of yours to this app and operation stands")
    keys = tag.derive(safe.seed, origin)
    asked = service.post("/wallet/challenges", {"origin": origin, "for": "active"})
    shown = tag.day_tag(keys, _day(asked))
    said = {"origin": origin, "grant": _of(grant, "grant"), "operation": question.operation}
    given = service.post("/wallet/credentials", {**said, **_shown(keys, shown, asked, origin), "tag": shown.hex()})
    attributes = _texts(given)
    if (attributes.get("app"), attributes.get("operation")) != (question.app, question.operation):
        raise Refused("the service gave a credential for something else")
    return wallets.prove_active(
        s=keys.s,
        issuer=bytes.fromhex(safe.state["logs"][origin]["issuer"]),
        issued=_hex(given, "credential"),
        attributes=attributes,
        epoch=question.epoch,
        context=context,
    )


def keys_of(safe: Safe, origin: str, whose: int | None) -> tag.Keys:
    """Return the wallet's own keys, or those handed over with this number."""
    return tag.derive(safe.seed, origin) if whose is None else safe.earlier(origin)[whose]


def _seen(log: dict[str, Any], origin: str) -> int:
    return open_head(log["note"].encode(), origin, log["vkey"]).size


def _own(safe: Safe, origin: str, start: int, read: list[bytes]) -> list[dict[str, Any]]:
    try:
        for index, data in enumerate(read, start):
            if leaves.read_link(data)[:2] != (origin, index):
                raise Refused("an entry of the log stands at another place than it says")
        earlier = safe.earlier(origin)
        found = wallets.Wallet(safe.seed, origin, earlier).find(read)
    except LedgerError as error:
        raise Refused(f"what the log has published does not hold: {error}") from None
    return [
        {
            "index": each.leaf.index,
            "ref": str(each.leaf.ref),
            "kind": each.leaf.kind,
            "at": f"{each.leaf.at.astimezone(timezone.utc).isoformat(timespec='milliseconds')[:23]}Z",
            "whose": None if each.claimed else earlier.index(each.keys),
            "payload": each.leaf.payload.hex(),
        }
        for each in found
    ]


def _opened(keys: tag.Keys, entry: dict[str, Any]) -> Opened:
    made = tag.day_tag(keys, date.fromisoformat(entry["at"][:10]))
    return Opened(entry["index"], entry["ref"], made, tag.subject_salt(keys.k_u, UUID(entry["ref"])))


def _shown(keys: tag.Keys, shown: bytes, asked: dict[str, Any], origin: str) -> dict[str, str]:
    """Answer the log's question for a key, if it is about this log and the entry that it names."""
    context = wallets.read_enrolment(_of(asked, "context"))
    if (context.origin, context.ref) != (origin, asked.get("ref")):
        raise Refused("the service asks for a key of another log or entry")
    return wallets.show_key(keys=keys, shown=shown, context=_of(asked, "context"))


def _of(said: dict[str, Any], name: str, kind: type = str) -> Any:
    found = said.get(name)
    if type(found) is not kind:
        raise Refused("the service answered with something that is not understood")
    return found


def _text(said: dict[str, Any], name: str) -> str:
    """Return a text that may be null, or absent."""
    return _of(said, name) if said.get(name) is not None else ""


def _hex(said: dict[str, Any], name: str) -> bytes:
    text = _of(said, name)
    if not _HEX.fullmatch(text):
        raise Refused("the service answered with something that is not understood")
    return bytes.fromhex(text)


def _day(asked: dict[str, Any]) -> date:
    try:
        return date.fromisoformat(_of(asked, "day"))
    except ValueError:
        raise Refused("the service answered with something that is not understood") from None


def _texts(given: dict[str, Any]) -> dict[str, str]:
    said: dict[str, str] = _of(given, "attributes", dict)
    if not all(isinstance(value, str) for value in said.values()):
        raise Refused("the service answered with something that is not understood")
    return said
