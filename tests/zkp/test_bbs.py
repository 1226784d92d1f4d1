"""BBS: the draft's vectors on both backends, and what is not a signature or a proof."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import vectors
from tests.zkp.given import PK, SK, SOAK, each_byte, misshapen
from tests.zkp.test_group import BAD_G1
from zkp.core import bbs, bbs_core, group, hashing
from zkp.core.errors import InvalidCredential, InvalidPoint, InvalidScalar

FOLDER = "zkp/bbs-core/bls12-381-sha-256"
SIGNATURES = vectors.names(f"{FOLDER}/signature/*.json")
PROOFS = vectors.names(f"{FOLDER}/proof/*.json")
PI = b"3.141592653589793238462643383279"
MESSAGES = [b"a message", b"another", b"", b"another"]
HEADER, PH = b"a header", b"a presentation header"
SIGNATURE = bbs.sign(sk=SK, pk=PK, header=HEADER, messages=MESSAGES)
SHOWN = {"header": HEADER, "ph": PH, "disclosed": [0, 3]}
PROOF = bbs.proof_gen(pk=PK, signature=SIGNATURE, messages=MESSAGES, **SHOWN)
SEEN = {"pk": PK, "disclosed_messages": [MESSAGES[0], MESSAGES[3]], **SHOWN}


def raw(said):
    return bytes.fromhex(said)


def mocked(api_id=bbs.API_ID):
    """The prover's randomness of the vectors ("Mocked Random Scalars")."""

    def draw(count):
        wide = hashing.expand_message(PI, api_id + b"MOCK_RANDOM_SCALARS_DST_", 48 * count)
        return [int.from_bytes(wide[at : at + 48], "big") % group.ORDER for at in range(0, len(wide), 48)]

    return draw


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_signature(backend, name):
    case = vectors.load(name)
    keys, messages = case["signerKeyPair"], [raw(each) for each in case["messages"]]
    said = {"pk": raw(keys["publicKey"]), "header": raw(case["header"]), "messages": messages}
    signature = raw(case["signature"])
    assert bbs.verify(**said, signature=signature) == case["result"]["valid"]
    made = bbs.sign(**said, sk=raw(keys["secretKey"]))
    assert (made == signature) == case["result"]["valid"]


@pytest.mark.parametrize("name", PROOFS)
def test_every_proof(backend, name):
    case = vectors.load(name)
    messages, disclosed = [raw(each) for each in case["messages"]], case["disclosedIndexes"]
    said = {"pk": raw(case["signerPublicKey"]), "header": raw(case["header"]), "ph": raw(case["presentationHeader"])}
    proof, shown = raw(case["proof"]), [messages[at] for at in disclosed]
    valid = bbs.proof_verify(**said, proof=proof, disclosed_messages=shown, disclosed=disclosed)
    assert valid == case["result"]["valid"]
    if valid:
        words = said | {"signature": raw(case["signature"]), "messages": messages, "disclosed": disclosed}
        assert bbs.proof_gen(**words, randomness=mocked()) == proof


def test_what_they_are_made_of(backend):
    keys = vectors.load(f"{FOLDER}/keypair.json")
    sk = bbs.keygen(raw(keys["keyMaterial"]), raw(keys["keyInfo"]), raw(keys["keyDst"]))
    assert bbs_core.CIPHERSUITE + b"KEYGEN_DST_" == bbs.KEYGEN_DST  # The draft's default; the vector brings another.
    assert sk.hex() == keys["keyPair"]["secretKey"]
    assert bbs.sk_to_pk(sk).hex() == keys["keyPair"]["publicKey"]
    points = vectors.load(f"{FOLDER}/generators.json")
    made = bbs_core.create_generators(1 + len(points["MsgGenerators"]), bbs.API_ID)
    assert group.encode_g1(made.q).hex() == points["Q1"]
    assert [group.encode_g1(point).hex() for point in made.h] == points["MsgGenerators"]
    assert bbs_core.P1.hex() == points["P1"]
    hashed = vectors.load(f"{FOLDER}/h2s.json")
    assert f"{bbs_core.hash_to_scalar(raw(hashed['message']), raw(hashed['dst'])):064x}" == hashed["scalar"]
    mapped = vectors.load(f"{FOLDER}/MapMessageToScalarAsHash.json")["cases"]
    scalars = bbs_core.messages_to_scalars([raw(each["message"]) for each in mapped], bbs.API_ID)
    assert [f"{scalar:064x}" for scalar in scalars] == [each["scalar"] for each in mapped]
    random = vectors.load(f"{FOLDER}/mockedRng.json")
    assert [f"{scalar:064x}" for scalar in mocked()(random["count"])] == random["mockedScalars"]


def test_where_p1_comes_from():
    """ "BLS12-381 Ciphersuites": create_generators with a seed of its own."""
    tag = bbs_core.CIPHERSUITE + b"H2G_HM2S_SIG_GENERATOR_SEED_"
    v = hashing.expand_message(bbs_core.CIPHERSUITE + b"H2G_HM2S_BP_MESSAGE_GENERATOR_SEED", tag, 48)
    v = hashing.expand_message(v + (1).to_bytes(8, "big"), tag, 48)
    point = group.hash_to_g1(v, bbs_core.CIPHERSUITE + b"H2G_HM2S_SIG_GENERATOR_DST_")
    assert group.encode_g1(point) == bbs_core.P1


def test_every_byte_of_a_signature_counts():
    said = {"pk": PK, "header": HEADER, "messages": MESSAGES}
    assert bbs.verify(**said, signature=SIGNATURE)
    for at, changed in each_byte(SIGNATURE):
        assert not bbs.verify(**said, signature=changed), at
    for changed in misshapen(SIGNATURE):
        assert not bbs.verify(**said, signature=changed)
    for at, changed in each_byte(PK):
        assert not bbs.verify(**said | {"pk": changed}, signature=SIGNATURE), at
    for change in (
        {"header": HEADER + b"\0"},
        {"messages": MESSAGES[::-1]},
        {"messages": MESSAGES[:-1]},
        {"messages": [*MESSAGES, b""]},
        {"api_id": bbs.API_ID + b"X_"},
    ):
        assert not bbs.verify(**said | change, signature=SIGNATURE)


def test_every_byte_of_a_proof_counts():
    assert bbs.proof_verify(**SEEN, proof=PROOF)
    for at, changed in each_byte(PROOF):
        assert not bbs.proof_verify(**SEEN, proof=changed), at
    for changed in misshapen(PROOF):
        assert not bbs.proof_verify(**SEEN, proof=changed)
    one, two = SEEN["disclosed_messages"]
    for change in (
        {"pk": PK[:-1]},
        {"pk": bbs.sk_to_pk(bytes(31) + b"\1")},
        {"header": b""},
        {"ph": PH + b"\0"},
        {"disclosed": [0, 1]},
        {"disclosed": [3, 0], "disclosed_messages": [two, one]},
        {"disclosed": [0, 0]},
        {"disclosed": [0, 4]},
        {"disclosed": [-1, 3]},
        {"disclosed": [0]},
        {"disclosed_messages": [one]},
        {"disclosed_messages": [two, one]},
        {"disclosed": [0], "disclosed_messages": [one]},
        {"api_id": bbs.API_ID + b"X_"},
    ):
        assert not bbs.proof_verify(**SEEN | change, proof=PROOF), change


@pytest.mark.parametrize("name", BAD_G1)
def test_no_such_point_in_a_signature_or_proof(name):
    bad = BAD_G1[name]
    assert not bbs.verify(pk=PK, header=HEADER, messages=MESSAGES, signature=bad + SIGNATURE[48:])
    for at in (0, 48, 96):
        assert not bbs.proof_verify(**SEEN, proof=PROOF[:at] + bad + PROOF[at + 48 :])
    with pytest.raises(InvalidPoint):
        bbs.sign(sk=SK, pk=bad + bad, header=HEADER, messages=MESSAGES)


def test_no_scalar_out_of_range():
    for bad in (bytes(32), group.ORDER.to_bytes(32, "big"), b"\xff" * 32):
        assert not bbs.verify(pk=PK, header=HEADER, messages=MESSAGES, signature=SIGNATURE[:48] + bad)
        for at in range(144, len(PROOF), 32):
            assert not bbs.proof_verify(**SEEN, proof=PROOF[:at] + bad + PROOF[at + 32 :])
        with pytest.raises(InvalidScalar):
            bbs.sk_to_pk(bad)
        with pytest.raises(InvalidScalar):
            bbs.sign(sk=bad, pk=PK)
    for at in range(144, len(PROOF), 32):
        lifted = int.from_bytes(PROOF[at : at + 32], "big") + group.ORDER
        if lifted < 2**256:
            assert not bbs.proof_verify(**SEEN, proof=PROOF[:at] + lifted.to_bytes(32, "big") + PROOF[at + 32 :])


def forged(scalars, *, a=5, e=7):
    """A proof of knowing a signature that nobody made: all in it fits but the pairing."""
    point = group.encode_g1(group.msm([group.generator()], [a]))
    return bbs_core.core_proof_gen(
        signature=point + group.encode_scalar(e),
        of=bbs_core.signed(pk=PK, header=HEADER, messages=scalars, api_id=bbs.API_ID),
        ph=PH,
        disclosed=[0],
        api_id=bbs.API_ID,
        scalars=mocked()(4 + len(scalars)),
    )


def test_a_signature_that_nobody_made_proves_nothing(backend):
    scalars = bbs_core.messages_to_scalars(MESSAGES[:2], bbs.API_ID)
    seen = {"header": HEADER, "ph": PH, "disclosed": [0], "disclosed_messages": MESSAGES[:1]}
    assert not bbs.proof_verify(pk=PK, proof=forged(scalars), **seen)


def test_zero_is_no_part_of_a_signature_or_a_proof():
    """ "Octets to Signature" step 11 and "Octets to Proof" step 14, where all else is right."""
    sk, generators = group.decode_scalar(SK), bbs_core.create_generators(2, bbs.API_ID)
    domain = bbs_core.calculate_domain(PK, generators, b"", bbs.API_ID)
    b = bbs_core.message_point(generators, domain, bbs_core.messages_to_scalars([b"m"], bbs.API_ID))
    a = group.msm([b], [pow(sk, -1, group.ORDER)])
    assert group.pairing_is_one((a, bbs_core.octets_to_pubkey(PK)), (group.negate(b), group.generator_g2()))
    assert not bbs.verify(pk=PK, signature=group.encode_g1(a) + bytes(32), messages=[b"m"])

    of = bbs_core.signed(pk=PK, header=b"", messages=[0], api_id=bbs.API_ID)
    signature = bbs_core.sign_point(sk, 7, of.b)
    assert bbs_core.core_verify(PK, signature, of.b)
    words = {"signature": signature, "of": of, "ph": b"", "disclosed": [], "api_id": bbs.API_ID}
    good = bbs_core.core_proof_gen(**words, scalars=[1, 2, 3, 4, 5, 6])
    assert bbs.proof_verify(pk=PK, proof=good, disclosed=[])
    zero = bbs_core.core_proof_gen(**words, scalars=[1, 2, 3, 4, 5, 0])
    assert zero[-64:-32] == bytes(32)
    assert not bbs.proof_verify(pk=PK, proof=zero, disclosed=[])


def test_what_cannot_be_proven():
    said = {"pk": PK, "signature": SIGNATURE, "header": HEADER, "messages": MESSAGES}
    for change in (
        {"messages": MESSAGES[1:]},
        {"header": b""},
        {"signature": SIGNATURE[:-1] + b"\0"},
        {"pk": PK[::-1]},
    ):
        with pytest.raises(InvalidCredential):
            bbs.proof_gen(**said | change)
    for disclosed in ([1, 0], [0, 0], [4], [-1]):
        with pytest.raises(ValueError, match="ascend"):
            bbs.proof_gen(**said, disclosed=disclosed)
    with pytest.raises(ValueError, match="unpack"):
        bbs.proof_gen(**said, randomness=lambda _: [1, 2, 3])
    with pytest.raises(ValueError, match="one for each"):
        bbs.proof_gen(**said, randomness=lambda count: [5] * (count - 1))
    with pytest.raises(InvalidCredential):
        bbs.proof_gen(**said, randomness=lambda count: [0] * count)
    with pytest.raises(ValueError, match="32 bytes"):
        bbs.keygen(bytes(31))
    with pytest.raises(ValueError, match="32 bytes"):
        bbs.keygen(bytes(32), bytes(65_536))
    with pytest.raises(ValueError, match="255"):
        bbs.keygen(bytes(32), b"", bytes(256))


def test_a_key_that_cancels_e_signs_nothing():
    """CoreSign's note: there is no inverse of zero."""
    with pytest.raises(InvalidScalar):
        bbs_core.sign_point(5, group.ORDER - 5, group.generator())


def test_nothing_is_repeated():
    again = bbs.proof_gen(pk=PK, signature=SIGNATURE, messages=MESSAGES, **SHOWN)
    assert bbs.proof_verify(**SEEN, proof=again)
    assert not {PROOF[at : at + 32] for at in range(0, len(PROOF), 16)} & {
        again[at : at + 32] for at in range(0, len(again), 16)
    }


@pytest.mark.parametrize("messages", [[], [b""], [b"one"], [b"m"] * 12])
def test_any_number_of_messages_shown_or_hidden(messages):
    signature = bbs.sign(sk=SK, pk=PK, messages=messages)
    assert bbs.verify(pk=PK, signature=signature, messages=messages)
    for disclosed in ([], list(range(len(messages))), list(range(0, len(messages), 2))):
        proof = bbs.proof_gen(pk=PK, signature=signature, messages=messages, disclosed=disclosed)
        assert len(proof) == 272 + 32 * (len(messages) - len(disclosed))
        shown = [messages[at] for at in disclosed]
        assert bbs.proof_verify(pk=PK, proof=proof, disclosed_messages=shown, disclosed=disclosed)


@settings(max_examples=1_000 if SOAK else 60)
@given(st.binary(max_size=400))
def test_junk_is_nothing(data):
    assert not bbs.verify(pk=PK, signature=data, messages=[data])
    assert not bbs.verify(pk=data, signature=SIGNATURE, header=HEADER, messages=MESSAGES)
    assert not bbs.proof_verify(**SEEN, proof=data)
    assert not bbs.proof_verify(**SEEN | {"pk": data}, proof=PROOF)
