"""Erasures under faults: success at least 99.99 %, the rest visibly escalated, nothing left behind, nothing said that is not so. 100,000 in a soak."""

import os
import sys

import pytest

from tests.stack.erasure_faults import FEW, SEED, FaultyStack, erase_under_faults

SOAK = os.environ.get("CONSONANT_SOAK") == "1"
PEOPLE = 100_000 if SOAK else 12


@pytest.fixture
def faulty():
    running = FaultyStack(SEED)
    running.start()
    yield running
    running.stop()


def test_s2_1_whoever_asks_is_erased_whatever_fails(faulty):
    few = {} if SOAK else {"victims": FEW, "between": (0.3, 0.6)}
    outcome = erase_under_faults(faulty, PEOPLE, **few)
    sys.stdout.write(f"{outcome}\n")
    assert (outcome.trouble, set(FEW) - outcome.kills.keys()) == ("", set())
    assert outcome.share >= 0.9999
    assert outcome.lost == 0, "what did not succeed is visibly escalated"
    assert outcome.planted > 0
    assert outcome.verified > 0
    assert (outcome.keys_left, outcome.bytes_left, outcome.false_entries) == (0, 0, 0)
