"""The browser's own verifier against the vectors of others, and against the service's, in a real browser: everything that one accepts or
refuses, the other does."""

import base64
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import checkpoint, leaf, merkle, note, tiles
from tests import vectors

pytestmark = pytest.mark.browser

MODULES = ("broken", "bytes", "checkpoint", "leaf", "merkle", "note", "tiles")
START = """async (modules) => {
  const found = await Promise.all(modules.map((name) => import(`/static/verify/${name}.js`)));
  window.on = Object.fromEntries(modules.map((name, place) => [name, found[place]]));
  window.from = (encoded) => on.bytes.fromBase64(encoded);
  window.holds = async (check) => {
    try {
      await check();
      return true;
    } catch (error) {
      if (error instanceof on.broken.Broken) return false;
      throw error;
    }
  };
}"""


@pytest.fixture
def page(window):
    opened = window()
    opened.goto("/verify")
    opened.evaluate(START, MODULES)
    return opened


def b64(data):
    return base64.b64encode(data).decode()


def cases(kind):
    found = sorted(vectors.path(f"ledger/merkle-proofs/{kind}").rglob("*.json"))
    return [json.loads(path.read_text()) for path in found]


INCLUSION = """async (cases) => {
  const check = (it, proof) => holds(() => on.merkle.verifyInclusion(
    from(it.leafHash), BigInt(it.leafIdx), BigInt(it.treeSize), proof, from(it.root)));
  return Promise.all(cases.map(async (it) => {
    const proof = (it.proof ?? []).map(from);
    return [await check(it, proof), it.wantErr ? 0 : await flips(proof, (bad) => check(it, bad))];
  }));
}"""
CONSISTENCY = """async (cases) => {
  const check = (it, proof) => holds(() => on.merkle.verifyConsistency(
    BigInt(it.size1), BigInt(it.size2), proof, from(it.root1), from(it.root2)));
  return Promise.all(cases.map(async (it) => {
    const proof = (it.proof ?? []).map(from);
    return [await check(it, proof), it.wantErr ? 0 : await flips(proof, (bad) => check(it, bad))];
  }));
}"""
FLIPS = """() => { window.flips = async (proof, check) => {
  let accepted = 0;
  for (let place = 0; place < proof.length; place++) {
    for (let bit = 0; bit < 256; bit++) {
      const bad = proof.map((hash) => hash.slice());
      bad[place][bit >> 3] ^= 1 << (bit & 7);
      accepted += await check(bad);
    }
  }
  return accepted;
} }"""


@pytest.mark.parametrize(("kind", "script"), [("inclusion", INCLUSION), ("consistency", CONSISTENCY)])
def test_proofs_of_others(page, kind, script):
    told = cases(kind)
    page.evaluate(FLIPS)
    answers = page.evaluate(script, told)
    assert [holds for holds, _ in answers] == [not case["wantErr"] for case in told]
    assert sum(not case["wantErr"] for case in told) >= 2
    assert sum(accepted for _, accepted in answers) == 0, "a flipped bit was not noticed"


OPEN = """(cases) => Promise.all(cases.map(([note, vkeys]) => holds(async () =>
  on.note.open(from(note), await Promise.all(vkeys.map(on.note.readVkey))))))"""


def test_notes_of_others(page):
    """What opens, and each way to spoil it: exactly what the service's own reader says."""
    spec = vectors.load("ledger/c2sp-spec-examples.json")["signed_note_ok"]
    go = vectors.load("ledger/golang-sumdb.json")
    peter, enoch = go["note_keys"]["peter_vkey"], go["note_keys"]["enoch_vkey"]
    both = go["note_text"] + "\n" + go["peter_sig"] + go["enoch_sig"]
    notes = [
        (spec["note"], [spec["vkey"]]),
        (both, [peter, enoch]),
        (both, [enoch]),
        (both, [spec["vkey"]]),
        (both, []),
        (go["note_text"] + "\n" + go["peter_sig"] * go["max_sigs_rejected_at"], [peter]),
    ]
    notes += [(bad, [peter]) for bad in spoiled(both)]
    told = [(said if isinstance(said, bytes) else said.encode("utf-8", "surrogatepass"), keys) for said, keys in notes]
    expected = [opens(said, keys) for said, keys in told]
    assert page.evaluate(OPEN, [[b64(said), keys] for said, keys in told]) == expected
    assert expected[:6] == [True, True, True, False, False, False]


def spoiled(good):
    yield from ("", "\n\n", "text\n", "text\n\n", good + "\n", good[:-1], good + "x\n", "\n" + good)
    yield from (good.replace("\u2014", "-"), good.replace("\u2014 ", "\u2014  "), good.replace("\n", "\r\n"))
    for line in (
        "a+b AAAAAAA=",
        "a\u00a0b AAAAAAA=",
        " AAAAAAA=",
        "short AAAAAA==",
        "padding AAAAAAB=",
        "nothing",
        "a AAAA_AA=",
    ):
        yield good + f"\u2014 {line}\n"
    yield good + "\u2014 stranger AAAAAAA=\n"
    yield good.encode() + b"\xff"
    yield "\ufeff" + good
    data = good.encode()
    for place in range(len(data)):
        yield data[:place]
        for bit in (0, 3, 5):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def opens(said, vkeys):
    try:
        note.open(said, [note.Verifier.from_vkey(vkey) for vkey in vkeys])
    except note.InvalidNote:
        return False
    return True


def test_keys_of_others(page):
    go = vectors.load("ledger/golang-sumdb.json")
    good = [go["note_keys"]["peter_vkey"], go["note_keys"]["enoch_vkey"]]
    bad = [*go["bad_vkeys"], "", "++", good[0].upper(), good[0] + "=", good[0][:-4], good[0].replace("Peter", "Pete r")]
    for y in (0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, *(int.from_bytes(low, "little") for low in ORDER_8)):
        keys = [b"\x01" + (y | sign).to_bytes(32, "little") for sign in (0, 1 << 255)]
        bad += [note.write_vkey("low", key) for key in keys]
    bad.append(note.write_vkey("cosigner", b"\x04" + bytes(range(32))))
    script = "(keys) => Promise.all(keys.map((key) => holds(() => on.note.readVkey(key))))"
    assert page.evaluate(script, [*good, *bad]) == [True] * len(good) + [False] * len(bad)


ORDER_8 = [
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]
SIGNATURES = """(cases) => Promise.all(cases.map(async ([key, message, signature]) => {
  try {
    return await on.note.verifyEd25519(from(key), from(message), from(signature));
  } catch {
    return false;
  }
}))"""


def test_signatures_of_others(page):
    """Wycheproof's verdicts to the letter; of CCTV's doubtful ones no more is asked than of the service: both speak of keys a note may have."""
    groups = vectors.load("ledger/ed25519/wycheproof-ed25519_test.json")["testGroups"]
    told = [
        (
            bytes.fromhex(group["publicKey"]["pk"]),
            bytes.fromhex(case["msg"]),
            bytes.fromhex(case["sig"]),
            case["result"],
        )
        for group in groups
        for case in group["tests"]
    ]
    answers = page.evaluate(SIGNATURES, [[b64(part) for part in case[:3]] for case in told])
    assert answers == [result == "valid" for *_, result in told]
    assert 60 < sum(answers) < len(answers)
    doubtful = vectors.load("ledger/ed25519/cctv-ed25519vectors.json")
    clear = [case for case in doubtful if usable(bytes.fromhex(case["key"]))]
    told = [(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"])) for case in clear]
    answers = page.evaluate(SIGNATURES, [[b64(part) for part in case] for case in told])
    assert answers == [note.verify_ed25519(*case) for case in told]


def usable(key):
    try:
        note.check_ed25519(key)
    except note.InvalidKey:
        return False
    return True


CHECKPOINTS = "(texts) => texts.map((text) => { try { const c = on.checkpoint.parse(text); return `${c.size}`; } catch { return null; } })"


def test_checkpoints(page):
    spec = vectors.load("ledger/c2sp-spec-examples.json")["checkpoint_syntax_only"].split("\n\n")[0] + "\n"
    go = vectors.load("ledger/golang-sumdb.json")["tree_text"]
    large = f"go.sum database tree\n{go['n']}\n{go['hash_b64']}\n"
    empty = b64(merkle.EMPTY_ROOT)
    texts = [spec, large, f"a\n0\n{empty}\n", f"a\n{2**63 - 1}\n{empty}\n", f"a\n{2**63}\n{empty}\n", large + "more\n"]
    texts += ["", "a\n1\n", f"a\n01\n{empty}\n", f"a\n0\n{go['hash_b64']}\n", f"a\n1\n{empty}\n\n", f"a\n-1\n{empty}\n"]
    texts += [
        f"\n1\n{empty}\n",
        f"a\n1\n{empty[:-1]}\n",
        f"a\n1\n{empty}",
        f"a\n1\n{empty[:-2]}V=\n",
        f"a\n1 \n{empty}\n",
    ]
    expected = [size_of(each) for each in texts]
    assert page.evaluate(CHECKPOINTS, texts) == expected
    assert expected[:4] == ["20852163", str(go["n"]), "0", str(2**63 - 1)]
    assert sum(each is None for each in expected) == 12


def size_of(said):
    try:
        return str(checkpoint.parse(said).size)
    except checkpoint.InvalidCheckpoint:
        return None


TREE = """async ({files, sizes, leaves}) => {
  const read = async (name) => (name in files ? from(files[name]) : null);
  const found = [];
  for (const [size, root] of sizes) {
    const reader = new on.tiles.Reader(read, BigInt(size));
    const made = on.bytes.toBase64(await on.merkle.readRoot(BigInt(size), reader.readNode));
    let wrong = 0;
    for (const index of leaves.filter((index) => index < size)) {
      const proof = await on.merkle.proveInclusion(BigInt(index), BigInt(size), reader.readNode);
      const hash = await on.merkle.leafHash(await reader.leaf(BigInt(index)));
      wrong += !(await holds(() => on.merkle.verifyInclusion(hash, BigInt(index), BigInt(size), proof, from(root))));
    }
    for (const [first, firstRoot] of sizes.filter(([first]) => first <= size)) {
      const proof = await on.merkle.proveConsistency(BigInt(first), BigInt(size), reader.readNode);
      wrong += !(await holds(() => on.merkle.verifyConsistency(BigInt(first), BigInt(size), proof, from(firstRoot), from(root))));
    }
    found.push([made, wrong]);
  }
  return found;
}"""


def grow(entries, sizes):
    """Return the files of a log that was published at each of these sizes, and its roots."""
    files, roots, old = {}, [], 0
    for size in sizes:
        made = tiles.new_files(
            old_size=old,
            new_size=size,
            read_entries=lambda first, last: entries[first:last],
            read_tile=files.__getitem__,
        )
        files |= dict(made)
        roots.append(merkle.root([merkle.leaf_hash(entry) for entry in entries[:size]]))
        old = size
    return files, roots


def test_the_tree_of_the_reference_code(page):
    case = vectors.load("ledger/rfc6962-8-leaf-tree.json")
    entries = [bytes.fromhex(each) for each in case["leaves_hex"]]
    files, roots = grow(entries, range(1, 9))
    assert [root.hex() for root in roots] == case["roots_hex_by_size"][1:]
    told = {
        "files": {name: b64(data) for name, data in files.items()},
        "sizes": [[0, b64(merkle.EMPTY_ROOT)], *([size + 1, b64(root)] for size, root in enumerate(roots))],
        "leaves": list(range(8)),
    }
    assert page.evaluate(TREE, told) == [[root, 0] for _, root in told["sizes"]]


def test_a_tree_of_many_tiles(page):
    """Across the edges of tiles, with the partial ones dropped where the full one is there, as the specification allows."""
    sizes = [1, 255, 256, 257, 511, 700, 65_536, 65_537, 66_000]
    entries = [b"%d" % number for number in range(sizes[-1])]
    files, roots = grow(entries, sizes)
    for name in list(files):
        full, partial, _ = name.partition(".p/")
        if partial and full in files:
            del files[name]
    told = {
        "files": {name: b64(data) for name, data in files.items()},
        "sizes": [[size, b64(root)] for size, root in zip(sizes, roots, strict=True)],
        "leaves": [0, 254, 255, 256, 510, 699, 65_535, 65_999],
    }
    assert page.evaluate(TREE, told) == [[root, 0] for _, root in told["sizes"]]
    paths = [(0, 1_234_067, 256), (0, 0, 1), (2, 999, 17), (0, 1_000, 256), ("entries", 123_456_789, 255)]
    script = "(paths) => paths.map(([level, index, width]) => on.tiles.path(level, BigInt(index), BigInt(width)))"
    own = [
        tiles.tile_path(tiles.ENTRIES if level == "entries" else level, index, width) for level, index, width in paths
    ]
    assert page.evaluate(script, paths) == own
    assert own[0] == f"tile/0/{vectors.load('ledger/c2sp-spec-examples.json')['tile_index_path']['1234067']}"


FILES = "(files) => files.map(([kind, data]) => { try { return on.tiles[kind](from(data)).length; } catch { return null; } })"


def test_files_that_are_none(page):
    bundles = [
        b"",
        b"\0",
        b"\0\1",
        b"\0\0",
        b"\0\1x\0",
        b"\0\1x",
        b"\0\0" * 256,
        b"\0\0" * 257,
        tiles.encode_bundle([b"x" * 65_535] * 3),
    ]
    hashes = [bytes(size) for size in (0, 31, 32, 33, 64, 256 * 32, 257 * 32)]
    told = [["decodeBundle", b64(each)] for each in bundles] + [["decodeTile", b64(each)] for each in hashes]
    own = [length(tiles.decode_bundle, each) for each in bundles] + [length(tiles.decode_tile, each) for each in hashes]
    # A file of no entries is none, to the service; here it is one that is too short for its place.
    assert page.evaluate(FILES, told) == [0 if data == "" else said for said, (_, data) in zip(own, told, strict=True)]


def length(decode, data):
    try:
        return len(decode(data))
    except tiles.InvalidTile:
        return None


GOOD = leaf.Leaf(
    log="consonant.local/acme",
    index=7,
    prev=bytes(31) + b"\1",
    at=datetime(2026, 2, 28, 23, 59, 59, 999_000, UTC),
    kind="artifact.recorded",
    ref=UUID("0a1b2c3d-0000-4000-8000-00000000000f"),
    mark=bytes(range(16)),
    actor=bytes(32),
    subject=b"\xff" * 32,
    payload=leaf.commit("payload", b"\xfa" * 32, '{"a":"é€𝄞"}'.encode()),
)
LEAVES = "(leaves) => Promise.all(leaves.map((data) => holds(() => on.leaf.decode(from(data)))))"


def test_leaves(page):
    """Good ones, each byte of one changed, cut and doubled, and what is nearly one: the service's own verdicts."""
    good = leaf.encode(GOOD)
    told = [
        good,
        leaf.encode(replace(GOOD, index=0, prev=bytes(32))),
        leaf.encode(replace(GOOD, index=2**53 - 1)),
        leaf.encode(replace(GOOD, at=GOOD.at + timedelta(days=366 * 3))),
    ]
    for old, new in (
        (b"2026-02-28", b"2026-02-29"), (b"2026-02-28", b"2028-02-29"), (b"2026-02-28", b"0000-02-28"), (b"2026", b"9999"),
        (b"23:59:59", b"24:00:00"), (b"23:59:59", b"23:59:60"), (b'"index":7', b'"index":07'), (b'"index":7', b'"index":0'),
        (b'"index":7', b'"index":9007199254740992'), (b".recorded", b""), (b"/acme", b"/"), (b"/acme", b"//a"), (b'"v":1', b'"v":2'),
        (b"-4000-", b"-5000-"), (b"-8000-", b"-c000-"), (b"00000001", b"00000000"), (b'"kind"', b' "kind"'), (b"acme", "acm\u00e9".encode()),
    ):  # fmt: skip
        assert old in good
        told.append(good.replace(old, new, 1))
    dice = random.Random(7)
    for place in range(len(good)):
        told += [good[:place], good[:place] + good[place : place + 1] * 2 + good[place + 1 :]]
        told.append(good[:place] + bytes([good[place] ^ 1 << dice.randrange(8)]) + good[place + 1 :])
    told += [good + b"\n", b"\xef\xbb\xbf" + good, good + b" " * 65_535]
    expected = [decodes(each) for each in told]
    assert page.evaluate(LEAVES, [b64(each) for each in told]) == expected
    assert expected[:4] == [True] * 4


def decodes(data):
    try:
        leaf.decode(data)
    except leaf.InvalidLeaf:
        return False
    return True


OPENINGS = """async ([data, openings]) => {
  const fields = on.leaf.decode(from(data));
  return Promise.all(openings.map(([salt, payload]) => holds(() => on.leaf.checkPayload(fields, salt, payload))));
}"""


def test_openings(page):
    salt, payload = (b"\xfa" * 32).hex(), '{"a":"é€𝄞"}'
    openings = [
        (salt, payload),
        (salt, payload + " "),
        (salt, ""),
        (salt[:-2], payload),
        (salt.upper(), payload),
        ("00" * 32, payload),
    ]
    openings.append((salt[:-1] + "g", payload))
    assert page.evaluate(OPENINGS, [b64(leaf.encode(GOOD)), openings]) == [True] + [False] * 6
    zeros = replace(GOOD, payload=leaf.commit("payload", bytes(32), b"{}"))
    assert page.evaluate(OPENINGS, [b64(leaf.encode(zeros)), [("00" * 32, "{}")]]) == [True]


def test_a_signed_head_is_the_logs_own(page):
    log = note.Signer("consonant.local/acme", Ed25519PrivateKey.from_private_bytes(b"a" * 32))
    other = note.Signer("consonant.local/other", Ed25519PrivateKey.from_private_bytes(b"b" * 32))
    mine = checkpoint.format(checkpoint.Checkpoint(log.name, 3, b"r" * 32))
    theirs = checkpoint.format(checkpoint.Checkpoint(other.name, 3, b"r" * 32))
    script = """(cases) => Promise.all(cases.map(([note, origin, vkey]) => holds(() =>
      on.checkpoint.open(from(note), origin, vkey))))"""
    key, second = log.verifier().vkey, other.verifier().vkey
    told = [
        (note.sign(mine, [log, other]), log.name, key),
        (note.sign(mine, [other]), log.name, key),
        (note.sign(theirs, [log]), log.name, key),
        (note.sign(mine, [other]), log.name, second),
        (note.sign("no checkpoint\n", [log]), log.name, key),
    ]
    answers = page.evaluate(script, [[b64(said.encode()), name, vkey] for said, name, vkey in told])
    assert answers == [True, False, False, False, False]
