"""Runs one command beside an empty database and broker that are deleted afterwards, with an example of production settings.

`python -m deploy.throwaway manage.py makemigrations --check`. Used by `make check`: nothing of `var/` is read or written.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.embedded import as_service, serve


def main() -> int:
    """Run the command line's Python program; returns its exit code."""
    with (
        tempfile.TemporaryDirectory(prefix="consonant-check-") as folder,
        serve(Path(folder), durable=False) as (owner, broker),
    ):
        example = {
            "CONSONANT_MODE": "production",
            "CONSONANT_PUBLIC_URL": "https://consent.example.org",
            "EMAIL_URL": "smtp+tls://mail.example.org:587",
            "CONSONANT_VAR": folder,
            "DATABASE_URL": as_service(owner),
            "CONSONANT_OWNER_DATABASE_URL": owner,
            "CELERY_BROKER_URL": broker,
        }
        return subprocess.run([sys.executable, *sys.argv[1:]], check=False, env={**os.environ, **example}).returncode


if __name__ == "__main__":
    sys.exit(main())
