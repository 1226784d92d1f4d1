"""Proofs for linear relations: the draft's vectors on both backends, what its adversaries do, and each condition of a valid instance."""

import random
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import vectors
from tests.zkp.given import SOAK, each_byte, misshapen
from zkp.core import group, relation, sigma, transcript
from zkp.core.errors import InvalidInstance, InvalidScalar, InvalidWitness
from zkp.core.relation import Equation, Instance, Relation

VALID = "zkp/sigma-proofs/sigma-proofs_Shake128_BLS12381.json"
OTHERS = [name for name in vectors.names("zkp/sigma-proofs/sigma-proofs*BLS12381*.json") if name != VALID]
IDENTITY = b"\xc0" + bytes(47)
OFF_SUBGROUP = b"\x80" + bytes(47)


def cases():
    if not (vectors.folder() / VALID).exists():
        return [pytest.param(None, id="absent")]
    return [pytest.param(each, id=each["Id"]) for each in vectors.load(VALID)]


def words(record):
    """A record's instance, tag and flavor."""
    if record is None:
        vectors.path(VALID)
    return {
        "instance": bytes.fromhex(record["Instance"]),
        "tag": record["Tag"].encode(),
        "flavor": record["Flavor"],
    }


def seeded(record):
    """The prover's randomness of the vectors ("Seeded PRNG")."""
    mark = {"compact": "CMPT", "batchable": "DSFS"}[record["Flavor"]]
    tag = f"TestDRNG-SIGMA-PROOFS-{mark}-{record['Ciphersuite']}-{record['Relation']}"
    sponge = transcript.DuplexSponge(transcript.derive_session_id(tag.encode()))
    return lambda count: [transcript.decode_uint(sponge.squeeze(48), group.ORDER) for _ in range(count)]


@pytest.mark.parametrize("record", cases())
def test_every_vector_byte_for_byte(backend, record):
    said, narg = words(record), bytes.fromhex(record["NargString"])
    assert transcript.derive_session_id(said["tag"]).hex() == record["SessionId"]
    made = sigma.prove(**said, witness=bytes.fromhex(record["Witness"]), randomness=seeded(record))
    assert made == narg
    assert sigma.verify(**said, narg=narg)


if OTHERS:  # The set's adversarial cases, where they lie beside the valid ones.

    @pytest.mark.parametrize("name", OTHERS)
    def test_every_other_vector_of_the_set(backend, name):
        for record in vectors.load(name):
            accepted = sigma.verify(**words(record), narg=bytes.fromhex(record["NargString"]))
            assert accepted == (record["Expected"] == "accept"), record["Id"]


@pytest.mark.parametrize("record", cases())
def test_every_byte_counts(record):
    said, narg = words(record), bytes.fromhex(record["NargString"])
    for at, changed in each_byte(narg):
        assert not sigma.verify(**said, narg=changed), at
    for changed in misshapen(narg):
        assert not sigma.verify(**said, narg=changed)
    for at, changed in each_byte(said["instance"], step=3):
        assert not sigma.verify(**said | {"instance": changed}, narg=narg), at
    for changed in misshapen(said["instance"]):
        assert not sigma.verify(**said | {"instance": changed}, narg=narg)
    for _, changed in each_byte(said["tag"], step=7):
        assert not sigma.verify(**said | {"tag": changed}, narg=narg)


@pytest.mark.parametrize("record", cases())
def test_a_scalar_plus_the_order_is_refused(record):
    said, narg = words(record), bytes.fromhex(record["NargString"])
    start = 0 if record["Flavor"] == "compact" else 48 * int.from_bytes(said["instance"][:4], "little")
    lifted = 0
    for at in range(start, len(narg), 32):
        value = int.from_bytes(narg[at : at + 32], "big") + group.ORDER
        if value < 2**256:
            changed = narg[:at] + value.to_bytes(32, "big") + narg[at + 32 :]
            assert not sigma.verify(**said, narg=changed)
            lifted += 1
    assert lifted or SOAK or len(narg) <= 80


@pytest.mark.parametrize("bad", [IDENTITY, OFF_SUBGROUP, b"\xe0" + bytes(47), b"\x80" + bytes(46) + b"\1"])
def test_no_such_point_as_a_commitment_or_an_element(backend, bad):
    record = next(each for each in vectors.load(VALID) if each["Flavor"] == "batchable")
    said, narg = words(record), bytes.fromhex(record["NargString"])
    assert not sigma.verify(**said, narg=bad + narg[48:])
    assert not sigma.verify(**said | {"instance": said["instance"][:-48] + bad}, narg=narg)


def test_a_proof_of_one_flavor_is_none_of_the_other():
    compact, batchable = (next(r for r in vectors.load(VALID) if r["Flavor"] == f) for f in ("compact", "batchable"))
    assert compact["Relation"] == batchable["Relation"]
    instance, response = Instance(relation.parse(words(compact)["instance"])), bytes.fromhex(compact["NargString"])
    challenge, *answers = group.decode_scalars(response)
    commitment = group.encode_g1(instance.evaluate(answers, challenge)[0])
    assert not sigma.verify(**words(batchable), narg=commitment + response[32:])
    narg = bytes.fromhex(batchable["NargString"])
    challenge = sigma.derive_challenge(batchable["Tag"].encode(), instance.octets, narg[:48])
    assert not sigma.verify(**words(compact), narg=group.encode_scalar(challenge) + narg[48:])


G = group.encode_g1(group.generator())
X = group.encode_g1(group.msm([group.generator()], [7]))
Y = group.encode_g1(group.msm([group.generator()], [11]))
MINUS = group.ORDER - 1
SCHNORR = Relation((X,), (Equation(((1, 1),), ((0, 0, 1),)),))

INVALID = {
    "no equation": Relation((X,), ()),
    "no image": Relation((X,), (Equation((), ((0, 1, 1),)),)),
    "no terms": Relation((X,), (Equation(((1, 1),), ()),)),
    "an index too large to write": Relation((X,), (Equation(((1, 1),), ((2**32, 0, 1),)),)),
    "a negative index": Relation((X,), (Equation(((-1, 1),), ((0, 0, 1),)),)),
    "a coefficient out of range": Relation((X,), (Equation(((1, group.ORDER),), ((0, 0, 1),)),)),
    "an element that is not there": Relation((X,), (Equation(((2, 1),), ((0, 1, 1),)),)),
    "an element that no equation has": Relation((X, Y), (Equation(((1, 1),), ((0, 0, 1),)),)),
    "a secret that no term has": Relation((X,), (Equation(((1, 1),), ((1, 0, 1),)),)),
    "the identity": Relation((IDENTITY,), (Equation(((1, 1),), ((0, 0, 1),)),)),
    "a point outside the subgroup": Relation((OFF_SUBGROUP,), (Equation(((1, 1),), ((0, 0, 1),)),)),
    "a short element": Relation((X[:-1],), (Equation(((1, 1),), ((0, 0, 1),)),)),
    "an image of coefficient zero": Relation((X,), (Equation(((1, 0),), ((0, 0, 1),)),)),
    "an image that cancels": Relation((X,), (Equation(((1, 1), (1, MINUS)), ((0, 0, 1),)),)),
    "an image of two elements that cancel": Relation((X, X), (Equation(((1, 1), (2, MINUS)), ((0, 0, 1),)),)),
    "a secret that cancels": Relation((X,), (Equation(((1, 1),), ((0, 0, 1), (1, 0, 1), (1, 0, MINUS))),)),
    "a secret of coefficient zero": Relation((X,), (Equation(((1, 1),), ((0, 0, 1), (1, 0, 0))),)),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_no_instance(backend, name):
    with pytest.raises(InvalidInstance):
        Instance(INVALID[name])
    with pytest.raises(InvalidInstance):
        sigma.prove(instance=INVALID[name].serialize(), witness=bytes(31) + b"\7", tag=b"tag")


def test_the_all_zero_witness_proves_nothing():
    """Its image is the identity, so condition 9 refuses it, whatever else is right."""
    degenerate = INVALID["an image of two elements that cancel"].serialize()
    for narg in (bytes(64), b"\1" * 64):
        assert not sigma.verify(instance=degenerate, narg=narg, tag=b"tag")


def test_what_is_parsed_is_what_was_written():
    for name in ("zkp/sigma-proofs/sigma-proofs_Shake128_BLS12381.json",):
        for record in vectors.load(name):
            octets = bytes.fromhex(record["Instance"])
            assert relation.parse(octets).serialize() == octets
    for over in (b"\0", bytes(47)):
        with pytest.raises(InvalidInstance):
            relation.parse(SCHNORR.serialize() + over)
    for bad in misshapen(SCHNORR.serialize()):
        with pytest.raises(InvalidInstance):
            Instance(relation.parse(bad))


@settings(max_examples=2_000 if SOAK else 150)
@given(st.binary(max_size=200))
def test_junk_is_no_instance_and_no_proof(data):
    assert not sigma.verify(instance=data, narg=data, tag=data)
    assert not sigma.verify(instance=SCHNORR.serialize(), narg=data, tag=b"tag")
    assert not sigma.verify(instance=SCHNORR.serialize(), narg=data, tag=b"tag", flavor="batchable")


def test_the_secrets_must_fit():
    said = {"instance": SCHNORR.serialize(), "tag": sigma.tag(b"test")}
    for witness in (b"", bytes(64), bytes(31) + b"\6", bytes(32)):
        with pytest.raises(InvalidWitness):
            sigma.prove(**said, witness=witness)
    with pytest.raises(InvalidScalar):
        sigma.prove(**said, witness=(group.ORDER + 7).to_bytes(32, "big"))
    narg = sigma.prove(**said, witness=bytes(31) + b"\7")
    assert sigma.verify(**said, narg=narg)
    assert narg != sigma.prove(**said, witness=bytes(31) + b"\7"), "the nonce was used twice"


def test_tags():
    assert sigma.tag(b"A-V01") == b"A-V01-CMPT-with-sigma-proofs_Shake128_BLS12381"
    assert sigma.tag(b"A-V01", "batchable") == b"A-V01-DSFS-with-sigma-proofs_Shake128_BLS12381"


KNOWN = {G: 1, X: 7, Y: 11, group.encode_g1(group.msm([group.generator()], [MINUS * 7 % group.ORDER])): -7}
"""Elements and their logarithms: with them whoever looks can say what a sum is, without the curve."""


def odd_relation(seed):
    """A random relation of few elements and small coefficients, and whether the draft's ten conditions hold."""
    chance = random.Random(seed)

    def now_and_then(odd, usual):
        return odd if chance.random() < 0.02 else usual

    pool = [*KNOWN, *now_and_then([IDENTITY, OFF_SUBGROUP], [])]
    elements = [chance.choice(pool) for _ in range(chance.randint(0, 3))]
    top, secrets_too = len(elements) + now_and_then(1, 0), chance.randint(1, 2)

    def at():
        return chance.randint(0, top)

    def by():
        return chance.choice([1, 1, 1, 2, 7, 11, MINUS, 0])

    rows = tuple(
        Equation(
            tuple((at(), by()) for _ in range(now_and_then(0, chance.randint(1, 3)))),
            tuple((chance.randrange(secrets_too), at(), by()) for _ in range(now_and_then(0, chance.randint(1, 4)))),
        )
        for _ in range(now_and_then(0, chance.randint(1, 2)))
    )
    return Relation(tuple(elements), rows), _is_valid(elements, rows)


def _is_valid(elements, rows):
    if not rows or not all(row.image and row.terms for row in rows) or not set(elements) <= set(KNOWN):
        return False
    used = {at for row in rows for at, _ in row.image} | {at for row in rows for _, at, _ in row.terms}
    numbers = {secret for row in rows for secret, _, _ in row.terms}
    if not used <= set(range(len(elements) + 1)) or not used >= set(range(1, len(elements) + 1)):
        return False
    if numbers != set(range(1 + max(numbers))):
        return False
    logs = [1, *(KNOWN[element] for element in elements)]
    if any(sum(by * logs[at] for at, by in row.image) % group.ORDER == 0 for row in rows):
        return False
    return all(
        any(sum(by * logs[at] for secret, at, by in row.terms if secret == each) % group.ORDER for row in rows)
        for each in numbers
    )


def test_which_relations_are_valid():
    """Against logarithms, on both backends: neither takes what the other refuses."""
    seen = []
    for seed in range(3_000 if SOAK else 250):
        said, valid = odd_relation(seed)
        seen.append(valid)
        for name in group.BACKENDS:
            with group.use(name):
                try:
                    taken = Instance(relation.parse(said.serialize())).octets == said.serialize()
                except InvalidInstance:
                    taken = False
            assert taken == valid, (seed, name)
    assert 0.2 < sum(seen) / len(seen) < 0.8


def random_statement(seed):
    """A random relation that holds, and its secrets: images of several elements, elements in several places, constants."""
    chance = random.Random(seed)
    count, rows = chance.randint(1, 3), chance.randint(1, 3)
    witness = [secrets.randbelow(group.ORDER) for _ in range(count)]
    bases = [group.msm([group.generator()], [chance.randrange(1, group.ORDER)]) for _ in range(2)]
    elements, equations = list(bases), []
    for row in range(rows):
        terms = [
            (each, chance.randint(0, 2), chance.choice([0, 1, MINUS, chance.randrange(group.ORDER)]))
            for each in range(count)
        ]
        terms += [
            (each, chance.randint(0, 2), chance.randrange(2, 2**64)) for each in range(count)
        ]  # so that none cancels
        terms += [(0, 1, 3), (0, 2, 5), (0, 2, 5)]  # each base is used, one twice
        known = [group.generator(), *bases]
        weights = [by * witness[each] % group.ORDER for each, _, by in terms]
        constant, share = (chance.randint(0, 2), chance.randrange(group.ORDER)), chance.choice([1, MINUS, 2])
        total = group.msm(
            [*(known[at] for _, at, _ in terms), known[constant[0]]], [*weights, -constant[1] % group.ORDER]
        )
        elements.append(group.msm([total], [pow(share, -1, group.ORDER)]))
        equations.append(Equation(((3 + row, share), constant), tuple(terms)))
    octets = Relation(tuple(map(group.encode_g1, elements)), tuple(equations)).serialize()
    return octets, b"".join(map(group.encode_scalar, witness))


def test_the_secrets_must_satisfy_every_equation(backend):
    """Also where what is amiss in one would make up for what is amiss in another."""
    rows = tuple(Equation(((at, 1),), ((0, 0, 1),)) for at in (1, 2))
    for wrong in ((7, 11), (11, 7), (8, 6), (6, 8)):
        elements = tuple(group.encode_g1(group.msm([group.generator()], [each])) for each in wrong)
        with pytest.raises(InvalidWitness):
            sigma.prove(instance=Relation(elements, rows).serialize(), witness=bytes(31) + b"\7", tag=b"tag")
    assert sigma.prove(instance=Relation((X, X), rows).serialize(), witness=bytes(31) + b"\7", tag=b"tag")


@pytest.mark.parametrize("seed", range(40 if SOAK else 1))
@pytest.mark.parametrize("flavor", ["compact", "batchable"])
def test_each_backend_proves_and_both_verify(seed, flavor):
    instance, witness = random_statement(seed)
    tag = sigma.tag(b"test", flavor)
    for prover in group.BACKENDS:
        with group.use(prover):
            narg = sigma.prove(instance=instance, witness=witness, tag=tag, flavor=flavor)
        changed = narg[:-1] + bytes([narg[-1] ^ 1])
        for verifier in group.BACKENDS:
            with group.use(verifier):
                assert sigma.verify(instance=instance, narg=narg, tag=tag, flavor=flavor), (prover, verifier)
                assert not sigma.verify(instance=instance, narg=changed, tag=tag, flavor=flavor), (prover, verifier)
