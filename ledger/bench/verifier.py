"""A verification of a whole published log in a process of its own, timed: `python -m ledger.bench.verifier FOLDER VKEY PROCESSES`."""

import json
import sys
import time
from pathlib import Path

from ledger.note import Verifier
from ledger.verify import verify_log


def main() -> None:
    """Verify, and say how long it took."""
    folder, vkey, processes = sys.argv[1:]
    begun = time.perf_counter()
    findings = list(verify_log(Path(folder), [Verifier.from_vkey(vkey)], processes=int(processes)))
    seconds = time.perf_counter() - begun
    found = [str(finding) for finding in findings if finding.level != "ok"]
    print(json.dumps({"seconds": seconds, "found": found}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
