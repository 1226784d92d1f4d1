"""SigmaHQ's own regression cases, where `CONSONANT_SIGMA` names a checkout of theirs; without one there is nothing here to collect."""

import os
from pathlib import Path

from guard import sigma
from tests.guard.sigmahq import cases, matching

CHECKOUT = os.environ.get("CONSONANT_SIGMA")

if CHECKOUT:

    def test_sigmahqs_own_cases_match():
        found = list(cases(Path(CHECKOUT)))
        faults = []
        pack = sigma.load({case.rule for case in found}, faults=faults)
        missed = [case.rule.stem for case in found if len(matching(pack, case)) < min(case.matches, 1)]
        assert faults == []
        assert len(found) >= 200
        assert missed == []
