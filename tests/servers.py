"""Real PostgreSQL and Redis for the tests, started before the settings are read (loaded by `-p tests.servers`).

Everything lies in a temporary folder. With DATABASE_URL and CELERY_BROKER_URL in the environment those are used instead.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from deploy.embedded import serve

_stack = ExitStack()
_var = Path(tempfile.mkdtemp(prefix="consonant-test-", dir="/tmp"))
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
