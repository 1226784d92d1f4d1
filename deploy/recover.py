"""Brings a restored embedded database back: `manage.py recover` beside the embedded database alone, while the service is stopped.

`make recover`. Nothing else runs meanwhile, so no use slips in between the records and the consents that become stale.
"""

import os
import subprocess
import sys
from pathlib import Path

from deploy import preflight
from deploy.embedded import as_service, serve
from deploy.errors import CannotStart, ProgramFailed

PROJECT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the command; returns its exit code."""
    var = Path(os.environ.get("CONSONANT_VAR") or PROJECT / "var").absolute()
    try:
        preflight.make_var(var)
        lock = preflight.take_lock(var)
        with lock, serve(var, redis=False) as (owner, _):
            environment = {
                **os.environ,
                "CONSONANT_MODE": "local",
                "CONSONANT_VAR": str(var),
                "DATABASE_URL": as_service(owner),
                "CONSONANT_OWNER_DATABASE_URL": owner,
            }
            return subprocess.run(
                [sys.executable, "manage.py", "recover"], cwd=PROJECT, check=False, env=environment
            ).returncode
    except (CannotStart, ProgramFailed) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
