"""Every tree of 0 to 100 leaves, every proof, a bit of each hash; in a soak every bit of every proof; and the vectors of others."""

import base64
import os
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import merkle
from ledger.errors import InvalidProof
from tests import vectors

SOAK = os.environ.get("CONSONANT_SOAK") == "1"
LIMIT = 100
EVERY_BIT = LIMIT if SOAK else 13
LEAVES = [merkle.leaf_hash(b"leaf %d" % index) for index in range(LIMIT)]
EMPTY_ROOT = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return merkle.node_hash(mth(leaves[:half]), mth(leaves[half:]))


ROOTS = [mth(LEAVES[:size]) for size in range(LIMIT + 1)]


class LeafReader:
    """Computes nodes from the leaves, and counts how often it is asked."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = leaves
        self.calls = 0

    def read_nodes(self, nodes: Sequence[tuple[int, int]]) -> list[bytes]:
        self.calls += 1
        result = []
        for level, index in nodes:
            covered = self.leaves[index << level : (index + 1) << level]
            assert len(covered) == 1 << level
            result.append(mth(covered))
        return result


def flips(proof: Sequence[bytes], bits: Sequence[int] = range(256)):
    for place, value in enumerate(proof):
        for bit in bits:
            flipped = bytearray(value)
            flipped[bit // 8] ^= 1 << bit % 8
            yield [*proof[:place], bytes(flipped), *proof[place + 1 :]]


def test_roots_and_frontiers_of_every_size():
    frontier: list[bytes] = []
    for size in range(LIMIT + 1):
        assert merkle.root(LEAVES[:size]) == ROOTS[size]
        assert merkle.frontier_root(frontier) == ROOTS[size]
        assert merkle.frontier_of(LEAVES[:size]) == frontier
        assert len(frontier) == size.bit_count()
        reader = LeafReader(LEAVES[:size])
        assert merkle.read_root(size=size, reader=reader) == ROOTS[size]
        assert merkle.read_frontier(size=size, reader=reader) == frontier
        if size < LIMIT:
            before = list(frontier)
            grown = merkle.frontier_append(frontier, size, LEAVES[size])
            assert frontier == before
            frontier = grown


def test_a_frontier_of_another_size_is_refused():
    with pytest.raises(ValueError, match="frontier of 2 hashes, not 1"):
        merkle.frontier_append([bytes(32)], 3, bytes(32))


def test_every_inclusion_proof():
    for size in range(1, LIMIT + 1):
        for index in range(size):
            reader = LeafReader(LEAVES[:size])
            proof = merkle.prove_inclusion(index=index, size=size, reader=reader)
            assert reader.calls == 1
            good = {"leaf_hash": LEAVES[index], "index": index, "size": size, "proof": proof, "root": ROOTS[size]}
            merkle.verify_inclusion(**good)
            wrong = [
                {"leaf_hash": LEAVES[index - 1] if size > 1 else bytes(32)},
                {"index": (index + 1) % size} if size > 1 else {"index": 1},
                {"index": -1},
                {"index": size},
                {"proof": [*proof, proof[-1] if proof else bytes(32)]},
                {"proof": [bytes(32), *proof]},
                {"root": ROOTS[size - 1]},
            ]
            if proof:
                wrong += [{"proof": proof[:-1]}, {"proof": proof[1:]}, {"proof": [proof[0][:31], *proof[1:]]}]
            for change in wrong:
                with pytest.raises(InvalidProof):
                    merkle.verify_inclusion(**good | change)


def some_bits(size: int, other: int) -> Sequence[int]:
    """Every bit of the proofs of small trees, one of those of larger ones, each time another."""
    return range(256) if size <= EVERY_BIT else [(size * 101 + other * 7) % 256]


def test_every_bit_of_an_inclusion_proof_counts():
    flipped = 0
    for size in range(1, LIMIT + 1):
        reader = LeafReader(LEAVES[:size])
        for index in range(size):
            proof = merkle.prove_inclusion(index=index, size=size, reader=reader)
            for bad in flips(proof, some_bits(size, index)):
                with pytest.raises(InvalidProof):
                    merkle.verify_inclusion(
                        leaf_hash=LEAVES[index], index=index, size=size, proof=bad, root=ROOTS[size]
                    )
                flipped += 1
            for (bad,) in flips([LEAVES[index]], some_bits(size, index)):
                with pytest.raises(InvalidProof):
                    merkle.verify_inclusion(leaf_hash=bad, index=index, size=size, proof=proof, root=ROOTS[size])
            for (bad,) in flips([ROOTS[size]], some_bits(size, index)):
                with pytest.raises(InvalidProof):
                    merkle.verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, proof=proof, root=bad)
    assert flipped > 100_000


def test_every_consistency_proof():
    for second in range(LIMIT + 1):
        for first in range(second + 1):
            reader = LeafReader(LEAVES[:second])
            proof = merkle.prove_consistency(first=first, second=second, reader=reader)
            good = {
                "first": first,
                "second": second,
                "proof": proof,
                "first_root": ROOTS[first],
                "second_root": ROOTS[second],
            }
            merkle.verify_consistency(**good)
            wrong = [
                {"first_root": bytes(32)},
                {"proof": [*proof, bytes(32)]},
                {"proof": [bytes(32), *proof]},
                {"first": second + 1},
                {"first": -1},
            ]
            if first or not second:
                wrong.append({"second_root": bytes(32)})
            if proof:
                wrong += [{"proof": []}, {"proof": proof[:-1]}, {"proof": proof[1:]}]
            for change in wrong:
                with pytest.raises(InvalidProof):
                    merkle.verify_consistency(**good | change)


def test_every_bit_of_a_consistency_proof_counts():
    flipped = 0
    for second in range(1, LIMIT + 1):
        reader = LeafReader(LEAVES[:second])
        for first in range(1, second + 1):
            proof = merkle.prove_consistency(first=first, second=second, reader=reader)
            good = {"first": first, "second": second, "first_root": ROOTS[first], "second_root": ROOTS[second]}
            for bad in flips(proof, some_bits(second, first)):
                with pytest.raises(InvalidProof):
                    merkle.verify_consistency(**good, proof=bad)
                flipped += 1
            for name in ("first_root", "second_root"):
                for (bad,) in flips([good[name]], some_bits(second, first)):
                    with pytest.raises(InvalidProof):
                        merkle.verify_consistency(**good | {name: bad}, proof=proof)
    assert flipped > 80_000


def test_the_empty_tree_is_a_prefix_of_every_tree_and_has_one_root():
    merkle.verify_consistency(first=0, second=0, proof=[], first_root=EMPTY_ROOT, second_root=EMPTY_ROOT)
    merkle.verify_consistency(first=0, second=5, proof=[], first_root=EMPTY_ROOT, second_root=ROOTS[5])
    for change in ({"proof": [ROOTS[5]]}, {"first_root": ROOTS[1]}):
        good = {"first": 0, "second": 5, "proof": [], "first_root": EMPTY_ROOT, "second_root": ROOTS[5]}
        with pytest.raises(InvalidProof):
            merkle.verify_consistency(**good | change)
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(first=0, second=0, proof=[], first_root=EMPTY_ROOT, second_root=ROOTS[1])


def test_what_no_tree_can_prove_is_a_mistake_of_the_caller():
    reader = LeafReader(LEAVES)
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no entry"):
            merkle.prove_inclusion(index=index, size=size, reader=reader)
    for first, second in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no prefix"):
            merkle.prove_consistency(first=first, second=second, reader=reader)
    for read in (merkle.read_root, merkle.read_frontier):
        with pytest.raises(ValueError, match="no tree"):
            read(size=-1, reader=reader)


@given(st.integers(0, 2**64), st.integers(0, 2**64), st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_no_random_proof_holds_and_none_takes_long(index, size, proof):
    with pytest.raises(InvalidProof):
        merkle.verify_inclusion(leaf_hash=bytes(32), index=index, size=size, proof=proof, root=b"\1" * 32)
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(first=index, second=size, proof=proof, first_root=bytes(32), second_root=b"\1" * 32)


def decoded(value):
    return [base64.b64decode(each) for each in value or []]


@pytest.mark.parametrize("name", vectors.names("ledger/merkle-proofs/inclusion/**/*.json"))
def test_inclusion_vector(name):
    case = vectors.load(name)

    def verify():
        merkle.verify_inclusion(
            leaf_hash=base64.b64decode(case["leafHash"]),
            index=case["leafIdx"],
            size=case["treeSize"],
            proof=decoded(case["proof"]),
            root=base64.b64decode(case["root"]),
        )

    if case["wantErr"]:
        with pytest.raises(InvalidProof):
            verify()
    else:
        verify()


@pytest.mark.parametrize("name", vectors.names("ledger/merkle-proofs/consistency/**/*.json"))
def test_consistency_vector(name):
    case = vectors.load(name)

    def verify():
        merkle.verify_consistency(
            first=case["size1"],
            second=case["size2"],
            proof=decoded(case["proof"]),
            first_root=base64.b64decode(case["root1"]),
            second_root=base64.b64decode(case["root2"]),
        )

    if case["wantErr"]:
        with pytest.raises(InvalidProof):
            verify()
    else:
        verify()


def test_the_tree_of_the_reference_code():
    case = vectors.load("ledger/rfc6962-8-leaf-tree.json")
    leaves = [merkle.leaf_hash(bytes.fromhex(each)) for each in case["leaves_hex"]]
    for size, root in enumerate(case["roots_hex_by_size"]):
        assert merkle.root(leaves[:size]).hex() == root
