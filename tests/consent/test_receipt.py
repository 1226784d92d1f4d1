"""The consent receipt: its form by the schema and the vocabulary, and that nothing in it can be changed unnoticed, not even by its signer."""

import copy
import csv
import json
import os
import re
import uuid
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import jsonschema
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from consent import receipt, verify_receipt
from consent.errors import ReceiptBroken
from consent.machine import State
from consent.receipt import ConsentFacts, Happened, NoticeFacts, Party, Spoken
from ledger import checkpoint, leaf, merkle, note
from tests import vectors

LOG = "consonant.local/acme"
LOG_KEY = note.Signer(LOG, Ed25519PrivateKey.from_private_bytes(b"l" * 32))
ISSUER = note.Signer(f"{LOG}/certificates", Ed25519PrivateKey.from_private_bytes(b"c" * 32))
KEYS = [LOG_KEY.verifier(), ISSUER.verifier()]
START = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
UNTIL = START + timedelta(days=30)
GRANT, REQUEST, SUBJECT, APP, TENANT, NOTICE, NEWER, GUARDIAN = (uuid.UUID(int=n, version=4) for n in range(1, 9))
IDS = {"grant": str(GRANT), "app": str(APP), "purpose": "voice-cloning"}


def notice_facts(identity=NOTICE, version=1):
    return NoticeFacts(identity, "zh-hans", version, date(2026, 1, 1), f"{version:064x}", "复刻您的声音")


def shown(notice):
    return {"id": str(notice.id), "locale": notice.locale, "version": notice.version, "sha256": notice.sha256}


FIRST, SECOND = notice_facts(), notice_facts(NEWER, 2)
STORY = [
    ("consent.requested", f"app:{APP}", {"request": str(REQUEST), "app": str(APP), "purpose": "voice-cloning", "operations": ["upload"]}),
    (
        "consent.given",
        "guardian",
        {
            **IDS,
            "request": str(REQUEST),
            "operations": ["embed", "upload"],
            "scope": ["voice"],
            "choice": "term",
            "valid_until": UNTIL.isoformat(),
            "notice": shown(FIRST),
            "screen": "5" * 64,
            "how": "portal",
            "delegation": str(GUARDIAN),
        },
    ),
    ("consent.paused", "guardian", {**IDS, "reason": "paused_by_guardian"}),
    ("consent.resumed", "guardian", {**IDS, "reason": "resumed_by_guardian"}),
    ("consent.stale", "service", {**IDS, "reason": "notice_changed"}),
    ("consent.renewed", "subject", {**IDS, "reason": "reaffirmed_by_subject", "notice": shown(SECOND), "screen": "6" * 64, "how": "portal"}),
    ("consent.withdrawn", "subject", {**IDS, "reason": "withdrawn_by_subject"}),
]  # fmt: skip


def logged(story=STORY, first=2):
    """Return the entries of a log in which these happened, with others between, and its signed checkpoint."""
    leaves, items, happened, prev = [], [], [], leaf.GENESIS_PREV
    told = [None] * first + [each for pair in zip(story, [None] * len(story), strict=True) for each in pair]
    for index, each in enumerate(told):
        kind, actor, said = each or ("test.happened", "nobody", {})
        value = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        salt, actor_salt = bytes([index]) * 32, bytes([100 + index]) * 32
        made = leaf.Leaf(
            log=LOG,
            index=index,
            prev=prev,
            at=START + timedelta(hours=index),
            kind=kind,
            ref=uuid.UUID(int=1000 + index, version=4),
            mark=bytes(16),
            actor=leaf.commit("actor", actor_salt, actor.encode()),
            subject=bytes(32),
            payload=leaf.commit("payload", salt, value.encode()),
        )
        leaves.append(leaf.encode(made))
        prev = merkle.leaf_hash(leaves[-1])
        if each:
            items.append(
                {
                    "ref": str(made.ref),
                    "index": index,
                    "leaf": leaves[-1].decode(),
                    "payload_salt": salt.hex(),
                    "payload": value,
                }
            )
            happened.append((made, actor, actor_salt.hex(), said))
    hashes = [merkle.leaf_hash(each) for each in leaves]
    for item in items:
        item["proof"] = [b64encode(each).decode() for each in path(hashes, item["index"])]
    head = checkpoint.format(checkpoint.Checkpoint(LOG, len(leaves), merkle.root(hashes)))
    return items, note.sign(head, [LOG_KEY]), happened


def path(hashes, index):
    """RFC 6962's audit path, straight from its definition."""
    if len(hashes) == 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = hashes[:split], hashes[split:]
    return (
        [*path(left, index), merkle.root(right)] if index < split else [*path(right, index - split), merkle.root(left)]
    )


def event(made, actor, salt, said):
    read = {str(FIRST.id): FIRST, str(SECOND.id): SECOND}.get(said.get("notice", {}).get("id"))
    return Happened(
        kind=made.kind,
        at=made.at,
        actor=actor.partition(":")[0],
        ref=made.ref,
        actor_salt=salt,
        how={"portal": "button on a screen"}.get(said.get("how"), ""),
        reason=said.get("reason", ""),
        screen=said.get("screen", ""),
        delegation=uuid.UUID(said["delegation"]) if "delegation" in said else None,
        notice=read,
    )


ENTRIES, HEAD, HAPPENED = logged()
FACTS = ConsentFacts(
    grant=GRANT,
    request=REQUEST,
    subject=SUBJECT,
    app=APP,
    app_name="Audiobook",
    app_url="https://audiobook.example",
    controller=Party(
        f"urn:uuid:{TENANT}", "Acme Audio", ("dpv:DataController",), "1 Example Street", "dpo@acme.example", "https://acme.example"
    ),
    recipients=(Party("urn:uuid:00000000-0000-4000-8000-0000000000aa", "TTS Vendor", ("dpv:DataProcessor",)),),
    purpose="voice-cloning",
    purpose_name="复刻声音",
    use_class="non-identification",
    operations=("embed", "upload"),
    scope=("voice",),
    notice=SECOND,
    kept="录音最多保存 5 分钟。",
    valid_from=START,
    valid_until=UNTIL,
    uses_left=None,
    deletion=timedelta(days=7),
    storage="CN",
    jurisdictions=("CN",),
    events=tuple(event(*each) for each in HAPPENED),
    links={name: f"https://consent.example/{name}" for name in ("withdraw", "erase", "access")},
    statement=Spoken("青山-纸船-七", nonce="青山", speech={"model": "asr-1", "score": 0.97}, speaker={"model": "spk-1", "score": 0.8}),
)  # fmt: skip
ID = uuid.UUID(int=99, version=4)
LATER = START + timedelta(days=2)


def build(facts=FACTS, entries=ENTRIES, head=HEAD):
    return receipt.build(facts, receipt=ID, log=LOG, entries=entries, checkpoint=head, now=LATER)


BODY = build()
SIGNED = receipt.sign(BODY, signer=ISSUER)


def findings(data, keys=KEYS):
    return [(each.level, each.what) for each in verify_receipt.verify(data, keys)]


def test_it_verifies():
    (only,) = verify_receipt.verify(SIGNED, KEYS)
    assert (only.level, only.what) == ("ok", "receipt.verified")
    assert "withdrawn since 2026-03-02T02:00:00.123Z" in only.message


SCHEMA = "consent/spec/receipt.schema.json"


@pytest.mark.parametrize(
    "facts",
    [
        FACTS,
        replace(FACTS, recipients=(), jurisdictions=(), storage="", statement=None, app_url=""),
        replace(FACTS, use_class="identification", uses_left=1, scope=("portrait", "voice"), replaces=APP),
        replace(FACTS, operations=("combine",), controller=Party("urn:uuid:x", "Acme", ("dpv:DataController",))),
    ],
)
def test_its_form_is_that_of_the_schema(facts):
    schema = vectors.load(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(schema)
    made = build(facts, [], "")
    jsonschema.validate(made, schema)
    jsonschema.validate(json.loads(receipt.sign(made, signer=ISSUER)), schema)


def test_the_schema_refuses_what_lacks_a_field():
    """Else the test above would show nothing."""
    schema = vectors.load(SCHEMA)
    for name in ("dpv:hasNotice", "dpv:hasProcess", "dpv:hasEntity", "dpv:hasConsentStatus"):
        broken = copy.deepcopy(BODY)
        del broken["dpv:hasRecordOfActivity"][0][name]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


def texts(value):
    """Every text of a JSON tree, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from (name, *texts(each))
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def terms(value, prefix):
    return {text.removeprefix(prefix) for text in texts(value) if re.fullmatch(rf"{prefix}\w[\w-]*", text)}


def vocabulary():
    """What DPV 2.3 defines, as far as it lies here: its tables, and the guide's examples without what it has wrong."""
    found = set()
    for path in vectors.path("consent/dpv-27560").glob("*.csv"):
        found |= {row["term"] for row in csv.DictReader(path.read_text().splitlines())}
    for path in [
        *vectors.path("consent/dpv-27560/examples").iterdir(),
        vectors.path("consent/spec/example-voice-receipt.jsonld"),
        vectors.path("consent/spec/iso27560-dpv-fieldmap.json"),
    ]:
        found |= set(re.findall(r"\bdpv:(\w+)", path.read_text()))
    return found - {"ConsentTerminated", "hasDataStorageCondition"}


def test_every_term_is_one_of_dpv_2_3():
    everything = [
        BODY,
        build(replace(FACTS, use_class="identification", uses_left=1, scope=("portrait", "voice")), [], ""),
        build(replace(FACTS, operations=("combine", "provide", "synthesize")), [], ""),
        build(replace(FACTS, use_class="experiment"), [], ""),
        *receipt.STATUS.values(),
    ]
    used = set().union(*(terms(each if isinstance(each, dict) else list(each), "dpv:") for each in everything))
    assert len(used) > 50
    assert used <= vocabulary()
    assert terms(BODY, "pd:") <= {"Biometric", "VoiceCommunicationRecording"}


def test_every_prefix_is_in_the_context():
    prefixes = {
        text.partition(":")[0] for text in texts(BODY["dpv:hasRecordOfActivity"]) if re.match(r"[a-z-]+:[A-Za-z]", text)
    }
    assert prefixes - {"urn", "https"} <= BODY["@context"].keys()


def test_all_fields_that_ts_27560_wants_are_there():
    """Each mandatory one of the field map, where it lies in DPV; the record's own example has them so."""
    record = BODY["dpv:hasRecordOfActivity"][0]
    (process,) = record["dpv:hasProcess"]
    places = {"record": record, "processing": {**record, **process}, "receipt": BODY, "receipt(DPV)": BODY}
    places |= {"pii": process["dpv:hasPersonalData"][0], "party": record["dpv:hasEntity"][0]}
    places |= {"event": record["dpv:hasConsentStatus"][1]}
    odd = {
        "purposes[]/purpose": process["dpv:hasPurpose"],
        "party_address": [
            each
            for each in record["dpv:hasEntity"][0]["schema:contactPoint"]
            if each["@type"] == "schema:PostalAddress"
        ],
        "party_type": "dpv:DataController" in record["dpv:hasEntity"][0]["@type"],
        "event_type": "dpv:ExplicitlyExpressedConsent" in record["dpv:hasConsentStatus"][1]["@type"],
        "event_state": record["dpv:hasConsentStatus"][1]["@type"],
    }
    wanted = [each for each in vectors.load("consent/spec/iso27560-dpv-fieldmap.json")["fields"] if each["mandatory"]]
    assert len(wanted) > 25
    for each in wanted:
        if each["iso27560"] in odd:
            assert odd[each["iso27560"]], each
            continue
        names = re.findall(r"(?:dct|dpv|skos|schema):\w+", each["dpv"])
        assert any(places[each["section"]].get(name) for name in names), each


def test_it_has_the_shape_of_the_example():
    example = vectors.load("consent/spec/example-voice-receipt.jsonld")
    assert example.keys() <= BODY.keys()
    theirs, ours = (each["dpv:hasRecordOfActivity"][0] for each in (example, BODY))
    assert theirs.keys() <= ours.keys()
    assert theirs["dpv:hasProcess"][0].keys() <= ours["dpv:hasProcess"][0].keys()
    given_, ours_given = theirs["dpv:hasConsentStatus"][1], ours["dpv:hasConsentStatus"][1]
    assert given_.keys() - {"vl:evidenceAudioSha256"} <= ours_given.keys()
    assert given_["@type"] == ours_given["@type"]


def test_the_states_are_what_the_machine_calls_them():
    states = vectors.load("consent/spec/state-machines.json")["consent_grant"]["states"]
    assert {name: " + ".join(receipt.STATUS[name]) for name in states} == {
        name: term for name, (term, _) in states.items()
    }
    assert receipt.STATUS.keys() == set(State)
    assert receipt.STATUS[State.EXHAUSTED] == receipt.STATUS[State.EXPIRED]


def test_who_acted_for_a_child_is_another_than_the_child():
    record = BODY["dpv:hasRecordOfActivity"][0]
    given_ = record["dpv:hasConsentStatus"][1]
    assert given_["dpv:isIndicatedBy"] == f"urn:uuid:{GUARDIAN}" != record["dpv:hasDataSubject"]["@id"]
    assert (given_["vl:actorRelationship"], given_["vl:authorityEvidence"]) == ("guardian", str(GUARDIAN))
    assert record["dpv:hasConsentStatus"][5]["vl:actorRelationship"] == "self"
    assert f"urn:uuid:{GUARDIAN}" in {each["@id"] for each in record["dpv:hasEntity"]}


def test_no_digest_of_a_recording_and_no_float():
    assert "evidenceAudio" not in SIGNED.decode()
    assert rfc8785.dumps(BODY) == json.dumps(BODY, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert BODY["dpv:hasRecordOfActivity"][0]["dpv:hasConsentStatus"][1]["vl:asrMatch"] == {
        "model": "asr-1",
        "score": "0.97",
    }


def test_without_entries_it_is_the_issuers_word():
    signed = receipt.sign(build(entries=[], head=""), signer=ISSUER)
    assert findings(signed) == [("warning", "entry.not_shown"), ("ok", "receipt.signed")]


def test_an_entry_that_is_not_sealed_yet_is_a_warning():
    last = [each for each in ENTRIES if each["index"] < ENTRIES[-1]["index"]]
    assert findings(receipt.sign(build(entries=last), signer=ISSUER)) == [
        ("warning", "entry.not_shown"),
        ("ok", "receipt.verified"),
    ]


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ([], "receipt.key_unknown"),
        ([LOG_KEY.verifier()], "receipt.key_unknown"),
        ([ISSUER.verifier()], "receipt.key_unknown"),
        (
            [LOG_KEY.verifier(), note.Signer(ISSUER.name, Ed25519PrivateKey.from_private_bytes(b"x" * 32)).verifier()],
            "signature.broken",
        ),
        (
            [note.Signer(LOG, Ed25519PrivateKey.from_private_bytes(b"x" * 32)).verifier(), ISSUER.verifier()],
            "checkpoint.broken",
        ),
    ],
)
def test_other_keys(keys, what):
    found = findings(SIGNED, keys)
    assert ("error", what) in found
    assert "ok" not in {level for level, _ in found}


def places_of(tree, place=()):
    yield place
    for key, child in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places_of(child, (*place, key))


def at(tree, place):
    for key in place:
        tree = tree[key]
    return tree


def changed(value):
    if isinstance(value, str):
        return value[:-1] + ("x" if value[-1:] != "x" else "y") if value else "x"
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else "x"


def variants(whole, place):
    """The tree with one place changed, and dropped."""
    for act in ("change", "drop"):
        copied = copy.deepcopy(whole)
        parent = at(copied, place[:-1])
        if act == "drop":
            del parent[place[-1]]
        elif isinstance(parent[place[-1]], dict | list):
            continue
        else:
            parent[place[-1]] = changed(parent[place[-1]])
        yield copied


def test_no_place_of_it_can_be_changed_or_dropped():
    whole = json.loads(SIGNED)
    tried = 0
    for place in list(places_of(whole))[1:]:
        for tampered in variants(whole, place):
            levels = {level for level, _ in findings(json.dumps(tampered).encode())}
            assert levels == {"error"}, place
            tried += 1
    assert tried > 400


@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 7))
def test_no_bit_can_be_flipped(place, bit):
    data = bytearray(SIGNED)
    data[place] ^= 1 << bit
    try:
        same = json.loads(bytes(data)) == json.loads(SIGNED)  # white space says nothing
    except ValueError:
        same = False
    assert ("ok" in {level for level, _ in findings(bytes(data))}) == same


@given(st.binary(max_size=300) | st.recursive(st.none() | st.text(max_size=5), lambda inner: st.dictionaries(
    st.sampled_from(sorted(BODY)), inner, max_size=5) | st.lists(inner, max_size=3)).map(lambda tree: json.dumps(tree).encode()))  # fmt: skip
def test_anything_else_is_no_receipt(data):
    assert findings(data) == [("error", "receipt.broken")]


SOAK = os.environ.get("CONSONANT_SOAK") == "1"
ODD = (None, 7, "", [], {}, [[]], [{}])


def shapes(value):
    """Each place of a receipt with something of another kind there: told as broken or wrong, and never a crash. All kinds in a soak."""
    for number, place in enumerate(list(places_of(value))[1:]):
        for odd in ODD if SOAK else (ODD[number % len(ODD)], ODD[(number + 3) % len(ODD)]):
            copied = copy.deepcopy(value)
            at(copied, place[:-1])[place[-1]] = odd
            yield place, copied


def test_no_other_kind_of_value_crashes_it():
    """Signed, so that it comes as far as it can."""
    tried = 0
    for place, body in shapes(BODY):
        if body == BODY:
            continue
        try:
            signed = receipt.sign(body, signer=ISSUER)
        except (ReceiptBroken, TypeError, AttributeError, UnicodeError):
            continue
        assert verify_receipt.verify(signed, KEYS), place
        tried += 1
    assert tried > (500 if SOAK else 140)


ISSUERS_WORD = {
    # Of the whole: which receipt, when it was made.
    "@context", "@id", "dpv:hasIdentifier", "dct:created",
    # Of the record: what stands beside the entries.
    "@type", "dct:replaces", "dpv:hasDataSubject", "dct:language", "dpv:hasProcess", "dpv:hasEntity", "vl:appName",
    # Of a notice: the words; of a status: what is worked out from the rest, and what was said aloud.
    "dct:title", "dct:date", "dct:coverage", "dpv:isIndicatedBy", "dpv:hasIndicationMethod",
    "vl:statementText", "vl:statementNonce", "vl:asrMatch", "vl:speakerMatch",
}  # fmt: skip


def test_who_signs_it_cannot_lie_about_the_log():
    """Each place changed and dropped in turn and signed anew: what entries state cannot be another."""
    tried = 0
    for place in list(places_of(BODY))[1:]:
        if ISSUERS_WORD & set(place):
            continue
        for body in variants(BODY, place):
            try:
                signed = receipt.sign(body, signer=ISSUER)
            except (ReceiptBroken, KeyError, TypeError):
                continue
            levels = {level for level, _ in findings(signed)}
            left_out = "warning" in levels and place[0] == "vl:entries" and len(place) == 2
            assert "error" in levels or left_out, (place, findings(signed))
            tried += 1
    assert tried > 200


LIES = {
    "a status left out in the middle": lambda record: record["dpv:hasConsentStatus"].pop(2),
    "another order": lambda record: record["dpv:hasConsentStatus"].insert(2, record["dpv:hasConsentStatus"].pop(3)),
    "a status twice": lambda record: record["dpv:hasConsentStatus"].append(record["dpv:hasConsentStatus"][-1]),
    "more operations": lambda record: record["vl:operations"].append("synthesize"),
    "another scope": lambda record: record["vl:artifactScope"].append("portrait"),
    "a longer term": lambda record: record["dpv:hasConsentStatus"][1]["dpv:hasDuration"][0].update(
        {"rdf:value": "2036-01-01T00:00:00.000Z"}
    ),
    "another notice": lambda record: record["dpv:hasConsentStatus"][1].update(
        {"vl:notice": f"urn:uuid:{NEWER}", "vl:noticeSha256": SECOND.sha256}
    ),
    "another screen": lambda record: record["dpv:hasConsentStatus"][1].update({"vl:uiSnapshotSha256": "7" * 64}),
    "the person instead of the guardian": lambda record: record["dpv:hasConsentStatus"][1].update({"vl:actor": "subject"}),
    "the person instead of the guardian, unproven": lambda record: (
        record["dpv:hasConsentStatus"][1].pop("vl:actorSalt"),
        record["dpv:hasConsentStatus"][1].update({"vl:actor": "subject", "vl:actorRelationship": "self"}),
    ),
    "the guardian as the person": lambda record: record["dpv:hasConsentStatus"][1].update({"vl:actorRelationship": "self"}),
    "once instead of as often as needed": lambda record: (
        record.update({"vl:usesLeft": 1}),
        record["dpv:hasConsentStatus"][1]["dpv:hasDuration"].append({"@type": "dpv:FixedOccurrencesDuration", "rdf:value": 1}),
    ),
    "a longer term since it was confirmed": lambda record: record["dpv:hasConsentStatus"][5]["dpv:hasDuration"][0].update(
        {"rdf:value": "2036-01-01T00:00:00.000Z"}
    ),
    "no authority": lambda record: record["dpv:hasConsentStatus"][1].pop("vl:authorityEvidence"),
    "another app": lambda record: record.update({"vl:appId": str(TENANT)}),
    "another purpose": lambda record: record.update({"vl:purpose": "speaker-verification"}),
    "another consent": lambda record: record.update({"dct:identifier": str(TENANT)}),
    "still standing": lambda record: record.update({"vl:state": "given", "vl:currentStatus": ["dpv:ConsentGiven"]}),
    "withdrawn earlier": lambda record: record["dpv:hasConsentStatus"][-1].update({"dpv:isIndicatedAtTime": "2026-03-01T13:00:00.123Z"}),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_who_signs_it_is_found_out(lie):
    body = copy.deepcopy(BODY)
    LIES[lie](body["dpv:hasRecordOfActivity"][0])
    found = findings(receipt.sign(body, signer=ISSUER))
    assert {level for level, _ in found} == {"error"}
    assert "signature.other_text" not in {what for _, what in found}


def test_once_stays_once():
    """The other way round: what was for one use is not told as one for the whole term."""
    kind, actor, said = STORY[1]
    entries, head, happened = logged([STORY[0], (kind, actor, said | {"choice": "once"})])
    facts = replace(FACTS, notice=FIRST, events=tuple(event(*each) for each in happened), uses_left=1)
    body = build(facts, entries, head)
    assert findings(receipt.sign(body, signer=ISSUER)) == [("ok", "receipt.verified")]
    body["dpv:hasRecordOfActivity"][0]["dpv:hasConsentStatus"][1]["dpv:hasDuration"].pop()
    for uses in (1, None):
        body["dpv:hasRecordOfActivity"][0]["vl:usesLeft"] = uses
        assert findings(receipt.sign(body, signer=ISSUER)) == [("error", "status.differs")]


def test_which_officer_acted_is_not_opened():
    entries, head, happened = logged([*STORY[:2], ("consent.revoked", "officer:7", {**IDS, "reason": "complaint"})])
    events = [event(*each) for each in happened]
    events[2] = replace(events[2], actor="officer", actor_salt="")
    signed = receipt.sign(build(replace(FACTS, notice=FIRST, events=tuple(events)), entries, head), signer=ISSUER)
    assert findings(signed) == [("ok", "receipt.verified")]


def test_only_what_came_last_can_be_left_out():
    """The one lie that a receipt cannot show by itself, and its date tells how old its truth is."""
    body = build(replace(FACTS, events=FACTS.events[:-1]), ENTRIES[:-1])
    assert findings(receipt.sign(body, signer=ISSUER)) == [("ok", "receipt.verified")]


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(days=30), "P30D"),
        (timedelta(seconds=8), "PT8S"),
        (timedelta(days=1, seconds=5), "P1DT5S"),
        (timedelta(0), "PT1S"),
        (timedelta(milliseconds=5), "PT1S"),
    ],
)
def test_durations_are_iso_8601(span, said):
    (process,) = build(replace(FACTS, valid_until=FACTS.valid_from + span), [], "")["dpv:hasRecordOfActivity"][0][
        "dpv:hasProcess"
    ]
    assert process["dpv:hasStorageCondition"][1]["dpv:hasDuration"] == said


def test_every_field_of_our_own_is_documented():
    page = (vectors.PROJECT / "docs" / "receipts.md").read_text(encoding="utf-8")
    whole = json.loads(SIGNED)
    names = {text for text in texts([{**whole, "@context": {}}]) if re.fullmatch(r"vl:[a-z]\w+", text)}
    assert len(names) > 20
    told = set(re.findall(r"`([^`]+)`", page))
    assert names - {"vl:useClass", "vl:noticeVersion"} <= told
    assert shown_fields() <= told
    assert set(re.findall(r"`(dpv:\w+)`", page)) >= {each for terms_ in receipt.STATUS.values() for each in terms_} - {
        "dpv:ConsentUnknown"
    }


def shown_fields():
    return set(ENTRIES[0])
