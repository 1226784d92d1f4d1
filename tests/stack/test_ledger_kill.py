"""`kill -9` under load, again and again: nothing acknowledged is lost, nothing doubled, no fork. 200 times in a soak."""

import os
import sys

from tests.stack.ledger_kill import kill_again_and_again

KILLS = 200 if os.environ.get("CONSONANT_SOAK") == "1" else 12


def test_killed_again_and_again(stack):
    outcome = kill_again_and_again(stack, KILLS)
    sys.stdout.write(f"{outcome}\n")
    assert outcome.acknowledged > 20 * KILLS
    assert outcome.proofs > 10
    assert outcome.kills.total() == KILLS
    assert (outcome.lost, outcome.doubled, outcome.strangers, outcome.forks) == (0, 0, 0, 0)
    assert outcome.reader_errors == []
    assert outcome.verified.count("ok:") == 2
