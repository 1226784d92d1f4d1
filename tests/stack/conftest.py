"""One running service for all of these tests, and for no longer: it works also while nobody asks."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stack.service import PROJECT, Stack


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="package")
def stack():
    running = Stack()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def clips():
    return {path.stem: path.read_bytes() for path in sorted((PROJECT / "deploy" / "clips").glob("*.wav"))}


class Run(NamedTuple):
    """One run of `make demo`."""

    said: str
    seconds: float
    page: str


def run_demo(stack, page):
    """Run `make demo`, recorded on a page."""
    began = time.monotonic()
    command = [sys.executable, "-m", "deploy.demo", "--record", str(page)]
    done = subprocess.run(command, cwd=PROJECT, env=stack.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    stack.secrets |= set(re.findall(r"visitor-\w+", done.stdout)) | set(re.findall(r"/consent/([\w-]+)/", done.stdout))
    return Run(done.stdout, time.monotonic() - began, page.read_text(encoding="utf-8"))


@pytest.fixture(scope="package")
def demo(stack, tmp_path_factory):
    return run_demo(stack, tmp_path_factory.mktemp("demo") / "tour.md")
