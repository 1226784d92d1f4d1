"""The page on proofs says what the code does."""

import json
import re
from datetime import date, timedelta
from hashlib import sha256, shake_128
from uuid import UUID

import pytest

from ledger import leaf
from portal.words.proofs import REASONS
from tests.docs.pages import DOCS, prose
from tests.zkp.test_known import FILE
from zkp import tag
from zkp.core import active, bbs_core, group, own, receipt
from zkp.core.context import NONCE_BYTES, Context, Enrolment
from zkp.core.hashing import expand_message

PAGE = DOCS / "zkp.md"
KNOWN = json.loads(FILE.read_text())


def test_every_reason_is_documented_and_has_words():
    table = prose(PAGE).partition("| reason |")[2].partition("## The wallet in the browser")[0]
    said = {name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert said == set(REASONS)
    code = (DOCS.parent / "zkp" / "judge.py").read_text(encoding="utf-8")
    assert set(re.findall(r'Found\("(\w+)"\)', code)) == said


def test_the_contexts_have_the_fields_that_are_named(now):
    text = PAGE.read_text(encoding="utf-8")  # with its blocks
    at = now.replace(microsecond=0)
    made = Context("log", "https://v", bytes(NONCE_BYTES), 1, bytes(32), "own", "why", at).octets().decode()
    names = re.findall(r'"(\w+)":', made)
    line = re.search(r"^\{\"expires\".*\}$", text, re.MULTILINE)[0]
    assert re.findall(r'"(\w+)"(?=[,:}])', line.replace(':"consonant/zkp"', "")) == names
    enrol = Enrolment("log", bytes(NONCE_BYTES), "a", "r", at).octets().decode()
    line = re.search(r"`(\{\"account\".*?\})`", text)[1]
    assert re.findall(r'"(\w+)"(?=[,:}])', line.replace(':"enrol"', "")) == re.findall(r'"(\w+)":', enrol)


def test_schemas_headers_and_numbers_are_those_of_the_code():
    text = prose(PAGE)
    for name in (*receipt.SCHEMA, *active.SCHEMA):
        assert f"`{name}`" in text
    for header in (receipt.HEADER, active.HEADER):
        assert f"`{header.decode()}`" in text
    assert f"{own.MAX_TAGS:,} tags" in text
    assert f"{own.PROOF_BYTES} bytes for any k" in text


def test_the_worked_example_is_what_the_code_gives():
    text = PAGE.read_text(encoding="utf-8").partition("## A worked example")[2].partition("## Needs review")[0]
    said = dict(re.findall(r"^(\S+(?: \S+)?) {2,}(\S+)$", text, re.MULTILINE))
    keys = tag.derive(bytes.fromhex(said["seed"]), said["origin"])
    ref, day = UUID(said["ref"]), date(2026, 3, 1)
    salt, shown = tag.subject_salt(keys.k_u, ref), tag.day_tag(keys, day)
    made = {
        "s": keys.s,
        "k_u": keys.k_u,
        "P": tag.public_key(keys.s),
        "tag 2026-03-01": shown,
        "its salt": salt,
        "its mark": tag.mark(keys.k_u, ref),
        "subject": leaf.commit("subject", salt, shown),
        "K": group.encode_g1(group.msm([generators(1)[1]], [int.from_bytes(keys.s, "big")])),
        "N": group.encode_g1(nym(re.search(r'^\{"app".*', text, re.MULTILINE)[0], keys.s)),
    }
    assert {name: value.hex() for name, value in made.items()} == {name: said[name] for name in made}
    context = re.search(r'^\{"expires".*', text, re.MULTILINE)[0]
    assert f"CONSONANT-V01-{sha256(context.encode()).hexdigest()}-CMPT-with-sigma-proofs_Shake128_BLS12381\n" in text
    tags = [tag.day_tag(keys, day + timedelta(days=n)) for n in range(3)]
    assert own.verify(tags=tags, context=Context.read(context.encode()), proof=bytes.fromhex(said["proof"]))
    assert (context, said["proof"]) == (KNOWN["own"]["context"], KNOWN["own"]["proof"])


# --- A verifier as another team would write it: from the page, with a library's curve and RFC 9380, and nothing else of ours -----------------

API_ID = b"BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_H2G_HM2S_CONSONANT1_"


def u32(number):
    return number.to_bytes(4, "little")


def i2osp(number):
    return number.to_bytes(8, "big")


def to_scalar(message, dst):
    return int.from_bytes(expand_message(message, dst, 48), "big") % group.ORDER


def holds_linear(points, equations, context, proof):
    one = (1).to_bytes(32, "big")
    rows = b"".join(u32(1) + u32(image) + one + u32(1) + u32(0) + u32(base) + one for image, base in equations)
    instance = u32(len(equations)) + rows + b"".join(points)
    name = f"CONSONANT-V01-{sha256(context).hexdigest()}-CMPT-with-sigma-proofs_Shake128_BLS12381".encode()
    session = shake_128(b"irtf-cfrg-fiat-shamir/session-id" + bytes(136) + name).digest(32)
    c, z = (int.from_bytes(half, "big") for half in (proof[:32], proof[32:]))
    known = [group.generator(), *map(group.decode_g1, points)]
    made = b"".join(
        group.encode_g1(group.msm([known[base], known[image]], [z, -c % group.ORDER])) for image, base in equations
    )
    hashed = shake_128(session + bytes(136) + instance + made).digest(48)
    return c == int.from_bytes(hashed, "little") % group.ORDER


def generators(count):
    """Q_1 and H_1 to H_count, by the draft's create_generators."""
    seed = expand_message(API_ID + b"MESSAGE_GENERATOR_SEED", API_ID + b"SIG_GENERATOR_SEED_", 48)
    made = []
    for number in range(1, count + 2):
        seed = expand_message(seed + i2osp(number), API_ID + b"SIG_GENERATOR_SEED_", 48)
        made.append(group.hash_to_g1(seed, API_ID + b"SIG_GENERATOR_DST_"))
    return made


def nym(scope, s):
    return group.msm([group.hash_to_g1(scope.encode(), API_ID + b"NYM_")], [int.from_bytes(s, "big")])


def holds_bbs(said, schema, shown, links=()):
    """Whether a known proof holds: `shown`, the numbers in the schema; `links`, (base, image)."""
    pk, proof = (bytes.fromhex(each) for each in (KNOWN["ledger"]["pk"], said["proof"]))
    header = said["header"].encode()
    length, order = len(schema), group.ORDER
    q, *h = generators(length + 1)
    octets = b"".join(map(group.encode_g1, [q, *h]))
    domain = to_scalar(pk + i2osp(length + 1) + octets + API_ID + i2osp(len(header)) + header, API_ID + b"H2S_")
    texts = [said["attributes"][name].encode() for name in schema]
    scalars = {1 + at: to_scalar(texts[at], API_ID + b"MAP_MSG_TO_SCALAR_AS_HASH_") for at in shown}
    a_bar, b_bar, d = (group.decode_g1(proof[at : at + 48]) for at in (0, 48, 96))
    e, r1, r3, *hats, c = (int.from_bytes(proof[at : at + 32], "big") for at in range(144, len(proof), 32))
    hidden = [at for at in range(length + 1) if at not in scalars]
    assert len(proof) == 272 + 32 * len(hidden)
    t1 = group.msm([b_bar, a_bar, d], [c, e, r1])
    p1 = group.decode_g1(bbs_core.P1)
    bv = group.msm([p1, q, *(h[at] for at in scalars)], [1, domain, *scalars.values()])
    t2 = group.msm([bv, d, *(h[at] for at in hidden)], [c, r3, *hats])
    hashed = i2osp(len(scalars)) + b"".join(i2osp(at) + each.to_bytes(32, "big") for at, each in scalars.items())
    hashed += b"".join(map(group.encode_g1, [a_bar, b_bar, d, t1, t2])) + domain.to_bytes(32, "big")
    hashed += i2osp(len(links))
    for base, image in links:
        made = group.msm([base, image], [hats[0], -c % order])
        hashed += b"".join(map(group.encode_g1, (base, image, made)))
    context = said["context"].encode()
    pairs = (a_bar, group.decode_g2(pk)), (group.negate(b_bar), group.generator_g2())
    return c == to_scalar(hashed + i2osp(len(context)) + context, API_ID + b"H2S_") and group.pairing_is_one(*pairs)


def test_what_another_team_would_write_for_own_and_enrol_agrees():
    said = KNOWN["own"]
    tags = [bytes.fromhex(each) for each in said["tags"]]
    points = [half for each in tags for half in (each[:48], each[48:])]
    equations = [(2 * i, 2 * i - 1) for i in range(1, len(tags) + 1)]
    proof, context = bytes.fromhex(said["proof"]), said["context"].encode()
    assert holds_linear(points, equations, context, proof)
    assert not holds_linear(points, equations, context + b" ", proof)

    said = KNOWN["enrol"]
    keys = [bytes.fromhex(KNOWN["keys"][name]) for name in ("public_key", "key_commitment")]
    points = [keys[0], group.encode_g1(generators(1)[1]), keys[1], tags[0][:48], tags[0][48:]]
    proof, context = bytes.fromhex(said["proof"]), said["context"].encode()
    assert holds_linear(points, [(1, 0), (3, 2), (5, 4)], context, proof)


@pytest.mark.parametrize("changed", [False, True])
def test_what_another_team_would_write_for_receipt_and_active_agrees(changed):
    said = KNOWN["receipt"] | ({"context": KNOWN["own"]["context"]} if changed else {})
    shown = [receipt.SCHEMA.index(name) for name in said["disclosed"]]
    assert holds_bbs(said, receipt.SCHEMA, shown) is not changed
    said = KNOWN["active"] | ({"context": KNOWN["own"]["context"]} if changed else {})
    base = group.hash_to_g1(said["scope"].encode(), API_ID + b"NYM_")
    links = [(base, group.decode_g1(bytes.fromhex(said["pseudonym"])))]
    assert holds_bbs(said, active.SCHEMA, [0, 1, 3], links) is not changed
