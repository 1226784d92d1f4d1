"""The wallet's core in TypeScript: the vectors of others and our own known answers byte for byte, and every verdict as Python has it."""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ledger import leaf, merkle
from tests import vectors
from tests.zkp import frontend, given, test_bbs, test_context, test_group, test_known, test_peer, test_sigma
from zkp import tag
from zkp.core import active, bbs, bbs_core, enrol, group, own, receipt, sigma
from zkp.core.active import Shown
from zkp.core.enrol import Enrolled
from zkp.core.relation import Equation, Relation
from zkp.wallet import SUITE
from zkp.wallet import Wallet as PythonWallet

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not here, so the wallet cannot be built")
KNOWN = json.loads(test_known.FILE.read_text())
SIGMA = "zkp/sigma-proofs/"
ROUNDS = 20 if given.SOAK else 2


@pytest.fixture(scope="module")
def folder():
    return frontend.installed()


peer = test_peer.installed


@pytest.fixture(scope="module")
def wallet(folder, tmp_path_factory):
    return frontend.Asked(folder, "test/answers.ts", tmp_path_factory.mktemp("answers"))


def test_the_bundle_is_what_the_source_builds(folder, tmp_path):
    frontend.run(folder, "node", "build.mjs", str(tmp_path))
    made = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert made == {each.name: each.read_bytes() for each in frontend.BUILT.iterdir()}, (
        "run `npm run build` in frontend/"
    )


def test_its_types_hold(folder):
    frontend.run(folder, "node", "node_modules/typescript/bin/tsc")


def scalars(numbers):
    return [group.encode_scalar(each).hex() for each in numbers]


def test_hashing_to_the_curve_and_expanding(wallet):
    said = vectors.load("zkp/rfc9380/BLS12381G1_XMD_SHA-256_SSWU_RO_.json")
    dst = said["dst"].encode()
    jobs = [{"call": "hashToG1", "message": case["msg"].encode(), "dst": dst} for case in said["vectors"]]
    expected = [group.encode_g1(group.hash_to_g1(case["msg"].encode(), dst)).hex() for case in said["vectors"]]
    for case, wanted in zip(said["vectors"], expected, strict=True):
        assert int(wanted, 16) & (2**381 - 1) == int(case["P"]["x"], 16)
    for name in vectors.names("zkp/rfc9380/expand_message_xmd_SHA256_*.json"):
        said = vectors.load(name)
        for case in said["tests"]:
            words = {
                "message": case["msg"].encode(),
                "dst": said["DST"].encode(),
                "length": int(case["len_in_bytes"], 16),
            }
            jobs.append({"call": "expandMessage", **words})
            expected.append(case["uniform_bytes"])
    assert wallet.answer(jobs) == expected


def test_what_is_no_point_and_no_scalar(wallet):
    bad = [{"call": "decodeG1", "data": data} for data in test_group.BAD_G1.values()]
    good = group.encode_g2(group.generator_g2())
    bad += [
        {"call": "decodeG2", "data": data}
        for data in (
            good[:-1],
            good + b"\0",
            b"\xc0" + bytes(95),
            bytes(96),
            bytes([good[0] ^ 0x80]) + good[1:],
            good[:48] + bytes([good[48] | 0x80]) + good[49:],
            test_group.off_subgroup_g2(),
        )
    ]
    assert wallet.answer(bad) == [{"error": "InvalidPoint"}] * len(bad)
    bad = [group.ORDER.to_bytes(32, "big"), b"\xff" * 32, bytes(31), bytes(33), b""]
    jobs = [{"call": "decodeScalar", "data": data} for data in bad]
    jobs.append({"call": "decodeScalar", "data": bytes(32), "zero": False})
    assert wallet.answer(jobs) == [{"error": "InvalidScalar"}] * len(jobs)
    fine = [{"call": "decodeG1", "data": test_group.G}, {"call": "decodeG2", "data": good}]
    fine.append({"call": "decodeScalar", "data": bytes(32)})
    assert wallet.answer(fine) == [test_group.G.hex(), good.hex(), bytes(32).hex()]


def test_both_decoders_agree_on_every_changed_bit(wallet):
    point = int.from_bytes(given.TAGS[0][:48], "big")
    chance = random.Random(5)
    tried = [(point ^ 1 << bit).to_bytes(48, "big") for bit in range(0, 384, 1 if given.SOAK else 5)]
    tried += [bytes([0x80 | chance.randrange(32)]) + chance.randbytes(47) for _ in range(200 if given.SOAK else 30)]
    for data, said in zip(tried, wallet.answer([{"call": "decodeG1", "data": data} for data in tried]), strict=True):
        try:
            assert said == group.encode_g1(group.decode_g1(data)).hex()
        except group.InvalidPoint:
            assert said == {"error": "InvalidPoint"}, data.hex()


def number(said):
    return said if isinstance(said, int) else int(said, 16)


def sponge(record):
    """What a record does with the sponge, if it does."""
    return {"sessionId": record["SessionId"], "operations": record["Operations"]} if "Operations" in record else {}


def modulus(record):
    return str(number(record["Modulus"]))


def sumcheck(record):
    witness = [str(each) for each in record["Witness"]] if "Witness" in record else None
    return {
        "sessionId": record["SessionId"],
        "rounds": record["NumVariables"],
        "claimed": str(number(record["ClaimedSum"])),
        **({"witness": witness} if witness else {"narg": record["Narg"]}),
    }


ASKED = {
    "SerializeVarLenString": ("serializeVarLen", lambda r: {"input": r["Input"]}, lambda r: r["Output"]),
    "DeserializeVarLenString": ("deserializeVarLen", lambda r: {"input": r["Input"]}, None),
    "SerializeUint": (
        "serializeUint",
        lambda r: {"value": str(number(r["Value"])), "modulus": modulus(r)},
        lambda r: r["Output"],
    ),
    "DeserializeUint": ("deserializeUint", lambda r: {"input": r["Input"], "modulus": modulus(r)}, None),
    "DuplexSponge": ("play", sponge, lambda r: r["Output"]),
    "DeriveSessionID": ("deriveSessionId", lambda r: {"tag": r["Tag"]}, lambda r: r["Output"]),
    "DecodeUint": (
        "decodeUint",
        lambda r: {"modulus": modulus(r), "input": r.get("Input"), **sponge(r)},
        lambda r: f"{number(r['Challenge']):x}",
    ),
    "Sumcheck": (
        "sumcheck",
        sumcheck,
        lambda r: [r["Narg"], f"{number(r['FinalEvaluation']):x}"],
    ),
}
"""How a record of the Fiat-Shamir vectors is asked, and what the answer is. Fields of several coordinates are none of the core's."""


def verdict_on(record, said):
    """Say whether the answer is the record's."""
    if record.get("Expected") == "reject":
        return "error" in said
    wanted = ASKED[record["Function"]][2]
    return said == wanted(record) if wanted else "error" not in said


def test_every_vector_of_the_transformation(wallet):
    records = vectors.load(SIGMA + "fiatShamirCodecVectors.json") + vectors.load(
        SIGMA + "fiatShamirShake128Vectors.json"
    )
    asked = [record for record in records if record["Function"] in ASKED]
    assert len(asked) > len(records) * 2 // 3
    jobs = [{"call": ASKED[each["Function"]][0], **ASKED[each["Function"]][1](each)} for each in asked]
    for record, said in zip(asked, wallet.answer(jobs), strict=True):
        assert verdict_on(record, said), record["Id"]


def test_every_vector_of_the_proofs(wallet):
    jobs, expected = [], []
    for record in vectors.load(test_sigma.VALID):
        said = {"instance": record["Instance"], "tag": record["Tag"].encode(), "flavor": record["Flavor"]}
        count = len(record["Witness"]) // 64
        drawn = scalars(test_sigma.seeded(record)(count))
        jobs += [
            {"call": "sigmaProve", **said, "witness": record["Witness"], "random": drawn},
            {"call": "sigmaVerify", **said, "narg": record["NargString"]},
            {"call": "parse", "instance": record["Instance"]},
        ]
        expected += [record["NargString"], True, record["Instance"]]
    for name in test_sigma.OTHERS:
        for record in vectors.load(name):
            said = {"instance": record["Instance"], "tag": record["Tag"].encode(), "flavor": record["Flavor"]}
            jobs.append({"call": "sigmaVerify", **said, "narg": record["NargString"]})
            expected.append(record["Expected"] == "accept")
    assert wallet.answer(jobs) == expected


def test_what_is_no_instance(wallet):
    jobs = []
    for relation in test_sigma.INVALID.values():
        try:
            jobs.append({"call": "parse", "instance": relation.serialize()})
        except test_sigma.InvalidInstance:
            continue
    octets = test_sigma.SCHNORR.serialize()
    jobs += [{"call": "parse", "instance": bad} for bad in given.misshapen(octets)]
    assert len(jobs) > 15
    assert wallet.answer(jobs) == [{"error": "InvalidInstance"}] * len(jobs)


def test_which_relations_are_valid(wallet):
    tried = [test_sigma.odd_relation(seed) for seed in range(1_000, 4_000 if given.SOAK else 1_400)]
    answers = wallet.answer([{"call": "parse", "instance": said.serialize()} for said, _ in tried])
    assert answers == [said.serialize().hex() if valid else {"error": "InvalidInstance"} for said, valid in tried]


def test_the_secrets_must_satisfy_every_equation(wallet):
    rows = tuple(Equation(((at, 1),), ((0, 0, 1),)) for at in (1, 2))
    known = {each: group.encode_g1(group.msm([group.generator()], [each])) for each in (6, 7, 8, 11)}
    jobs = [
        {"call": "sigmaProve", "instance": Relation((known[one], known[two]), rows).serialize(), "tag": b"tag"}
        for one, two in ((7, 11), (11, 7), (8, 6), (6, 8))
    ]
    said = [job | {"witness": bytes(31) + b"\7", "flavor": "compact"} for job in jobs]
    assert wallet.answer(said) == [{"error": "InvalidWitness"}] * 4


def test_every_vector_of_bbs(wallet):
    jobs, expected = [], []

    def ask(call, wanted, **words):
        jobs.append({"call": call, **words})
        expected.append(wanted)

    for name in test_bbs.SIGNATURES:
        case = vectors.load(name)
        said = {"pk": case["signerKeyPair"]["publicKey"], "header": case["header"], "messages": case["messages"]}
        ask("bbsVerify", case["result"]["valid"], **said, signature=case["signature"])
        if case["result"]["valid"]:
            ask("bbsSign", case["signature"], **said, sk=case["signerKeyPair"]["secretKey"])
    for name in test_bbs.PROOFS:
        case = vectors.load(name)
        said = {"pk": case["signerPublicKey"], "header": case["header"], "ph": case["presentationHeader"]}
        said["disclosed"] = case["disclosedIndexes"]
        shown = [case["messages"][at] for at in case["disclosedIndexes"]]
        ask("bbsProofVerify", case["result"]["valid"], **said, proof=case["proof"], disclosedMessages=shown)
        if case["result"]["valid"]:
            drawn = scalars(test_bbs.mocked()(5 + len(case["messages"]) - len(shown)))
            said |= {"signature": case["signature"], "messages": case["messages"], "random": drawn}
            ask("bbsProofGen", case["proof"], **said)
    keys = vectors.load(f"{test_bbs.FOLDER}/keypair.json")
    words = {name: keys[name] for name in ("keyMaterial", "keyInfo", "keyDst")}
    ask("keygen", keys["keyPair"]["secretKey"], **words)
    ask("skToPk", keys["keyPair"]["publicKey"], sk=keys["keyPair"]["secretKey"])
    points = vectors.load(f"{test_bbs.FOLDER}/generators.json")
    made = "".join([points["Q1"], *points["MsgGenerators"]])
    ask("generators", made, count=1 + len(points["MsgGenerators"]), apiId=bbs.API_ID.decode())
    hashed = vectors.load(f"{test_bbs.FOLDER}/h2s.json")
    ask("hashToScalar", hashed["scalar"], message=hashed["message"], dst=hashed["dst"])
    mapped = vectors.load(f"{test_bbs.FOLDER}/MapMessageToScalarAsHash.json")["cases"]
    messages = [each["message"] for each in mapped]
    ask("messagesToScalars", [each["scalar"] for each in mapped], messages=messages, apiId=bbs.API_ID.decode())
    assert wallet.answer(jobs) == expected


def test_the_known_answers_byte_for_byte(wallet):
    keys, pk = KNOWN["keys"], KNOWN["ledger"]["pk"]
    one, two, three, four = (KNOWN[name] for name in ("own", "enrol", "receipt", "active"))
    held = {"pk": pk, "s": keys["s"]}
    jobs = [
        {"call": "derive", "seed": keys["seed"], "origin": keys["origin"]},
        {"call": "keyCommitment", "s": keys["s"]},
        {"call": "generators", "count": 9, "apiId": KNOWN["generators"]["api_id"]},
        {"call": "ownInstance", "tags": one["tags"]},
        {"call": "boundTag", "context": one["context"]},
        {
            "call": "ownProve",
            "s": keys["s"],
            "tags": one["tags"],
            "context": one["context"],
            "random": one["random_scalars"],
        },
        {
            "call": "enrolProve",
            "s": keys["s"],
            "tag": one["tags"][0],
            "context": two["context"],
            "random": two["random_scalars"],
        },
        {
            "call": "receiptProve",
            **held,
            "receipt": three["signature"],
            **{name: three[name] for name in ("attributes", "disclosed", "context")},
            "random": three["random_scalars"],
        },
        {
            "call": "activeProve",
            **held,
            "issued": four["signature"],
            **{name: four[name] for name in ("attributes", "epoch", "context")},
            "random": four["random_scalars"],
        },
        {"call": "scope", **{name: four[name] for name in ("attributes", "epoch", "context")}},
        {"call": "receiptCheck", **held, "receipt": three["signature"], "attributes": three["attributes"]},
    ]
    assert wallet.answer(jobs) == [
        [keys["s"], keys["k_u"], keys["public_key"]],
        keys["key_commitment"],
        KNOWN["generators"]["q_1_h_1_to_h_8"],
        one["instance"],
        one["tag"].encode().hex(),
        one["proof"],
        [keys["public_key"], keys["key_commitment"], two["proof"]],
        three["proof"],
        [four["pseudonym"], four["proof"]],
        four["scope"].encode().hex(),
        True,
    ]


def test_tags_salts_and_marks(wallet):
    chance, jobs, expected = random.Random(3), [], []
    for _ in range(ROUNDS * 5):
        seed, origin = chance.randbytes(32), f"log.example/{chance.randrange(10**6)}"
        keys, day = tag.derive(seed, origin), given.DAY + timedelta(days=chance.randrange(-2_000, 9_000))
        ref = UUID(int=chance.getrandbits(128), version=4)
        held = {"s": keys.s, "ku": keys.k_u}
        jobs += [
            {"call": "derive", "seed": seed, "origin": origin},
            {"call": "dayTag", **held, "day": day.isoformat()},
            {"call": "subjectSalt", "ku": keys.k_u, "ref": str(ref)},
            {"call": "mark", "ku": keys.k_u, "ref": str(ref)},
        ]
        expected += [[keys.s.hex(), keys.k_u.hex(), tag.public_key(keys.s).hex()]]
        expected += [
            each.hex() for each in (tag.day_tag(keys, day), tag.subject_salt(keys.k_u, ref), tag.mark(keys.k_u, ref))
        ]
    assert wallet.answer(jobs) == expected


def test_24_words(wallet):
    """The seeds and sentences of BIP-39's own vectors."""
    known = {
        "00" * 32: "abandon " * 23 + "art",
        "7f"
        * 32: "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful "
        "legal winner thank year wave sausage worth title",
        "ff" * 32: "zoo " * 23 + "vote",
    }
    assert wallet.answer([{"call": "toWords", "seed": seed} for seed in known]) == list(known.values())
    said = [{"call": "fromWords", "words": f"  {words.upper()}\n"} for words in known.values()]
    assert wallet.answer(said) == list(known)
    for bad in ("", "abandon " * 24, "abandon " * 11 + "about", "abandon " * 23 + "arts"):
        assert wallet.one("fromWords", words=bad) is None


def test_contexts(wallet):
    fine = [
        given.context("own"),
        given.context("receipt", purpose='一个 é\u2028 \U0001f600 \\ " / <b>'),
        given.context("active", size=0),
    ]
    octets = [each.octets() for each in fine]
    jobs = [{"call": "readContext", "context": each.decode()} for each in octets]
    jobs.append({"call": "readEnrolment", "context": given.ENROLMENT.octets().decode()})
    assert wallet.answer(jobs) == [each.hex() for each in [*octets, given.ENROLMENT.octets()]]
    tried = [changed.decode() for _, changed in given.each_byte(octets[0]) if changed.isascii()]
    bad = next(
        mark.args[1] for mark in test_context.test_another_form_is_refused.pytestmark if mark.name == "parametrize"
    )
    tried += [each.decode() for each in bad if each.isascii() and len(each) < 10_000]
    for text, said in zip(
        tried, wallet.answer([{"call": "readContext", "context": text} for text in tried]), strict=True
    ):
        try:
            assert said == test_context.Context.read(text.encode()).octets().hex()
        except test_context.InvalidContext:
            assert said == {"error": "InvalidContext"}, text


class Peers:
    """The three that prove and verify: Python on either backend, and the wallet."""

    def __init__(self, wallet):
        self.wallet = wallet
        self.names = [*group.BACKENDS, "wallet"]

    def prove(self, name, ours, job):
        if name == "wallet":
            [made] = self.wallet.answer([job])
            assert not isinstance(made, dict), made
            return [bytes.fromhex(each) for each in made] if isinstance(made, list) else bytes.fromhex(made)
        with group.use(name):
            return ours()

    def agree(self, wanted, ours, jobs):
        """Each of the proofs, in a list of jobs and of calls in the same order, gets this verdict from all of them."""
        assert self.wallet.answer(jobs) == [wanted] * len(jobs)
        for name in group.BACKENDS:
            with group.use(name):
                assert [check() for check in ours] == [wanted] * len(ours), name


@pytest.fixture
def peers(wallet):
    return Peers(wallet)


def changed_in(data, chance, times=4):
    for at in chance.sample(range(len(data)), min(times, len(data))):
        yield data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("flavor", ["compact", "batchable"])
def test_random_relations(peers, seed, flavor):
    chance = random.Random(seed)
    instance, witness = test_sigma.random_statement(seed + 100)
    said = {"instance": instance, "tag": sigma.tag(b"test", flavor), "flavor": flavor}
    proofs = [
        peers.prove(
            name, lambda: sigma.prove(**said, witness=witness), {"call": "sigmaProve", **said, "witness": witness}
        )
        for name in peers.names
    ]
    asked = [{"call": "sigmaVerify", **said, "narg": narg} for narg in proofs]
    peers.agree(True, [lambda narg=narg: sigma.verify(**said, narg=narg) for narg in proofs], asked)
    bad = [changed for narg in proofs for changed in changed_in(narg, chance, 2)]
    asked = [{"call": "sigmaVerify", **said, "narg": narg} for narg in bad]
    peers.agree(False, [lambda narg=narg: sigma.verify(**said, narg=narg) for narg in bad], asked)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_random_entries_owned_and_enrolled(peers, seed):
    chance = random.Random(seed)
    keys = tag.derive(chance.randbytes(32), given.ORIGIN)
    tags = [tag.day_tag(keys, given.DAY + timedelta(days=chance.randrange(9_000))) for _ in range(chance.randint(1, 3))]
    asked = given.context(
        "own", nonce=chance.randbytes(32), purpose="为什么" * chance.randint(1, 9), size=chance.randrange(2**53)
    )
    text = asked.octets().decode()
    proofs = [
        peers.prove(
            name,
            lambda: own.prove(s=keys.s, tags=tags, context=asked),
            {"call": "ownProve", "s": keys.s, "tags": tags, "context": text},
        )
        for name in peers.names
    ]
    job = {"call": "ownVerify", "tags": tags, "context": text}
    peers.agree(
        True,
        [lambda p=p: own.verify(tags=tags, context=asked, proof=p) for p in proofs],
        [job | {"proof": p} for p in proofs],
    )
    bad = [changed for proof in proofs for changed in changed_in(proof, chance, 2)]
    peers.agree(
        False,
        [lambda p=p: own.verify(tags=tags, context=asked, proof=p) for p in bad],
        [job | {"proof": p} for p in bad],
    )
    said = {"tag": tags[0], "context": given.ENROLMENT.octets().decode()}
    made = [
        Enrolled(
            *peers.prove(
                name,
                lambda: enrol.prove(s=keys.s, tag=tags[0], context=given.ENROLMENT),
                {"call": "enrolProve", "s": keys.s, **said},
            )
        )
        for name in peers.names
    ]
    bad = [
        each._replace(**{name: changed})
        for each in made[-1:]
        for name in each._fields
        for changed in changed_in(getattr(each, name), chance)
    ]
    for wanted, tried in ((True, made), (False, bad)):
        jobs = [
            {"call": "enrolVerify", **said, "publicKey": p, "keyCommitment": k, "proof": proof} for p, k, proof in tried
        ]
        checks = [lambda e=each: enrol.verify(enrolled=e, tag=tags[0], context=given.ENROLMENT) for each in tried]
        peers.agree(wanted, checks, jobs)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_random_receipts(peers, seed):
    chance = random.Random(seed)
    held = {"pk": given.PK, "s": given.KEYS.s, "receipt": given.RECEIPT, "attributes": given.ATTRIBUTES}
    names = chance.sample(receipt.SCHEMA, chance.randint(0, len(receipt.SCHEMA)))
    asked = given.context("receipt", nonce=chance.randbytes(32))
    job = held | {"call": "receiptProve", "disclosed": names, "context": asked.octets().decode()}
    proofs = [
        peers.prove(name, lambda: receipt.prove(**held, disclosed=names, context=asked), job) for name in peers.names
    ]
    shown = {name: given.ATTRIBUTES[name] for name in names}
    seen = {"pk": given.PK, "disclosed": shown}
    job = seen | {"call": "receiptVerify", "context": asked.octets().decode()}
    bad = [changed for proof in proofs for changed in changed_in(proof, chance, 2)]
    for wanted, tried in ((True, proofs), (False, bad)):
        checks = [lambda p=p: receipt.verify(**seen, context=asked, proof=p) for p in tried]
        peers.agree(wanted, checks, [job | {"proof": proof} for proof in tried])


@pytest.mark.parametrize("show_purpose", [False, True])
def test_credentials_once_an_epoch(peers, show_purpose):
    chance, epoch = random.Random(8), 20_513
    held = {"pk": given.PK, "s": given.KEYS.s, "issued": given.ISSUED, "attributes": given.GRANT, "epoch": epoch}
    asked = given.context("active", nonce=chance.randbytes(32))
    job = held | {"call": "activeProve", "context": asked.octets().decode(), "showPurpose": show_purpose}
    made = [
        Shown(*peers.prove(name, lambda: active.prove(**held, context=asked, show_purpose=show_purpose), job))
        for name in peers.names
    ]
    assert len({each.pseudonym for each in made}) == 1
    shown = {name: given.GRANT[name] for name in active.SCHEMA if name != "purpose" or show_purpose}
    seen = {"pk": given.PK, "disclosed": shown, "epoch": epoch}
    job = seen | {"call": "activeVerify", "context": asked.octets().decode(), "now": given.NOW.isoformat()}
    bad = [Shown(each.pseudonym, changed) for each in made for changed in changed_in(each.proof, chance, 1)]
    bad += [Shown(changed, made[-1].proof) for changed in changed_in(made[-1].pseudonym, chance)]
    for wanted, tried in ((True, made), (False, bad)):
        checks = [lambda e=each: active.verify(**seen, shown=e, context=asked, now=given.NOW) for each in tried]
        peers.agree(wanted, checks, [job | {"pseudonym": n, "proof": proof} for n, proof in tried])
    late = given.NOW + timedelta(minutes=6)
    over = [
        job | {"pseudonym": made[0].pseudonym, "proof": made[0].proof, **change}
        for change in ({"epoch": epoch + 1}, {"now": late.isoformat()})
    ]
    assert peers.wallet.answer(over) == [False, False]


CHANGED = {
    "origin": "log.example/x",
    "nonce": "08" * 32,
    "verifier": "https://other.example",
    "size": 1_199,
    "root": "02" * 32,
    "purpose": "another",
    "expires": "2026-03-01T12:08:31Z",
    "account": "another",
    "ref": "0f0e0d0c-0b0a-4908-8706-050403020101",
}


def known_answer(statement):
    """What the wallet is given to verify: a proof that holds."""
    said = KNOWN[statement]
    words = {"call": f"{statement}Verify", "context": said["context"], "proof": said["proof"]}
    if statement == "own":
        return words | {"tags": said["tags"]}
    if statement == "enrol":
        keys = {"publicKey": KNOWN["keys"]["public_key"], "keyCommitment": KNOWN["keys"]["key_commitment"]}
        return words | keys | {"tag": KNOWN["own"]["tags"][0]}
    names = said["disclosed"] if statement == "receipt" else active.ALWAYS
    words |= {"pk": KNOWN["ledger"]["pk"], "disclosed": {name: said["attributes"][name] for name in names}}
    return words | {name: said[name] for name in ("epoch", "pseudonym", "now") if name in said}


@pytest.mark.parametrize("statement", ["own", "enrol", "receipt", "active"])
def test_every_byte_counts_in_the_wallet_too(wallet, statement):
    good = known_answer(statement)
    assert wallet.answer([good]) == [True]
    proof, text = bytes.fromhex(good["proof"]), good["context"].encode()
    tried = [changed for _, changed in given.each_byte(proof)]
    jobs = [good | {"proof": changed} for changed in (*tried, *given.misshapen(proof), *given.lifted(statement, proof))]
    said = json.loads(text)
    others = [
        json.dumps(said | {name: CHANGED[name]}, separators=(",", ":"), sort_keys=True)
        for name in CHANGED.keys() & said
    ]
    others += [changed.decode() for _, changed in given.each_byte(text, step=3) if changed.isascii()]
    jobs += [good | {"context": other} for other in others]
    for bad in test_group.BAD_G1.values():
        jobs += [good | {name: bad} for name in ("publicKey", "keyCommitment", "pseudonym") if name in good]
        jobs += [good | {"tag": good["tag"][:96] + bad.hex()}] if "tag" in good else []
        jobs += [good | {"tags": [bad.hex() + good["tags"][0][96:], *good["tags"][1:]]}] if "tags" in good else []
        jobs += [good | {"proof": proof[:at] + bad + proof[at + 48 :]} for at in (0, 48, 96) if "pk" in good]
    for job, answered in zip(jobs, wallet.answer(jobs), strict=True):
        assert answered is False or (answered == {"error": "InvalidContext"} and job["context"] != good["context"]), job


def test_random_bbs(peers):
    chance = random.Random(17)
    for number in range(ROUNDS):
        messages = [chance.randbytes(chance.choice([0, 1, 32, 100])) for _ in range(number % 6)]
        shown = sorted(chance.sample(range(len(messages)), chance.randint(0, len(messages))))
        header, ph = chance.randbytes(number), chance.randbytes(2 * number)
        signature = bbs.sign(sk=given.SK, pk=given.PK, header=header, messages=messages)
        said = {"pk": given.PK, "header": header, "messages": messages}
        assert peers.wallet.one("bbsSign", **said, sk=given.SK) == signature.hex()
        made = said | {"signature": signature, "ph": ph, "disclosed": shown}
        proofs = [
            peers.prove(name, lambda m=made: bbs.proof_gen(**m), {"call": "bbsProofGen", **made})
            for name in peers.names
        ]
        seen = {"pk": given.PK, "header": header, "ph": ph, "disclosed": shown}
        opened = [messages[at] for at in shown]
        jobs = [{"call": "bbsProofVerify", **seen, "disclosedMessages": opened, "proof": proof} for proof in proofs]
        checks = [lambda p=p, s=seen, o=opened: bbs.proof_verify(**s, disclosed_messages=o, proof=p) for p in proofs]
        peers.agree(True, checks, jobs)


def test_both_ways_with_somebody_else_s(wallet, peer):
    """npm's @digitalbazaar/bbs-signatures: the same signatures, and each verifies the other's proofs."""
    theirs, ours, shown_by, expected = [], [], [], []
    for messages, header, ph, shown in test_peer.cases():
        signature = bbs.sign(sk=given.SK, pk=given.PK, header=header, messages=messages).hex()
        said = {"pk": given.PK, "header": header, "messages": messages}
        proof = wallet.one("bbsProofGen", **said, signature=signature, ph=ph, disclosed=shown)
        opened = [messages[at].hex() for at in shown]
        base = {"publicKey": given.PK.hex(), "header": header.hex()}
        asked = base | {"presentationHeader": ph.hex(), "disclosedMessageIndexes": shown}
        signed = base | {"messages": [each.hex() for each in messages]}
        theirs += [
            signed | {"call": "sign", "secretKey": given.SK.hex()},
            asked | {"call": "verifyProof", "disclosedMessages": opened, "proof": proof},
            signed | asked | {"call": "deriveProof", "signature": signature},
        ]
        ours.append(said | {"call": "bbsSign", "sk": given.SK})
        shown_by.append({"pk": given.PK, "header": header, "ph": ph, "disclosed": shown, "disclosedMessages": opened})
        expected.append(signature)
    answers = test_peer.ask(peer, theirs)
    assert answers[0::3] == wallet.answer(ours) == expected
    assert answers[1::3] == [True] * len(expected)
    jobs = [
        {"call": "bbsProofVerify", **words, "proof": proof}
        for words, proof in zip(shown_by, answers[2::3], strict=True)
    ]
    assert wallet.answer(jobs) == [True] * len(jobs)


def test_what_is_handed_over_at_a_claim(wallet):
    """HPKE, from the library that the service has: opened by the wallet alone, and only as it was sent."""
    chance = random.Random(4)
    secret, info, plain = chance.randbytes(32), b"consonant/1|claim|log.example|a ref", chance.randbytes(64)
    box = X25519PrivateKey.from_private_bytes(secret).public_key()
    assert wallet.one("hpkePublic", secret=secret) == box.public_bytes_raw().hex()
    sealed = SUITE.encrypt(plain, box, info)
    said = {"call": "hpkeOpen", "sealed": sealed, "secret": secret, "info": info}
    assert wallet.answer([said]) == [plain.hex()]
    bad = [said | {"sealed": changed} for changed in changed_in(sealed, chance, 12)]
    bad += [said | {"sealed": bytes(32) + sealed[32:]}, said | {"sealed": sealed[:40]}, said | {"info": info + b"x"}]
    bad.append(said | {"secret": chance.randbytes(32)})
    assert wallet.answer(bad) == [{"error": "not_for_me"}] * len(bad)


def test_a_wallet_at_rest(wallet):
    """Its box opens with the passphrase or the passkey and nothing else; Python's Argon2id and AES-GCM read it as its page says."""
    passkey = {"id": "0102", "salt": "03" * 32, "secret": "04" * 32}
    said, key = wallet.one("lock", text="what it holds, 内容", passphrase="three grey herons", passkey=passkey)
    raw = bytes.fromhex
    by_word, by_touch = said["locks"]
    stretched = Argon2id(
        salt=raw(by_word["salt"]), length=32, iterations=by_word["t"], lanes=by_word["p"], memory_cost=by_word["m"]
    ).derive(b"three grey herons")
    opened = AESGCM(stretched).decrypt(raw(by_word["nonce"]), raw(by_word["data"]), b"consonant/wallet/v1|passphrase")
    assert opened.hex() == key
    body = AESGCM(opened).decrypt(raw(said["body"]["nonce"]), raw(said["body"]["data"]), b"consonant/wallet/v1|body")
    assert body.decode() == "what it holds, 内容"
    assert by_word["m"] >= 65_536
    assert by_touch["id"] == "0102"
    box = json.dumps(said)
    for word in ("herons", passkey["secret"], key):
        assert word not in box

    changed = json.loads(box)
    changed["body"]["data"] = "00" + changed["body"]["data"][2:]
    swapped = json.loads(box)
    swapped["body"] = {name: by_word[name] for name in ("nonce", "data")}
    dear = json.loads(box)
    dear["locks"][0]["m"] = 2**30
    held = {"call": "unlock", "passphrase": "three grey herons"}
    jobs = [
        held | {"box": box},
        held | {"box": box, "id": "0102", "secret": passkey["secret"]},
        held | {"box": box, "passphrase": "three gray herons"},
        held | {"box": box, "id": "0102", "secret": "05" * 32},
        held | {"box": json.dumps(changed)},
        held | {"box": json.dumps(swapped)},
        held | {"box": json.dumps(dear)},
        held | {"box": "{}"},
        held | {"box": "no wallet"},
    ]
    whole, no = "what it holds, 内容", [{"error": "not_a_wallet"}] * 5
    assert wallet.answer(jobs) == [whole, whole, {"error": "wrong_passphrase"}, {"error": "wrong_passkey"}, *no]
    assert [lock["kind"] for lock in wallet.one("portable", box=box)["locks"]] == ["passphrase"]


def test_the_tree_over_what_was_looked_at(wallet):
    """However a scan is cut into parts, it ends with the root over every leaf."""
    leaves = [bytes([at % 251]) * (at % 40) + str(at).encode() for at in range(2_100)]
    sizes = [0, 1, 2, 255, 256, 257, 511, 512, 513, 700, 1_023, 1_024, 1_025, 1_536, 1_792, 2_047, 2_048, 2_100]
    roots = [merkle.root([merkle.leaf_hash(leaf) for leaf in leaves[:size]]).hex() for size in sizes]
    assert wallet.one("roots", leaves=leaves, sizes=sizes) == roots
    assert wallet.one("roots", leaves=leaves, sizes=[2_100]) == roots[-1:]
    leaves[300] += b"x"
    changed = wallet.one("roots", leaves=leaves, sizes=sizes)
    assert [one == two for one, two in zip(changed, roots, strict=True)] == [size <= 300 for size in sizes]


def test_finding_one_s_own(wallet):
    """Marks and commitments as Python's wallet finds them; a mark alone, and another day's tag, are somebody's trick."""
    mine = [tag.derive(bytes([number]) * 32, given.ORIGIN) for number in (1, 2)]
    other = tag.derive(bytes([9]) * 32, given.ORIGIN)
    prev, leaves, expected = bytes(32), [], []
    for index in range(60):
        ref = UUID(int=random.Random(index).getrandbits(128), version=4)
        at = datetime(2026, 3, 1 + index // 7, 12, tzinfo=UTC)
        keys = [mine[0], mine[1], other][index % 3]
        day = at.date() + timedelta(days=index % 5 == 4)
        subject = leaf.commit("subject", tag.subject_salt(keys.k_u, ref), tag.day_tag(keys, day))
        said = leaf.Leaf(
            given.ORIGIN, index, prev, at, "use.late", ref, tag.mark(keys.k_u, ref), bytes(32), subject, bytes(32)
        )
        leaves.append(leaf.encode(said))
        prev = merkle.leaf_hash(leaves[-1])
        if keys is not other and index % 5 != 4:
            expected.append((index, str(ref), None if keys is mine[0] else 0))
    held = [[keys.s, keys.k_u] for keys in mine]
    found = wallet.one("find", keys=held, leaves=leaves)
    assert [(each["index"], each["ref"], each["whose"]) for each in found] == expected
    assert len(expected) > 25
    python = PythonWallet(bytes([1]) * 32, given.ORIGIN, (mine[1],)).find(leaves)
    assert [each.leaf.index for each in python] == [index for index, _, _ in expected]


def test_the_draft_s_generators_are_the_same(wallet):
    for api_id in (bbs.API_ID, b"another_"):
        said = wallet.one("generators", count=12, apiId=api_id.decode())
        assert said == bbs_core.create_generators(12, api_id).octets.hex()


def test_its_source_is_whole():
    """What the lock file pins is what the manifest asks for, exactly."""
    asked = json.loads((Path(frontend.SOURCE) / "package.json").read_text())
    lock = json.loads((Path(frontend.SOURCE) / "package-lock.json").read_text())["packages"]
    for name, version in (asked["dependencies"] | asked["devDependencies"]).items():
        assert lock[f"node_modules/{name}"]["version"] == version
        assert lock[f"node_modules/{name}"]["integrity"].startswith("sha512-")
