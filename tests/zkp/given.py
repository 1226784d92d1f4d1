"""What the tests of proofs start from: a person's keys, a ledger's keys, an entry, and what a verifier asks."""

import os
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

from zkp import tag, wallet
from zkp.core import active, bbs, enrol, group, receipt
from zkp.core.context import Context, Enrolment
from zkp.document import Opened

SOAK = os.environ.get("CONSONANT_SOAK") == "1"
NOW = datetime(2026, 3, 1, 11, 58, 30, tzinfo=UTC)
DAY = date(2026, 3, 1)
ORIGIN = "log.example/voices"
SEED = bytes(range(32))
KEYS = tag.derive(SEED, ORIGIN)
OTHER = tag.derive(SEED[::-1], ORIGIN)
TAGS = [tag.day_tag(KEYS, DAY + timedelta(days=n)) for n in range(3)]
SK = bbs.keygen(b"the ledger's key material, 32 bytes or more")
PK = bbs.sk_to_pk(SK)
ATTRIBUTES = {
    "kind": "synthesis.made",
    "app": "0f0e0d0c-0b0a-4908-8706-050403020100",
    "purpose": "audiobook",
    "operation": "synthesis",
    "day": "2026-03-01",
    "status": "active",
    "within_ttl": "",
}
GRANT = active.attributes(app="an app", operation="synthesis", purpose="audiobook", until=active.valid_until(NOW))
ENROLMENT = Enrolment(ORIGIN, b"\3" * 32, "an account", "0f0e0d0c-0b0a-4908-8706-050403020100", NOW.replace(minute=59))
ENROLLED = enrol.prove(s=KEYS.s, tag=TAGS[0], context=ENROLMENT)
RECEIPT = receipt.issue(sk=SK, pk=PK, key_commitment=ENROLLED.key_commitment, attributes=ATTRIBUTES)
ISSUED = active.issue(sk=SK, pk=PK, key_commitment=ENROLLED.key_commitment, attributes=GRANT, now=NOW)


def context(statement, **change):
    """What a verifier asks, with some of it changed."""
    words = {
        "origin": ORIGIN,
        "verifier": "https://verifier.example",
        "nonce": b"\7" * 32,
        "size": 1_200,
        "root": b"\1" * 32,
        "statement": statement,
        "purpose": "to pay what is owed",
        "expires": NOW + timedelta(minutes=10),
    }
    return Context(**words | change)


CHANGES = {
    "origin": "log.example/other",
    "verifier": "https://other.example",
    "nonce": b"\7" * 31 + b"\6",
    "size": 1_201,
    "root": b"\1" * 31 + b"\2",
    "purpose": "to pay what is owed!",
    "expires": NOW + timedelta(minutes=10, seconds=1),
}


def altered(said):
    """Yield a context with each character, byte and bit of each field changed, by the name of the field."""
    for field in fields(said):
        value = getattr(said, field.name)
        if isinstance(value, str):
            others = [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value))]
        elif isinstance(value, bytes):
            others = [changed for _, changed in each_byte(value)]
        elif isinstance(value, int):
            others = [value ^ 1 << bit for bit in range(53)]
        else:
            others = [value + timedelta(seconds=sign * 2**bit) for bit in range(18) for sign in (1, -1)]
        for other in others:
            yield field.name, replace(said, **{field.name: other})


def each_byte(proof, *, step=1):
    """Yield the proof with each of its bytes changed, in a soak each of its bits. `step` leaves some out, but for a soak."""
    for at in range(0, len(proof), 1 if SOAK else step):
        for bit in range(8) if SOAK else (at % 8,):
            yield at, proof[:at] + bytes([proof[at] ^ 1 << bit]) + proof[at + 1 :]


def lifted(statement, proof):
    """Yield the proof with the order added to each of its scalars, which still fits."""
    for at in range(144 if statement in {"receipt", "active"} else 0, len(proof), 32):
        value = int.from_bytes(proof[at : at + 32], "big") + group.ORDER
        yield proof[:at] + value.to_bytes(32, "big") + proof[at + 32 :]


def misshapen(proof):
    """Yield the proof cut off, with something over, and empty."""
    yield from (b"", proof[:-1], proof[1:], proof[:-32], proof + b"\0", proof + bytes(32), proof + proof)


def prove_own(*, entries, context):
    """Return the document that proves a wallet's entries of one key."""
    [key] = {each.keys for each in entries}
    opened = [Opened(each.leaf.index, str(each.leaf.ref), each.tag, each.salt) for each in entries]
    return wallet.prove_opened(s=key.s, entries=opened, context=context)
