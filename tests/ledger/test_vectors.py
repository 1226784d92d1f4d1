"""The vectors of others, beyond one test a file: all of them are used, every good proof has each of its bits flipped, in each form we keep it."""

import base64
import json

import pytest

from ledger import checkpoint, merkle, tiles
from ledger.errors import InvalidProof, InvalidTile
from tests import vectors

TESTS = vectors.PROJECT / "tests"


def proofs(kind):
    """Every case of a kind, wherever it lies below the folder."""
    found = sorted(vectors.path(f"ledger/merkle-proofs/{kind}").rglob("*.json"))
    return [(path, json.loads(path.read_text())) for path in found]


def decoded(value):
    return [base64.b64decode(each) for each in value or []]


def included(case, **change):
    words = {"leaf_hash": base64.b64decode(case["leafHash"]), "index": case["leafIdx"], "size": case["treeSize"]}
    words |= {"proof": decoded(case["proof"]), "root": base64.b64decode(case["root"])}
    merkle.verify_inclusion(**words | change)


def consistent(case, **change):
    words = {"first": case["size1"], "second": case["size2"], "proof": decoded(case["proof"])}
    words |= {"first_root": base64.b64decode(case["root1"]), "second_root": base64.b64decode(case["root2"])}
    merkle.verify_consistency(**words | change)


CHECKS = {"inclusion": included, "consistency": consistent}


@pytest.mark.parametrize("kind", CHECKS)
def test_every_case_says_what_it_should(kind):
    good = bad = 0
    for path, case in proofs(kind):
        try:
            CHECKS[kind](case)
        except InvalidProof:
            assert case["wantErr"], path
            bad += 1
        else:
            assert not case["wantErr"], path
            good += 1
    assert good
    assert bad > 20


@pytest.mark.parametrize("kind", CHECKS)
def test_every_bit_of_a_good_proof_counts(kind):
    for _, case in proofs(kind):
        good = decoded(case["proof"])
        if case["wantErr"]:
            continue
        for place, bit in ((place, bit) for place in range(len(good)) for bit in range(256)):
            flipped = (int.from_bytes(good[place], "big") ^ 1 << bit).to_bytes(32, "big")
            with pytest.raises(InvalidProof):
                CHECKS[kind](case, proof=[*good[:place], flipped, *good[place + 1 :]])


def test_the_tree_of_the_reference_code_through_our_tiles():
    case = vectors.load("ledger/rfc6962-8-leaf-tree.json")
    entries = [bytes.fromhex(each) for each in case["leaves_hex"]]
    roots = [bytes.fromhex(each) for each in case["roots_hex_by_size"]]
    files = {}
    for size in range(1, len(entries) + 1):
        made = tiles.new_files(
            old_size=size - 1,
            new_size=size,
            read_entries=lambda first, last: entries[first:last],
            read_tile=files.__getitem__,
        )
        files |= dict(made)
        reader = tiles.TileReader(files.__getitem__, size)
        assert merkle.read_root(size=size, reader=reader) == roots[size]
        assert tiles.decode_bundle(files[tiles.bundle_path(0, size)]) == entries[:size]
        for index in range(size):
            hashes = merkle.prove_inclusion(index=index, size=size, reader=reader)
            leaf_hash = merkle.leaf_hash(entries[index])
            merkle.verify_inclusion(leaf_hash=leaf_hash, index=index, size=size, proof=hashes, root=roots[size])
        for first in range(size + 1):
            hashes = merkle.prove_consistency(first=first, second=size, reader=reader)
            merkle.verify_consistency(
                first=first, second=size, proof=hashes, first_root=roots[first], second_root=roots[size]
            )


def test_the_tree_head_of_go_is_a_checkpoint():
    case = vectors.load("ledger/golang-sumdb.json")["tree_text"]
    root = merkle.leaf_hash(case["leaf_data"].encode())
    assert base64.b64encode(root).decode() == case["hash_b64"]
    text = f"go.sum database tree\n{case['n']}\n{case['hash_b64']}\n"
    assert checkpoint.parse(text) == checkpoint.Checkpoint("go.sum database tree", case["n"], root)
    assert checkpoint.format(checkpoint.parse(text)) == text


@pytest.mark.parametrize("index", [5, 123456, 78])
def test_tiles_of_another_height_are_not_ours(index):
    """Go's tiles have a height in their path and ten levels; C2SP's have eight and none."""
    with pytest.raises(InvalidTile):
        tiles.parse_path(f"tile/10/0/{index:03}")


def test_no_file_of_the_vectors_is_left_unused():
    written = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py"))
    for path in vectors.path("ledger").rglob("*.json"):
        if "merkle-proofs" not in path.parts:
            assert path.name in written or path.parent.name in written, path
