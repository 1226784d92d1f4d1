"""One running service for all of these tests."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stack.service import PROJECT, Stack


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def stack():
    running = Stack()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def clips():
    return {path.stem: path.read_bytes() for path in sorted((PROJECT / "deploy" / "clips").glob("*.wav"))}


@pytest.fixture(scope="session")
def demo(stack):
    """One run of `make demo`: its lines and its seconds."""
    began = time.monotonic()
    command = [sys.executable, "-m", "deploy.demo"]
    done = subprocess.run(command, cwd=PROJECT, env=stack.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, time.monotonic() - began
