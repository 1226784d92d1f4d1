"""Known answers of our own formats (`known.json`): what is out there stays valid, and another implementation can be held against them.

`python -m tests.zkp.test_known` writes them anew, which changes a published format: mint a new version instead.
"""

import json
from pathlib import Path

import pytest

from tests.zkp.given import ATTRIBUTES, DAY, ENROLMENT, GRANT, KEYS, NOW, ORIGIN, PK, SEED, SK, SOAK, TAGS, context
from zkp import tag
from zkp.core import active, bbs_core, credential, enrol, group, hashing, own, receipt, sigma
from zkp.core.active import Scope, Shown
from zkp.core.context import Context
from zkp.core.credential import Link
from zkp.core.enrol import Enrolled

FILE = Path(__file__).with_name("known.json")
EPOCH = 20_513
NAMES = ("kind", "day")


def fixed(name):
    """Scalars that anybody can make again: expand_message of the name."""

    def draw(count):
        wide = hashing.expand_message(name.encode(), b"CONSONANT-KNOWN-ANSWERS", 48 * count)
        return [int.from_bytes(wide[at : at + 48], "big") % group.ORDER for at in range(0, len(wide), 48)]

    return draw


def scalars(name, count):
    return [group.encode_scalar(each).hex() for each in fixed(name)(count)]


def answers():
    """All of it, from the seed and the ledger's key."""
    k = credential.key_commitment(KEYS.s)
    public = tag.public_key(KEYS.s)
    contexts = {name: context(name).octets() for name in ("own", "receipt", "active")}
    held = {"pk": PK, "s": KEYS.s}

    own_instance, own_tag = own._instance(TAGS), own.bound_tag(contexts["own"])
    own_proof = sigma.prove(instance=own_instance, witness=KEYS.s, tag=own_tag, randomness=fixed("own"))

    enrol_instance, enrol_tag = enrol._instance(public, k, TAGS[0]), own.bound_tag(ENROLMENT.octets())
    enrol_proof = sigma.prove(instance=enrol_instance, witness=KEYS.s, tag=enrol_tag, randomness=fixed("enrol"))

    signed = receipt.issue(sk=SK, pk=PK, key_commitment=k, attributes=ATTRIBUTES)
    receipt_proof = credential.present(
        **held,
        signature=signed,
        header=receipt.HEADER,
        ph=contexts["receipt"],
        messages=credential.all_messages(receipt.SCHEMA, ATTRIBUTES),
        disclosed=[receipt.SCHEMA.index(name) for name in NAMES],
        randomness=fixed("receipt"),
    )

    issued = active.issue(sk=SK, pk=PK, key_commitment=k, attributes=GRANT, now=NOW)
    scope = Scope(ORIGIN, context("active").verifier, GRANT["app"], GRANT["operation"], EPOCH)
    base = active._base(scope)
    image = group.msm([base], [group.decode_scalar(KEYS.s)])
    active_proof = credential.present(
        **held,
        signature=issued,
        header=active.HEADER,
        ph=contexts["active"],
        messages=credential.all_messages(active.SCHEMA, GRANT),
        disclosed=[0, 1, 3],
        links=[Link(base, image)],
        randomness=fixed("active"),
    )
    return {
        "keys": {
            "seed": SEED.hex(),
            "origin": ORIGIN,
            "s": KEYS.s.hex(),
            "k_u": KEYS.k_u.hex(),
            "public_key": public.hex(),
            "key_commitment": k.hex(),
        },
        "ledger": {"sk": SK.hex(), "pk": PK.hex()},
        "generators": {
            "api_id": credential.API_ID.decode(),
            "q_1_h_1_to_h_8": bbs_core.create_generators(9, credential.API_ID).octets.hex(),
        },
        "own": {
            "first_day": DAY.isoformat(),
            "tags": [each.hex() for each in TAGS],
            "context": contexts["own"].decode(),
            "instance": own_instance.hex(),
            "tag": own_tag.decode(),
            "random_scalars": scalars("own", 1),
            "proof": own_proof.hex(),
        },
        "enrol": {
            "context": ENROLMENT.octets().decode(),
            "instance": enrol_instance.hex(),
            "tag": enrol_tag.decode(),
            "random_scalars": scalars("enrol", 1),
            "proof": enrol_proof.hex(),
        },
        "receipt": {
            "header": receipt.HEADER.decode(),
            "schema": list(receipt.SCHEMA),
            "attributes": ATTRIBUTES,
            "signature": signed.hex(),
            "disclosed": list(NAMES),
            "context": contexts["receipt"].decode(),
            "random_scalars": scalars("receipt", 11),
            "proof": receipt_proof.hex(),
        },
        "active": {
            "header": active.HEADER.decode(),
            "schema": list(active.SCHEMA),
            "attributes": GRANT,
            "now": NOW.isoformat(),
            "signature": issued.hex(),
            "epoch": EPOCH,
            "scope": scope.octets().decode(),
            "scope_point": group.encode_g1(base).hex(),
            "pseudonym": group.encode_g1(image).hex(),
            "context": contexts["active"].decode(),
            "random_scalars": scalars("active", 7),
            "proof": active_proof.hex(),
        },
    }


@pytest.mark.parametrize("name", ["keys", "ledger", "generators", "own", "enrol", "receipt", "active"])
def test_nothing_moves(name, answered):
    assert answered[name] == json.loads(FILE.read_text())[name]


@pytest.fixture(scope="module", params=group.BACKENDS if SOAK else group.BACKENDS[:1])
def answered(request):
    with group.use(request.param):
        return answers()


def test_they_verify():
    said = json.loads(FILE.read_text())
    pk, raw = bytes.fromhex(said["ledger"]["pk"]), bytes.fromhex
    one = said["own"]
    words = {"tags": [raw(each) for each in one["tags"]], "proof": raw(one["proof"])}
    assert own.verify(context=Context.read(one["context"].encode()), **words)
    keys, one = said["keys"], said["enrol"]
    enrolled = Enrolled(raw(keys["public_key"]), raw(keys["key_commitment"]), raw(one["proof"]))
    assert enrol.verify(enrolled=enrolled, tag=words["tags"][0], context=ENROLMENT)
    one = said["receipt"]
    shown = {name: one["attributes"][name] for name in one["disclosed"]}
    bound = Context.read(one["context"].encode())
    assert receipt.verify(pk=pk, disclosed=shown, context=bound, proof=raw(one["proof"]))
    one = said["active"]
    shown = {name: one["attributes"][name] for name in active.ALWAYS}
    bound, sent = Context.read(one["context"].encode()), Shown(raw(one["pseudonym"]), raw(one["proof"]))
    assert active.verify(pk=pk, disclosed=shown, epoch=one["epoch"], shown=sent, context=bound, now=NOW)


if __name__ == "__main__":
    FILE.write_text(json.dumps(answers(), indent=1) + "\n")
