"""Real PostgreSQL and Redis for the tests, started before the settings are read (loaded by `-p tests.servers`).

Everything lies in a temporary folder: in memory where there is room, for one key made costs a disk three syncs, and what these tests ask
is what survives a killed process, not a power cut. With DATABASE_URL and CELERY_BROKER_URL in the environment those are used instead.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from deploy.embedded import serve

MEMORY = "/dev/shm"
ROOM = 4 * 2**30


def _is_roomy() -> bool:
    """Say whether files can lie in memory, and programs run from there (a container's has 64 MB and runs none)."""
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return False
    return os.access(MEMORY, os.W_OK) and not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize > ROOM


if "TMPDIR" not in os.environ and _is_roomy():
    os.environ["TMPDIR"] = tempfile.tempdir = MEMORY
_stack = ExitStack()
_var = Path(tempfile.mkdtemp(prefix="consonant-test-", dir=MEMORY if os.environ.get("TMPDIR") == MEMORY else "/tmp"))
_stack.callback(shutil.rmtree, _var, ignore_errors=True)
os.environ["CONSONANT_VAR"] = str(_var)
os.environ["CONSONANT_MODE"] = "local"
os.environ.setdefault("CONSONANT_LOG_LEVEL", "WARNING")
os.environ.setdefault("CONSONANT_CACHE_URL", "memory://")  # two processes that test share no count of tries
_wanted = {"postgres": "DATABASE_URL" not in os.environ, "redis": "CELERY_BROKER_URL" not in os.environ}
if any(_wanted.values()):
    _database_url, _broker_url = _stack.enter_context(serve(_var, durable=False, **_wanted))
    if _wanted["postgres"]:
        os.environ["DATABASE_URL"] = _database_url
    if _wanted["redis"]:
        os.environ["CELERY_BROKER_URL"] = _broker_url


def pytest_unconfigure() -> None:
    """Stop the servers and remove the folder."""
    _stack.close()
