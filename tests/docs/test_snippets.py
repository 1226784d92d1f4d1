"""What README.md and the quickstart tell a stranger to type, typed into the running service; a person answers in the portal meanwhile."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from deploy.demo_parties import Speaker
from tests.deploy.stack import Service
from tests.docs.pages import DOCS, PROJECT, script

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def service():
    """A running service, in a folder that the servers' account reaches also where this is root."""
    with tempfile.TemporaryDirectory(prefix="consonant-docs-") as folder:
        Path(folder).chmod(0o711)
        running = Service(Path(folder) / "var")
        try:
            yield running.wait_ready()
        finally:
            running.end()
            shutil.rmtree((running.var / "run" / "sockets").read_text().strip(), ignore_errors=True)


def carry_out(page, service, choice):
    """Run a page's blocks; when they show a consent link, answer it as the speaker. Returns all that was printed."""
    url = f"http://127.0.0.1:{service.port}"
    quiet = ("CONSONANT_", "DATABASE_", "CELERY_", "DJANGO_", "COV_", "COVERAGE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(quiet)}
    environment |= {"CONSONANT_URL": url, "CONSONANT_VAR": str(service.var), "NO_PROXY": "127.0.0.1"}
    typed = script(page).replace(".venv/bin/python", shlex.quote(sys.executable))
    process = subprocess.Popen(
        ["bash", "-c", typed],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if link := re.search(r"http\S+/consent/\S+", line):
                login = json.loads((service.var / "secrets" / "demo.json").read_text())["speaker"]
                with httpx.Client(base_url=url, trust_env=False, timeout=30) as browser:
                    Speaker(browser, login).answer(link[0], choice)
        assert process.wait(timeout=60) == 0, "".join(said)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return "".join(said)


SOAK = os.environ.get("CONSONANT_SOAK") == "1"
BOTH = ["once", "term"]
"""Each page shows the same with either answer, so one page goes with each; in a soak both pages with both."""


@pytest.mark.parametrize("choice", BOTH if SOAK else BOTH[:1])
def test_the_first_integration_of_the_readme(service, choice):
    said = carry_out(PROJECT / "README.md", service, choice)
    assert "c2sp.org/tlog-proof@v1\nindex " in said
    assert "\nconsonant.local/acme\n" in said


@pytest.mark.parametrize("choice", BOTH if SOAK else BOTH[1:])
def test_the_quickstart(service, choice):
    said = carry_out(DOCS / "quickstart.md", service, choice)
    assert re.search(r"^entry \d+ of \d+ in consonant\.local/quickstart$", said, flags=re.MULTILINE)
    assert "key destroyed" in said
    certified = (
        r"^ok: certificate\.verified: 3 artifacts gone and 0 unconfirmed, as consonant\.local/quickstart states in "
    )
    assert re.search(certified, said, flags=re.MULTILINE)
    assert re.search(r"^  ok: log\.verified: consonant\.local/quickstart: ", said, flags=re.MULTILINE)
    assert "user-17" not in said
