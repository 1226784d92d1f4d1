"""The real apps' own code, from the folder that CONSONANT_REAL_APPS names (CosyVoice, index-tts, Linly-Talker); not collected without it.

Each runs in a process of its own: CONSONANT_REAL_PYTHON, which has torch and the SDK's needs (docs/adapters.md says how to make one), against the
service over HTTP.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import SECRET, UserFactory
from tests.sdk.conftest import sdk_path, served, target, wheel  # noqa: F401 - fixtures

HERE = Path(__file__).parent
collect_ignore_glob = [] if os.environ.get("CONSONANT_REAL_APPS") else ["test_*.py"]


@pytest.fixture
def others_grant(served):  # noqa: F811
    """A second person's."""

    def give(**words):
        served.user = UserFactory()
        return served.consent(ref="user-2", **words)

    return give


@pytest.fixture
def drive(served, target, tmp_path):  # noqa: F811
    """Run a driver; return what it saw, and all that it said."""

    def run(name, *words):
        folder = tmp_path / "run"
        folder.mkdir()
        path = os.pathsep.join([str(target)])
        env = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": path, "TMPDIR": str(tmp_path),
            "CONSONANT_REAL_APPS": os.environ["CONSONANT_REAL_APPS"], "CONSONANT_URL": served.url, "CONSONANT_STATE": str(served.state),
            "CONSONANT_CLIENT_ID": served.app.client_id, "CONSONANT_CLIENT_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        command = [os.environ.get("CONSONANT_REAL_PYTHON", sys.executable), str(HERE / f"{name}.py"), *words]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stderr[-4000:]
        said, _, last = done.stdout.rpartition("SEEN ")
        return json.loads(last), said + done.stderr

    return run
